"""The pages of import and export in a real browser: what a report says can be read on a phone."""

import io
import os

import pytest

from core import clock
from courses.services import catalogues
from quizzes.models import Question
from quizzes.services import exchange
from tests.chromium import DESK, PHONE

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

FILE = """没有答案的说明

::政务公开知识竞赛2026年第一季度第17题::以{=公开}为常态、以{=不公开}为例外。

::C::**粗体**题干？{~7#太短 =20}
"""
CUT = "[...document.querySelectorAll('main *')].filter(one => one.offsetWidth && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"
WHY = "[...document.querySelectorAll('main td:last-child')].map(one => one.offsetWidth)"


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_reasons_of_an_import_and_an_export_can_be_read(cast, quiz, open_page, enter, live_server, size):
    catalogues.sync_members(county=cast.county)
    for number, question in enumerate(Question.objects.order_by("pk")):
        Question.objects.filter(pk=question.pk).update(code=f"H-50968f3177f7105{number}")
    job = exchange.start(
        io.BytesIO(FILE.encode()), name="x.gift", format="gift", county=cast.county, by=cast.trainer, course_code="P09", at=clock.now(),
        then=lambda pk: None,
    )  # fmt: skip
    exchange.check(job.pk, clock=clock.now)
    page = enter(open_page(size), cast.trainer)
    for path in (f"question-import/{job.pk}/", "question-import/", "questions/export/?format=aiken"):
        page.goto(f"{live_server.url}/admin/{path}")
        assert page.evaluate(CUT) == []
        assert path == "question-import/" or min(page.evaluate(WHY)) > 200, path
