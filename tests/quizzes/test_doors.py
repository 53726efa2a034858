"""The learner's pages: what they show, to whom, and what they never let out."""

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse

from core import clock
from people.models import ReadingOfOthers
from quizzes.models import Answer, Attempt, Question, Submission
from quizzes.services import attempts
from tests.cast import NOON

LEARNER = Submission.Cause.LEARNER


@pytest.fixture
def running(cast, quiz, enrolment):
    """An attempt that began a minute ago by the real clock."""
    return attempts.start(person=cast.learner, quiz=quiz, at=clock.now() - timedelta(minutes=1))


@pytest.fixture
def over(cast, running, answer):
    answer(running, at=clock.now())
    return attempts.submit(attempt=running, cause=LEARNER, at=clock.now()).attempt


def post(client, attempt, **body):
    return client.post(reverse("attempt_answer", args=[attempt.pk]), json.dumps(body), content_type="application/json")


def test_a_learner_begins_on_the_intro_page(sign_in, cast, quiz, enrolment):
    client = sign_in(cast.learner)
    page = client.get(reverse("quiz", args=["p01-final"]))
    assert "开始答题" in page.text and "3 / 3" in page.text and "80 %" in page.text
    there = client.post(reverse("quiz", args=["p01-final"]))
    again = client.post(reverse("quiz", args=["p01-final"]))
    assert there.url == again.url == reverse("attempt", args=[Attempt.objects.get().pk])


def test_who_is_not_enrolled_is_told_so_beside_the_button(sign_in, cast, quiz):
    page = sign_in(cast.colleague).post(reverse("quiz", args=["p01-final"]))
    assert page.status_code == 409 and "请先报名" in page.text and not Attempt.objects.exists()


def test_another_countys_quiz_is_not_found(sign_in, cast, quiz):
    assert sign_in(cast.stranger).get(reverse("quiz", args=["p01-final"])).status_code == 404


def test_signed_out_people_go_to_the_sign_in(client, running):
    for name in ("attempt", "attempt_submit", "attempt_result"):
        assert "/login/" in client.get(reverse(name, args=[running.pk])).url
    answer = post(client, running, item=1, response="x", token="t")
    assert answer.status_code == 401 and answer.json()["error"] == "signed_out"


def test_nobody_else_reaches_an_attempt(sign_in, cast, running):
    item = running.items.get(kind="judge")
    for person in cast.people:
        if person == cast.learner:
            continue
        client = sign_in(person)
        assert client.get(reverse("attempt", args=[running.pk])).status_code == 404
        assert client.post(reverse("attempt", args=[running.pk])).status_code == 404
        assert client.get(reverse("attempt_submit", args=[running.pk])).status_code == 404
        assert client.post(reverse("attempt_submit", args=[running.pk])).status_code == 404
        assert client.get(reverse("attempt_answer", args=[running.pk])).status_code == 404
        assert post(client, running, item=item.pk, response="true", token="t").status_code == 404
        assert client.get(reverse("attempt_result", args=[running.pk])).status_code == 404
    assert not Answer.objects.exists() and not Submission.objects.exists()


def test_the_result_is_for_the_person_hr_and_the_auditor(sign_in, cast, over):
    seen = {
        person.employee_number
        for person in cast.people
        if sign_in(person).get(reverse("attempt_result", args=[over.pk])).status_code == 200
    }
    assert seen == {p.employee_number for p in (cast.learner, cast.hr, cast.auditor)}
    assert {r.reader for r in ReadingOfOthers.objects.all()} == {cast.hr, cast.auditor}
    assert ReadingOfOthers.objects.first().subject == cast.learner


def test_a_forged_attempt_is_not_found(sign_in, cast, running):
    client = sign_in(cast.learner)
    for name in ("attempt", "attempt_submit", "attempt_result", "attempt_answer"):
        assert client.get(reverse(name, args=[running.pk + 999])).status_code == 404


