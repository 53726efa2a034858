"""Receipt slips: they fit one attempt and its answers, and nobody else can make them."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import QuerySet
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import clock
from quizzes.models import Answer, Candidate, Submission
from quizzes.services import attempts, sittings, slips
from tests.cast import NOON

LEARNER = Submission.Cause.LEARNER
MINUTE = timedelta(minutes=1)


@pytest.fixture
def handed_in(cast, sitting, answer):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    answer(attempt)
    return attempts.submit(attempt=attempt, cause=LEARNER, at=NOON + 5 * MINUTE).attempt


def test_a_slip_says_what_was_received(handed_in):
    slip = slips.of(handed_in)
    assert (slip.answers, slip.answered, slip.questions, slip.by_the_clock) == (6, 6, 6, False)
    assert slip.handed_in_at == NOON + 5 * MINUTE and slip.masked_name == "张*明"
    assert slip.code.startswith(f"{handed_in.pk}-") and slips.of(handed_in).code == slip.code


def test_the_code_leads_back_to_the_slip_however_it_is_written_down(handed_in):
    slip = slips.of(handed_in)
    sloppy = slip.code.lower().replace("-", "  ").replace("0", "o").replace("1", "l")
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in slip.code)
    assert slips.check(slip.code) == slips.check(sloppy) == slips.check(wide) == slip


def test_another_code_fits_nothing(handed_in, cast, sitting):
    code = slips.of(handed_in).code
    number, signs = code.split("-", 1)
    Candidate.objects.create(sitting=sitting, person=cast.colleague)
    running = sittings.enter(person=cast.colleague, sitting=sitting, at=NOON)
    for other in (running.pk, running.pk + 1):
        assert slips.check(f"{other}-{signs}") is None
    for place, sign in enumerate(signs):
        if sign != "-":
            assert slips.check(f"{number}-{signs[:place]}{'7' if sign != '7' else '8'}{signs[place + 1 :]}") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60) | st.from_regex(slips._CODE, fullmatch=True))
def test_whatever_is_typed_is_answered(db, text):
    assert slips.check(text) is None


def test_the_code_hangs_on_every_answer_and_on_the_time(handed_in):
    code = slips.of(handed_in).code
    QuerySet.update(Answer.objects.filter(seq=3), response=None)
    assert slips.check(code) is None and slips.of(handed_in).code != code
    handed_in.submission.at += timedelta(microseconds=1)
    assert slips.of(handed_in).code != code


def test_a_new_secret_makes_other_codes_and_knows_the_old_ones(handed_in, settings):
    code, old = slips.of(handed_in).code, settings.SECRET_KEY
    settings.SECRET_KEY = "another secret of the county"
    assert slips.check(code) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert slips.check(code).code == code and slips.of(handed_in).code != code


def test_the_clocks_hand_shows_on_the_slip(cast, sitting):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    attempts.submit_overdue(NOON + 40 * MINUTE)
    slip = slips.of(attempt)
    assert slip.by_the_clock and (slip.answers, slip.answered) == (0, 0) and slips.check(slip.code) == slip


def test_after_an_exam_comes_the_slip_without_the_name_or_any_mark(sign_in, cast, open_sitting, answer):
    attempt = sittings.enter(person=cast.learner, sitting=open_sitting, at=clock.now())
    answer(attempt, at=clock.now())
    client = sign_in(cast.learner)
    there = client.post(reverse("attempt_submit", args=[attempt.pk]))
    assert there.url == reverse("attempt_slip", args=[attempt.pk])
    page = client.get(there.url).text
    main = page[page.index("<main") : page.index("</main")]
    assert slips.of(attempt).code in main and "张*明" in main and "张小明" not in main
    assert "合格" not in main and "不公开" not in main and "成绩" in main  # results come later, it says


def test_a_slip_is_for_its_owner_and_only_when_it_is_over(sign_in, cast, handed_in, open_sitting):
    address = reverse("attempt_slip", args=[handed_in.pk])
    for person in cast.people:
        assert sign_in(person).get(address).status_code == (200 if person == cast.learner else 404)


def test_while_it_runs_there_is_no_slip(sign_in, cast, open_sitting):
    attempt = sittings.enter(person=cast.learner, sitting=open_sitting, at=clock.now())
    reply = sign_in(cast.learner).get(reverse("attempt_slip", args=[attempt.pk]))
    assert reply.url == reverse("attempt", args=[attempt.pk])


def test_the_result_of_a_course_quiz_leads_to_its_slip(sign_in, cast, attempt):
    attempts.submit(attempt=attempt, cause=LEARNER, at=NOON)
    client = sign_in(cast.learner)
    address = reverse("attempt_slip", args=[attempt.pk])
    assert f'href="{address}"' in client.get(reverse("attempt_result", args=[attempt.pk])).text
    page = client.get(address).text
    assert slips.of(attempt).code in page and "查看成绩" in page


def test_pages_and_guides_call_a_receipt_and_a_seal_by_one_word_each():
    """交卷回执 and 密封: 凭条 and 封存 are other words for the same, and readers ask what the difference is."""
    root = Path(__file__).parents[2]
    texts = [root / "locale/zh_Hans/LC_MESSAGES/django.po", *root.glob("docs/**/*.md"), *root.glob("home/demo/*.yaml")]
    texts += [*root.glob("quizzes/**/*.html"), *root.glob("quizzes/layouts/*.typ")]
    assert len(texts) > 20
    assert [(text.name, word) for text in texts for word in ("凭条", "封存") if word in text.read_text()] == []
