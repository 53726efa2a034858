"""What a form promises to take passes the bound on what a request may bring along."""

import inspect
import re

import pytest
from django.urls import URLResolver, get_resolver, reverse

from core import uploads

EVIDENCE = uploads.MAX_EVIDENCE * uploads.MOST_EVIDENCE
# Each address that takes files → how many bytes of them it promises to take.
PROMISED = {
    "claim_new": EVIDENCE,
    "claim_for": EVIDENCE,
    "appeal_new": EVIDENCE,
    "hand_over": uploads.MAX_REPLY,
    "roster_import": uploads.MAX_SPREADSHEET,
    "candidates_add": uploads.MAX_SPREADSHEET,
    "verify_file": uploads.MAX_CERTIFICATE,
    "verify_file_json": uploads.MAX_CERTIFICATE,
}
ALSO = {
    "/admin/question-import/": uploads.MAX_BANK,
    "/admin/documents/add/": uploads.MAX_VIDEO,
    "/api/v1/hand-overs/1/replies": uploads.MAX_REPLY,
}


def views(patterns):
    """(name, the function below its decorators) of each address of the product's own; the admin's views check for themselves."""
    for pattern in patterns:
        if not isinstance(pattern, URLResolver):
            yield pattern.name, inspect.unwrap(pattern.callback)
        elif str(pattern.pattern) != "admin/":
            yield from views(pattern.url_patterns)


def reads_files(function, seen) -> bool:
    """Whether the function, or one of its module that it calls, looks for files in the request."""
    if function in seen:
        return False
    seen.add(function)
    text, module = inspect.getsource(function), function.__globals__
    called = [inspect.unwrap(module[name]) for name in re.findall(r"(?<![.\w])(\w+)\(", text) if inspect.isfunction(module.get(name))]
    return "request.FILES" in text or any(reads_files(one, seen) for one in called if one.__module__ == function.__module__)


def test_every_address_that_takes_files_says_here_how_much_it_promises():
    found = {name for name, view in views(get_resolver().url_patterns) if inspect.isfunction(view) and reads_files(view, set())}
    assert found == set(PROMISED)


def address(name):
    [(_form, arguments)], *_rest = get_resolver().reverse_dict[name]
    return reverse(name, kwargs=dict.fromkeys(arguments, 1))


@pytest.mark.parametrize("name", [*PROMISED, *ALSO])
def test_no_request_with_what_was_promised_is_refused_by_its_length(db, client, name):
    length = PROMISED.get(name) or ALSO[name]
    path = name if name in ALSO else address(name)
    answer = client.generic("POST", path, b"", "application/octet-stream", CONTENT_LENGTH=str(length + 1000))
    assert answer.status_code != 413
    answer = client.generic("POST", path, b"", "application/octet-stream", CONTENT_LENGTH=str(length + 2**21))
    assert answer.status_code == 413
