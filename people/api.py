"""What every door for programs shares: the token, the calls a minute, one form of error. config/api.py assembles the doors."""

import re
from collections.abc import Collection
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import Schema
from ninja.errors import HttpError
from ninja.security import HttpBearer
from ninja.throttling import BaseThrottle
from pydantic_core import PydanticCustomError

from core import clock
from people.models import ApiToken
from people.services import tokens

CALLS_A_MINUTE = 300
PLAIN = r"^[^\x00-\x1f]*$"


class Problem(HttpError):
    """An error with a code for programs; config/api.py writes it as problem+json."""

    def __init__(self, status: int, message: str, *, code: str, retry_after: int | None = None, errors: list | None = None) -> None:
        super().__init__(status, message)
        self.code, self.retry_after, self.errors = code, retry_after, errors


class Token(HttpBearer):
    """`Authorization: Bearer gzk_…`. The token holds, has the scope, and its owner is still HR over its unit — or the call ends here."""

    openapi_description = "A key that HR makes at /api-access/ or with `manage.py api_token create`, shown once."

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        at = clock.now()
        found = tokens.authenticate(token, scope=self.scope, at=at)
        if found is not None:
            return found
        held = ApiToken.objects.filter(digest=tokens.digest_of(token), revoked_at=None, expires_at__gt=at).first()
        if held is not None and self.scope not in held.scopes:
            raise Problem(403, _("This token lacks the scope “%(scope)s”.") % {"scope": self.scope}, code="scope")
        raise Problem(401, _("The token is unknown, has expired or was revoked."), code="token")


class CallsAMinute(BaseThrottle):
    """So many calls a minute for each token, counted in the shared cache."""

    def allow_request(self, request: HttpRequest) -> bool:
        minute = int(clock.now().timestamp()) // 60
        key = f"api-calls:{request.auth.pk}:{minute}"  # type: ignore[attr-defined]
        return _counted(key) <= CALLS_A_MINUTE

    def wait(self) -> float:
        return 60 - clock.now().timestamp() % 60


def _counted(key: str) -> int:
    """Count one more call, and tell which it was. Redis counts calls at the same moment one by one; the cache in the database may miss one."""
    for _attempt in range(2):
        try:
            return cache.incr(key)
        except ValueError:  # the first of its minute; who adds it counts as that
            if cache.add(key, 1, 120):
                return 1
    return 1  # thrown out between the two


class ProblemOut(Schema):
    """RFC 9457. `detail` is for people, in the language of Accept-Language; `code` is for programs."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, Any]] | None = None


# What every door may answer beside 200. 304: unchanged since the answer whose ETag came as If-None-Match.
PROBLEMS = {
    304: None,
    401: ProblemOut,
    403: ProblemOut,
    404: ProblemOut,
    422: ProblemOut,
    429: ProblemOut,
    500: ProblemOut,
    503: ProblemOut,
}


def written_as_a_day(value: object) -> object:
    """Refuse what does not begin with a day: pydantic would take 2026 for seconds since 1970."""
    if isinstance(value, str) and not re.match(r"\s*\d{4}-\d{2}-\d{2}", value):
        raise PydanticCustomError("datetime_parsing", "Input should begin with a day such as 2026-01-01")
    return value


def refuse_strange_parameters(request: HttpRequest, known: Collection[str]) -> None:
    """A parameter that is not known, or given twice, would otherwise be passed over, and the answer would be to another question than was meant."""
    names = "、".join(known) or "—"
    errors = [
        {"field": name[:40], "code": "unknown", "detail": _("There is no such parameter. Known are: %(names)s.") % {"names": names}}
        if name not in known
        else {"field": name, "code": "repeated", "detail": _("Give it once.")}
        for name, values in request.GET.lists()
        if name not in known or len(values) > 1
    ]
    if errors:
        names = "、".join(one["field"] for one in errors)
        raise Problem(422, _("These parameters are not understood: %(names)s.") % {"names": names}, code="parameters", errors=errors)


TITLES = {
    401: gettext_lazy("Not signed in"),
    403: gettext_lazy("Not allowed"),
    404: gettext_lazy("No such thing"),
    405: gettext_lazy("Method not allowed"),
    422: gettext_lazy("Not understood"),
    429: gettext_lazy("Too many calls"),
    500: gettext_lazy("An error on our side"),
    503: gettext_lazy("Busy"),
}
