"""What people type into the searches of the authoring side, whatever signs are in it."""

import pytest
from django.core.management import call_command

from courses.models import CoursePage
from tests.factories import make_course

DOORS = [
    "/admin/images/",
    "/admin/documents/",
    "/admin/images/chooser/results/",
    "/admin/documents/chooser/results/",
    "/admin/choose-page/search/",
    "/admin/pages/search/",
]
TYPED = [
    '"',
    '关于"公开',
    '"依申请" 公开"',
    "'",
    "%",
    "关于%公开",
    "\\",
    "a AND",
    "NOT",
    "公开*",
    "(",
    "col:公开",
    "-",
    "^公开",
    "title:",
    '""',
]


@pytest.mark.parametrize("door", DOORS)
def test_no_sign_is_an_error(door, cast, sign_in):
    make_course(cast.county)
    client = sign_in(cast.trainer)
    assert {typed: client.get(door, {"q": typed}).status_code for typed in TYPED} == dict.fromkeys(TYPED, 200)


@pytest.mark.django_db(transaction=True)
def test_a_quotation_mark_in_between_hides_nothing(cast):
    make_course(cast.county, title="依申请公开", lessons=1)
    call_command("update_index", verbosity=0)
    for typed in ('"依申请公开', '依申请公开"', '" 依申请公开'):
        assert [page.title for page in CoursePage.objects.search(typed)] == ["依申请公开"], typed
    assert not CoursePage.objects.search('"')