def test_an_answer_is_saved_and_acknowledged(sign_in, cast, running, django_assert_num_queries):
    item, client = running.items.get(kind="judge"), sign_in(cast.learner)
    client.get(reverse("attempt_answer", args=[running.pk]))  # the session notes that it was seen, at most every five minutes
    with django_assert_num_queries(2 + 3 + 2):  # session and user; lock, state, insert; a savepoint for BEGIN and COMMIT
        receipt = post(client, running, item=item.pk, response="true", token="t1")
    assert receipt.status_code == 200 and receipt.json()["seq"] == 1 and len(receipt.json()["code"]) == 9
    assert 0 < receipt.json()["remaining"] <= 19 * 60 * 1000
    assert post(client, running, item=item.pk, response="true", token="t1").json()["code"] == receipt.json()["code"]
    stands = client.get(reverse("attempt_answer", args=[running.pk])).json()
    assert stands["answers"] == [{"item": item.pk, "seq": 1, "response": "true"}] and stands["over"] is False


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"item": 1}',
        b'{"item": "1", "token": "t", "response": null}',
        b'{"item": true, "token": "t", "response": null}',
        b'{"item": 1, "token": "", "response": null}',
        b'{"item": 99999999999999999999999, "token": "t", "response": null}',
        b"\xff\xfe",
        b'{"item": 1, "token": "' + b"x" * 41 + b'", "response": null}',
        b'{"item": 1, "token": "a\\u0000", "response": null}',
        b"[" * 30000,
        b'{"item": 1, "token": "t", "response": null, "base": "3"}',
        b'{"item": 1, "token": "t", "response": null, "base": -1}',
        b'{"item": 1, "token": "t", "response": null, "base": 99999999999}',
        b'{"item": 1, "token": "t", "response": null, "base": true}',
    ],
)
def test_a_body_that_cannot_be_read_is_refused(sign_in, cast, running, body):
    client = sign_in(cast.learner)
    reply = client.post(reverse("attempt_answer", args=[running.pk]), body, content_type="application/json")
    assert reply.status_code == 400 and reply.json()["message"]


def test_a_body_that_is_too_long_is_refused_unread(sign_in, cast, running):
    reply = post(sign_in(cast.learner), running, item=1, token="t", response="x" * 66000)
    assert reply.status_code == 413 and "缩短" in reply.json()["message"]


def test_a_nul_in_a_blank_is_dropped(sign_in, cast, running):
    item = running.items.get(kind="fill")
    assert post(sign_in(cast.learner), running, item=item.pk, response=["公\x00开", ""], token="t").status_code == 200
    assert Answer.objects.get().response == ["公开", ""]


def test_answers_after_time_are_refused_with_the_reason(sign_in, cast, quiz, enrolment):
    late = attempts.start(person=cast.learner, quiz=quiz, at=clock.now() - timedelta(minutes=21))
    reply = post(sign_in(cast.learner), late, item=late.items.first().pk, response=None, token="t")
    assert reply.status_code == 409 and reply.json()["error"] == "time_over" and "时间已到" in reply.json()["message"]


def test_opening_a_timed_out_attempt_ends_it(sign_in, cast, quiz, enrolment):
    late = attempts.start(person=cast.learner, quiz=quiz, at=clock.now() - timedelta(minutes=21))
    page = sign_in(cast.learner).get(reverse("attempt", args=[late.pk]), follow=True)
    assert page.redirect_chain[-1][0] == reverse("attempt_result", args=[late.pk]) and "时间已到" in page.text
    submission = Submission.objects.get()
    assert submission.cause == "time" and submission.at == late.ends_at


def test_nothing_before_the_end_reveals_an_answer(sign_in, cast, quiz, enrolment):
    Question.objects.update(explanation="解析泄露了", source="条款泄露了")
    Question.objects.filter(kind="fill").update(key=[["秘密甲"], ["秘密乙"]])
    running = attempts.start(person=cast.learner, quiz=quiz, at=clock.now())
    client = sign_in(cast.learner)
    items = list(running.items.all())
    replies = [
        client.get(reverse("quiz", args=["p01-final"])),
        client.get(reverse("attempt", args=[running.pk])),
        client.get(reverse("attempt_submit", args=[running.pk])),
        client.get(reverse("attempt_answer", args=[running.pk])),
    ]
    for item in items:
        for response in (attempts.wrong_response(item), attempts.right_response(item)):
            replies.append(post(client, running, item=item.pk, response=response, token=f"{item.pk}-{len(replies)}"))
    replies.append(client.get(reverse("attempt_result", args=[running.pk]), follow=True))
    bodies = [re.sub(r"\d", "", reply.text) for reply in replies]

    for body in bodies:
        assert not any(leak in body for leak in ("解析泄露了", "条款泄露了", "accepted", '"right"', "letters", running.seed))
    assert not any("秘密甲" in body for body in bodies[:-1])  # the last page shows what the learner typed
    # Right and wrong answers are acknowledged alike, but for numbers and code.
    shapes = {tuple(sorted(reply.json())) for reply in replies[4:-1]}
    assert shapes == {("code", "remaining", "seq")}
    # In the page the right option carries no mark that the others do not.
    page = client.get(reverse("attempt", args=[running.pk])).text
    single = next(item for item in items if item.kind == "single")
    labels = [
        re.sub(r'value="\w+"|<span>.*?</span>| checked', "", line)
        for line in re.findall(rf'<label[^>]*><input[^>]*name="r-{single.pk}".*?</label>', page)
    ]
    assert len(labels) == 2 and len(set(labels)) == 1


