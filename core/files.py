"""Files of the storage over HTTP: whole, one range of them so that videos play and seek, or by nginx."""

import re
from urllib.parse import quote

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from whitenoise.responders import SlicedFile

# Eighteen digits are more than any file has; int() refuses thousands of them.
ONE_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


def send(request: HttpRequest, *, name: str, content_type: str) -> HttpResponseBase:
    """The file of this name in the default storage. Who may have it is the caller's question.

    Answers Range, If-Range and If-None-Match (RFC 9110). With X_ACCEL_LOCATION set, nginx sends the file and answers them.

    Raises:
        Http404: there is no such file.
    """
    if settings.X_ACCEL_LOCATION:
        accel = f"{settings.X_ACCEL_LOCATION.rstrip('/')}/{quote(name)}"
        return HttpResponse(content_type=content_type, headers={"X-Accel-Redirect": accel})
    try:
        file = default_storage.open(name)
        size, changed = file.size, default_storage.get_modified_time(name)
    except OSError as error:
        raise Http404 from error
    etag = f'"{size:x}-{int(changed.timestamp() * 1e6):x}"'
    part = asked_part(request, etag=etag, size=size)
    response: HttpResponseBase
    if (unneeded := get_conditional_response(request, etag=etag)) is not None:
        file.close()
        response = unneeded
    elif part is None:
        response = FileResponse(file, content_type=content_type)
    elif part:
        response = FileResponse(SlicedFile(file, part.start, part.stop - 1), status=206, content_type=content_type)
        response["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        response["Content-Length"] = len(part)
    else:
        file.close()
        response = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    return response


def asked_part(request: HttpRequest, *, etag: str, size: int) -> range | None:
    """The bytes that a request wants of a file with this entity tag and size; None: all of them."""
    is_unchanged = request.headers.get("If-Range", etag) == etag
    return part_of(request.headers.get("Range", ""), size=size) if request.method == "GET" and is_unchanged else None


def part_of(header: str, *, size: int) -> range | None:
    """The bytes that a Range header names; empty when the file has none of them, None when it is to be sent whole.

    Several ranges, other units and nonsense are ignored, as RFC 9110 section 14.2 allows.
    """
    match = ONE_RANGE.fullmatch(header)
    first, last = match.groups() if match else ("", "")
    if first and last and int(last) < int(first):
        return None
    if first:
        return range(int(first), min(int(last) + 1, size) if last else size)
    return range(max(size - int(last), 0), size) if last else None