def test_the_page_shows_the_answers_that_stand_on_the_server(sign_in, cast, running, answer):
    client = sign_in(cast.learner)
    assert client.get(reverse("attempt", args=[running.pk])).text.count('data-state="none">未作答') == 6
    answer(running, at=clock.now())
    page = client.get(reverse("attempt", args=[running.pk])).text
    assert page.count(" checked") == 4 and page.count(" selected") == 5 and 'value="不公开"' in page and page.count("已保存 ✓ #") == 6


def test_the_attempt_page_takes_few_queries(sign_in, cast, running, answer, django_assert_max_num_queries):
    from django.core.cache import caches

    client = sign_in(cast.learner)
    answer(running, at=clock.now())
    caches["local"].clear()
    with django_assert_max_num_queries(10):
        client.get(reverse("attempt", args=[running.pk]))
    with django_assert_max_num_queries(4):
        client.get(reverse("attempt", args=[running.pk]))


def test_the_other_pages_take_few_queries(sign_in, cast, over, django_assert_max_num_queries):
    client = sign_in(cast.learner)
    for url in (reverse("attempt_result", args=[over.pk]), reverse("quiz", args=["p01-final"])):
        with django_assert_max_num_queries(15):
            assert client.get(url).status_code == 200


def test_the_whole_form_works_without_the_script(sign_in, cast, running):
    client = sign_in(cast.learner)
    by_kind = {item.kind: item for item in running.items.all()}
    form = {f"seq-{item.pk}": "0" for item in by_kind.values()} | {"then": "submit"}
    for kind, item in by_kind.items():
        right = attempts.right_response(item)
        if kind in {"order", "match"}:
            form |= {f"r-{item.pk}-{token}": str(value) for token, value in right.items()}
        else:
            form[f"r-{item.pk}"] = right
    there = client.post(reverse("attempt", args=[running.pk]), form)
    assert there.url == reverse("attempt_submit", args=[running.pk]) and Answer.objects.count() == 6
    client.post(reverse("attempt", args=[running.pk]), form)
    assert Answer.objects.count() == 6
    assert "全部作答" in client.get(there.url).text
    result = client.post(there.url, follow=True)
    assert "合格" in result.text and Submission.objects.get().result.percent == 100
    client.post(there.url)
    assert Submission.objects.count() == 1


def test_the_confirmation_names_what_is_open(sign_in, cast, running):
    client = sign_in(cast.learner)
    fill, judge = running.items.get(kind="fill"), running.items.get(kind="judge")
    post(client, running, item=fill.pk, response=["公开", ""], token="a")
    post(client, running, item=judge.pk, response="true", token="b")
    page = client.get(reverse("attempt_submit", args=[running.pk])).text
    assert "还有 4 题未作答" in page and "还没有答完" in page and f"#q-{fill.position}" in page and f"#q-{judge.position}" not in page


def test_the_result_shows_own_and_right_answers_with_the_clause(sign_in, cast, running):
    client = sign_in(cast.learner)
    judge, fill = running.items.get(kind="judge"), running.items.get(kind="fill")
    post(client, running, item=judge.pk, response="true", token="a")
    post(client, running, item=fill.pk, response=["公开", "保密"], token="b")
    client.post(reverse("attempt_submit", args=[running.pk]))
    page = client.get(reverse("attempt_result", args=[running.pk])).text
    assert "未合格" in page and "您的答案" in page and "保密" in page and "不公开" in page and "第二十六条" in page and "再答一次" in page


def test_a_stem_with_markup_is_text(sign_in, cast, quiz, enrolment):
    Question.objects.filter(kind="judge").update(stem='<script>alert(1)</script>"><img src=x onerror=1>')
    running = attempts.start(person=cast.learner, quiz=quiz, at=clock.now())
    page = sign_in(cast.learner).get(reverse("attempt", args=[running.pk])).text
    assert "<script>alert" not in page and "<img src=x" not in page


def test_what_ended_cannot_be_reopened(sign_in, cast, over):
    client = sign_in(cast.learner)
    assert client.get(reverse("attempt", args=[over.pk])).url == reverse("attempt_result", args=[over.pk])
    assert client.post(reverse("attempt", args=[over.pk]), {"then": "save"}).url == reverse("attempt_result", args=[over.pk])
    assert post(client, over, item=over.items.first().pk, response=None, token="z").json()["error"] == "over"


def test_times_are_the_countys(sign_in, cast, quiz, enrolment):
    attempts.submit(attempt=attempts.start(person=cast.learner, quiz=quiz, at=NOON), cause=LEARNER, at=NOON)
    assert "2026-06-15 12:00" in sign_in(cast.learner).get(reverse("quiz", args=["p01-final"])).text
