"""A person's archive: all of theirs, nothing of others, the same on paper and for programs, for them and their HR."""

import io
import json
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from pypdf import PdfReader

from certificates.models import Attestation, Certificate
from core import clock
from core.errors import Refused
from courses.models import Completion, Course, Enrolment
from evaluation import archive, archive_paper, claims
from evaluation.models import Appeal, HourClaim, LearningReminder, LedgerEntry, PersonLine, Reminder
from evaluation.periods import appeals, chain
from people.models import Leave, Person, ReadingOfOthers, Role
from people.services import leaves, postings, units
from quizzes.models import Allowance, Attempt, Candidate, Sitting, Submission
from quizzes.services import attempts, sittings
from tests import cast as casting
from tests.cast import EVERYBODY, NOON
from tests.counties import exams_in_full_swing, in_full_swing, make_quiz
from tests.evaluation import rows
from tests.factories import complete, make_course
from tests.quizzes.exams import MINUTE, make_sitting

ROOT = Path(__file__).resolve().parents[2]
OWN = ("my_archive_pdf", "my_archive_json")
OF_PERSON = ("archive_pdf", "archive_json")
WHY = {"purpose": "filing", "more": "姚人社函〔2026〕7号"}


def fresh(person: Person) -> Person:
    return Person.objects.select_related("unit").get(pk=person.pk)


AFTER_THE_EXAMS = timedelta(hours=3)  # while one is sat or to come on the same questions, no items are told


def of(person: Person, **more) -> dict:
    return archive.archive_of(fresh(person), at=more.pop("at", None) or clock.now(), **more)


@pytest.fixture
def full(cast, signing_keys) -> Person:
    """The learner with a row of every kind that is about a person."""
    keys, at = in_full_swing(cast) | exams_in_full_swing(cast), clock.now()
    second = casting.person("YA10099", "韩复核", cast.county)
    casting.grant(second, Role.HR, cast.county)
    claim = HourClaim.objects.get(pk=keys["claim"][0])
    for officer in (cast.hr, second):
        claim = claims.approve(claim=claim, by=officer, at=at)
    leave = Leave.objects.get(person=cast.learner)
    kept = leaves.Facts(leave.kind, leave.starts_on, clock.today(at), "县医院证明（虚构），第2页")
    leaves.correct(leave=leave, facts=kept, reason="已返岗", by=cast.hr, form_key="back", at=at)
    appeals.refuse(appeal=Appeal.objects.get(pk=keys["appeal"][0]), by=second, reason="讲座未登记学时。", at=at)
    rows.reverse(Completion.objects.filter(person=cast.learner).order_by("pk")[0], by=cast.hr, at=at, reason="课程重复登记")
    casting.grant(cast.learner, Role.TRAINER, cast.section)
    LearningReminder.objects.create(person=cast.learner, unit=cast.section, by=cast.own_leader, missing=2, day=clock.today(at), at=at)
    reminder = Reminder.objects.get(pk=keys["reminder"][0])
    Reminder.objects.create(
        period=reminder.period,
        line=reminder.line,
        unit=reminder.unit,
        person=cast.learner,
        person_name=cast.learner.name,
        level="joint",
        action="约谈提醒",
        duties=["staff"],
        by=cast.hr,
        at=at,
    )
    chain.answer(reminder=Reminder.objects.get(person=cast.learner), by=cast.learner, text="已对照整改。", form_key="k", at=at)
    sat = {"person": cast.learner, "quiz": Attempt.objects.get(pk=keys["sat"][0]).quiz, "extra_minutes": 20, "reason": "手伤，凭诊断"}
    Allowance.objects.create(**sat, by=cast.hr, at=at)
    return fresh(cast.learner)


# What it holds


HELD = {
    "postings": lambda p: p.postings,
    "roles": lambda p: p.role_grants,
    "leaves": lambda p: Leave.objects.filter(person=p),
    "enrolments": lambda p: Enrolment.objects.filter(person=p),
    "attempts": lambda p: Attempt.objects.filter(person=p),
    "sittings": lambda p: Candidate.objects.filter(person=p, sitting__is_draft=False),
    "allowances": lambda p: Allowance.objects.filter(person=p),
    "completions": lambda p: Completion.objects.filter(person=p),
    "certificates": lambda p: Certificate.objects.filter(person=p),
    "attestations": lambda p: Attestation.objects.filter(person=p),
    "hours": lambda p: LedgerEntry.objects.filter(person=p),
    "claims": lambda p: HourClaim.objects.filter(person=p),
    "evaluations": lambda p: PersonLine.objects.filter(person=p),
    "appeals": lambda p: Appeal.objects.filter(person=p),
    "responsibility_reminders": lambda p: Reminder.objects.filter(person=p),
    "learning_reminders": lambda p: LearningReminder.objects.filter(person=p),
}
LEFT_OUT = {
    "people.ActivationCode": "a digest for a first sign-in",
    "evaluation.ExportChoice": "which columns an officer likes",
}


def test_it_holds_every_row_of_the_person(full):
    made = of(full)
    counted = {section: row_set(full).count() for section, row_set in HELD.items()}
    assert all(counted.values()), counted
    assert {section: len(made[section]) for section in HELD} == counted
    assert archive.rows_in(made) == sum(counted.values())
    assert made["format"] == "county-learning-archive/1" and made["made_for"] == "person" and made["withheld"] == {}


def test_every_table_that_is_about_a_person_is_in_it_or_is_left_out_for_a_reason(full):
    """A table that comes with a `person` has to be decided on."""
    about = {
        model._meta.label
        for model in apps.get_models()
        for field in model._meta.fields
        if field.name == "person" and field.related_model is Person
    }
    held = {row_set(full).model._meta.label for row_set in HELD.values()}
    assert about == held | set(LEFT_OUT)


def test_what_it_says_of_some_rows(full, cast):
    made = of(full)
    by_state = {one["state"] for one in made["attempts"]}
    withdrawn, *_others = [one for one in made["completions"] if one["reversal"]]
    first, second = made["leaves"]
    credited, refused = sorted(made["claims"], key=lambda one: one["state"])
    (appeal,) = made["appeals"]
    sums = LedgerEntry.objects.filter(person=full).values_list("year").annotate(Sum("hours")).order_by("year")

    assert made["person"]["name"] == "张小明" and made["person"]["unit"] == "姚安县教育体育局 办公室"
    assert by_state == {"open", "known"}
    assert withdrawn["reversal"] | {"at": ""} == {"reason": "课程重复登记", "by": "郑人事", "at": ""}
    assert (second["replaces"], second["reason"], first["replaces"]) == (first["id"], "已返岗", None)
    assert [one["by"] for one in credited["decisions"]] == ["郑人事", "韩复核"] and credited["evidence"][0]["name"] == "签到表.pdf"
    assert re.fullmatch("[0-9a-f]{64}", credited["evidence"][0]["sha256"]) and refused["decisions"][0]["reason"].startswith("签到表看不清")
    assert (appeal["state"], appeal["decisions"][0]["by"]) == ("refused", "韩复核")
    assert {event["kind"] for one in made["certificates"] for event in one["events"]} >= {"issued", "suspended", "revoked", "replaced"}
    assert made["hours_by_year"] == {str(year): f"{hours:.2f}" for year, hours in sums}
    assert made["responsibility_reminders"][0]["answers"][0]["text"] == "已对照整改。"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00", one["at"]) for one in made["hours"])


def test_it_is_plain_json_and_every_key_is_told_in_the_documents(full):
    made, told = of(full), (ROOT / "docs" / "archive.md").read_text()

    def keys(data, path=()):
        if isinstance(data, dict):
            for name, value in data.items():
                if path[-1:] not in {("hours_by_year",), ("facts",), ("shown",), ("response",), ("detail",), ("withheld",)}:
                    yield name
                    yield from keys(value, (*path, name))
        elif isinstance(data, list):
            for value in data:
                yield from keys(value, path)

    assert json.loads(archive.text_of(made)) == made
    assert {key for key in keys(made) if f"`{key}`" not in told} == set()


def test_every_section_is_there_for_somebody_of_whom_nothing_is_known(cast):
    made = of(cast.stranger)
    assert all(made[section] == [] for section in HELD if section != "postings") and made["hours_by_year"] == {}


def test_it_names_nobody_but_officers_who_decided(full, cast):
    text = archive.text_of(of(full))
    officers = {"郑人事", "韩复核", "许二复", "周讲", "赵一山"}  # who decided, attested, reminded
    others = Person.objects.exclude(pk=full.pk)
    assert [one.name for one in others if one.name in text and one.name not in officers] == []
    assert [one.employee_number for one in others if one.employee_number in text] == []


# Tests and exams


def test_an_item_tells_what_was_shown_answered_and_earned_and_never_the_key(full):
    with CaptureQueriesContext(connection) as asked:
        made = of(full, at=clock.now() + AFTER_THE_EXAMS)
    found = [item for one in made["attempts"] for item in one["items"] or ()]
    judge = next(item for item in found if item["kind"] == "judge" and item["response"])

    assert {name for item in found for name in item} == {
        *("position", "kind", "points", "shown", "response", "answer", "answered_at", "earned", "comments", "criteria"),
        *("rubrics", "corrections"),
    }
    assert judge["answer"] in (["正确"], ["错误"]) and judge["shown"] == {"stem": "一律收费。"}
    assert not any('"quizzes_attemptitem"."key"' in query["sql"] for query in asked)
    assert "见条例原文" not in archive.text_of(made) and "《政府信息公开条例》第二十六条" not in archive.text_of(made)


def test_nothing_of_the_items_of_an_attempt_that_is_not_over(full):
    open_ones = [one for one in of(full)["attempts"] if one["state"] == "open"]
    assert open_ones and all(one["items"] is one["result"] is one["submitted_at"] is None for one in open_ones)


@pytest.mark.parametrize("results", Sitting.Results)
def test_marks_are_in_it_from_the_moment_on_at_which_the_person_may_know_them(cast, results):
    quiz = make_quiz(cast, "exam", "X01")
    make_course(cast.county, code="X01", lessons=1, quiz_key="exam", pass_rule="quiz", required_for=[])
    sitting = make_sitting(cast, quiz, opens_at=NOON, results=results)
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON + MINUTE)
    attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=NOON + 5 * MINUTE)
    attempt = Attempt.objects.select_related("sitting").get(pk=attempt.pk)

    for at in (NOON + 6 * MINUTE, NOON + 61 * MINUTE):
        (one,) = of(cast.learner, at=at)["attempts"]
        known = not sittings.results_wait_for(attempt, at)
        assert one["state"] == ("known" if known else "results_wait")
        assert (one["result"] is not None) == (one["items"] is not None) == known
        assert one["submitted_at"] == "2026-06-15T12:05:00+08:00"
        if not known:
            paper = "".join(text_of_pdf(archive_paper.pdf(of(cast.learner, at=at))).split())
            assert "成绩尚未公布" in paper and "一律收费" not in paper and "不合格" not in paper


# On paper


def text_of_pdf(data: bytes) -> str:
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def test_the_paper_tells_the_same_and_carries_the_file(full):
    made = of(full)
    data = archive_paper.pdf(made)
    text = "".join(text_of_pdf(data).split())
    for fact in (
        "个人学习档案",
        "张小明",
        "YA10001",
        "一律收费",
        "课程重复登记",
        "讲座未登记学时",
        "已对照整改",
        "手伤，凭诊断",
        "韩复核",
        "约谈提醒",
    ):
        assert fact in text, fact
    for year, hours in made["hours_by_year"].items():
        assert f"{year}年{Decimal(hours).normalize():f}学时" in text
    for one in made["certificates"]:
        assert one["number"] in text
    (carried,) = PdfReader(io.BytesIO(data)).attachments["archive.json"]
    assert carried.decode() == archive.text_of(made)


def test_every_text_of_the_archive_but_what_only_programs_read_is_on_the_paper(full):
    """Rows that the paper forgot would be seen here."""
    made = of(full)
    paper = "".join(str(archive_paper.sheet(made)).split())
    free = {
        "reason",
        "text",
        "note",
        "evidence",
        "voucher",
        "action",
        "name",
        "title",
        "condition",
        "room",
        "sha256",
        "quiz",
        "sitting",
        "by",
    }

    def texts(data, name=""):
        if isinstance(data, dict):
            for key, value in data.items():
                if key not in {"shown", "response", "facts", "policy"}:
                    yield from texts(value, key)
        elif isinstance(data, list):
            for value in data:
                yield from texts(value, name)
        elif isinstance(data, str) and name in free:
            yield data

    with translation.override("zh-hans"):
        words = {
            text for text in texts(made) if not text.startswith(("lesson-place", "attempt:")) and text not in {"test", "roster", "opening"}
        }
    assert {text for text in words if "".join(text.split()) not in paper.replace("\\n", "")} == set()


def test_the_same_instant_gives_the_same_bytes_in_any_language(full):
    at = clock.now()
    first = of(full, at=at)
    with translation.override("en"):
        again = of(full, at=at)
        assert archive.text_of(again) == archive.text_of(first)
        assert archive_paper.pdf(again) == archive_paper.pdf(first)


def test_no_section_of_an_empty_archive_is_left_out_on_paper(cast):
    text = "".join(text_of_pdf(archive_paper.pdf(of(cast.stranger))).split())
    assert "申诉的处理无" in text and "学时台账无" in text and "第1页，共" in text


def test_of_very_many_answers_the_paper_prints_the_newest(full, monkeypatch):
    made = of(full, at=clock.now() + AFTER_THE_EXAMS)
    newest = [one for one in made["attempts"] if one["items"]][-1]
    monkeypatch.setattr(archive_paper, "MOST_ITEMS", len(newest["items"]))
    printed = archive_paper.sheet(made)
    tables = [one for one in printed["sections"] if any(column["name"] == "本人作答" for column in one["columns"])]
    assert [len(one["rows"]) for one in tables] == [len(newest["items"])]
    assert any("较早的只列在机器可读文件中" in note for note in printed["notes"])


# What it costs


def test_it_takes_as_many_queries_for_a_long_history(cast, full):
    def costs(**more) -> int:
        with CaptureQueriesContext(connection) as asked:
            of(full, **more)
        return len(asked)

    before, to_hr = costs(), costs(reader=fresh(cast.hr))
    at = clock.now()
    under_way = Attempt.objects.open().get(person=full, sitting=None)
    attempts.submit(attempt=under_way, cause=Submission.Cause.LEARNER, at=at)
    quiz = Attempt.objects.filter(person=full, sitting=None).first().quiz
    for number in range(4):
        complete(full, make_course(cast.county, code=f"M{number}", certificate="training"), at=at)
        rows.added(person=full, year=at.year, hours=Decimal(1), reason=f"补登{number}", by=cast.hr, at=at, form_key=f"{number}")
        day = clock.today(at) - timedelta(days=number + 1)
        facts = claims.Facts("lecture", f"讲座{number}", "办公室", day, day, Decimal("0.5"))
        claims.file(person=full, facts=facts, files=[claims.File("a.pdf", b"%PDF-1.7\n")], form_key=f"m{number}", at=at)
        rows.sat(full, Course.objects.get(code="P01"), passed=True, number=90 + number, key=quiz.key, at=at)
    assert costs() == before and costs(reader=fresh(cast.hr)) == to_hr
    assert before <= 42


# The doors


@pytest.mark.parametrize("door", OF_PERSON)
@pytest.mark.parametrize("who", EVERYBODY)
def test_oneself_and_hr_over_the_person_take_the_archive(cast, sign_in, who, door):
    answer = sign_in(getattr(cast, who)).get(reverse(door, args=[cast.learner.pk]), WHY)
    assert answer.status_code == (200 if who in {"learner", "hr"} else 404)
    found = ReadingOfOthers.objects.filter(what="personal archive").values_list("kind", "reader", "subject", "unit", "filters")
    kind = door.removeprefix("archive_")
    traced = (
        [("export", cast.hr.pk, cast.learner.pk, cast.section.pk, {"format": kind, "purpose": "归档：姚人社函〔2026〕7号"})]
        if who == "hr"
        else []
    )
    assert list(found) == traced


@pytest.mark.parametrize("why", [{}, {"purpose": ""}, {"purpose": "x"}, {"purpose": "other", "more": " "}])
@pytest.mark.parametrize("door", OF_PERSON)
def test_hr_says_what_an_archive_is_needed_for(cast, sign_in, door, why):
    answer = sign_in(cast.hr).get(reverse(door, args=[cast.learner.pk]), why, follow=True)
    assert answer.redirect_chain == [(reverse("learning_file", args=[cast.learner.pk]) + "#archive", 302)]
    assert "文件作何用途" in answer.text and not ReadingOfOthers.objects.filter(kind="export").exists()


@pytest.mark.parametrize("door", OWN)
@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_takes_their_own_along_without_a_trace(cast, sign_in, who, door):
    answer = sign_in(getattr(cast, who)).get(reverse(door))
    assert answer.status_code == 200 and not ReadingOfOthers.objects.exists()
    if door == "my_archive_json":
        made = answer.json()
        assert made["person"]["number"] == getattr(cast, who).employee_number and made["made_for"] == "person"
    else:
        assert answer.content.startswith(b"%PDF-")


@pytest.mark.parametrize("path", [*OWN, *OF_PERSON])
def test_nobody_gets_in_signed_out_or_by_a_post(cast, client, sign_in, path):
    address = reverse(path, args=[cast.learner.pk] if path in OF_PERSON else [])
    assert client.get(address).headers["Location"].startswith(reverse("account_login"))
    assert sign_in(cast.learner).post(address).status_code == 405


def test_hr_of_a_unit_reaches_those_who_serve_there_now(cast, sign_in):
    bureau_hr, finance_hr = casting.person("YA10081", "何局人", cast.bureau), casting.person("YA10082", "施财人", cast.other_bureau)
    casting.grant(bureau_hr, Role.HR, cast.bureau)
    casting.grant(finance_hr, Role.HR, cast.other_bureau)
    door = reverse("archive_json", args=[cast.learner.pk])
    assert [sign_in(one).get(door, WHY).status_code for one in (bureau_hr, finance_hr)] == [200, 404]
    postings.post(person=cast.learner, unit=cast.other_bureau, title="科员", duties=["staff"], starts_on=date(2026, 6, 1))
    assert [sign_in(one).get(door, WHY).status_code for one in (bureau_hr, finance_hr)] == [404, 200]


def test_the_files_say_whose_they_are_and_are_never_kept(cast, sign_in):
    for door, media_type in (("my_archive_pdf", "application/pdf"), ("my_archive_json", "application/json; charset=utf-8")):
        answer = sign_in(cast.learner).get(reverse(door))
        name = unquote(answer["Content-Disposition"])
        assert answer["Content-Type"] == media_type and "no-store" in answer["Cache-Control"] and "private" in answer["Cache-Control"]
        assert name.startswith("attachment") and f"个人学习档案-张小明-YA10001-{clock.today().isoformat()}.{door[-4:].lstrip('_')}" in name


def test_hr_gets_the_rows_that_hr_may_read_and_is_told_how_many_are_not_in_it(cast, course, sign_in):
    may, july = datetime.fromisoformat("2026-05-11T12:00:00+08:00"), datetime.fromisoformat("2026-07-06T12:00:00+08:00")
    Person.objects.filter(pk=cast.learner.pk).update(phone="13800001234")
    rows.complete(cast.learner, course, at=may)
    rows.sat(cast.learner, course, passed=True, at=may)
    finance_hr = casting.person("YA10082", "施财人", cast.other_bureau)
    casting.grant(finance_hr, Role.HR, cast.other_bureau)
    postings.post(person=fresh(cast.learner), unit=cast.other_bureau, title="科员", duties=["staff"], starts_on=date(2026, 6, 1))
    rows.complete(fresh(cast.learner), rows.course(cast.county, "P02"), at=july)

    def read() -> dict:
        return sign_in(fresh(finance_hr)).get(reverse("archive_json", args=[cast.learner.pk]), WHY).json()

    whole = read()
    assert {one["course_code"] for one in whole["completions"]} == {"P01", "P02"} and whole["withheld"] == {}
    assert whole["made_for"] == "hr" and whole["person"]["phone"] == "138****1234"
    (attempt,) = whole["attempts"]  # of the former unit: that it was passed is told, the paper is not
    assert attempt["result"]["passed"] and attempt["items"] is None and attempt["incidents"] is None
    units.let_history_follow(county=cast.county, follows=False, basis="姚人社发〔2026〕3号", by=cast.hr)
    since = read()
    assert {one["course_code"] for one in since["completions"]} == {"P02"}
    assert since["withheld"] == {"postings": 1, "enrolments": 1, "attempts": 1, "completions": 1, "hours": 2}
    assert [one["unit"] for one in since["postings"]] == [cast.other_bureau.name] and len(whole["postings"]) == 2
    assert "另有 6 条记录" in str(archive_paper.sheet(since))
    assert {one["course_code"] for one in of(cast.learner)["completions"]} == {"P01", "P02"}


def test_what_another_county_recorded_of_a_person_is_not_for_the_hr_of_this_one(cast, full):
    postings.post(person=full, unit=cast.other_county, title="科员", duties=["staff"], starts_on=clock.today())
    made = of(full, reader=fresh(cast.other_hr))
    assert {name: made[name] for name in HELD if made[name]}.keys() == {"postings", "leaves"}
    assert [one["unit"] for one in made["postings"]] == [cast.other_county.name]
    assert [one["ends_on"] for one in made["leaves"]] == [None, clock.today().isoformat()]  # what lasts into their time
    assert made["withheld"] == {name: row_set(full).count() - (name == "postings") for name, row_set in HELD.items() if name != "leaves"}
    assert "姚安" not in json.dumps({name: made[name] for name in ("person", "postings", "roles")}, ensure_ascii=False)


def test_links_by_which_a_holder_shares_are_the_holders_own(cast, full):
    own, to_hr = of(full), of(full, reader=fresh(cast.hr))
    assert any(one["share_links"] for one in own["certificates"])
    assert all(one["share_links"] is None for one in to_hr["certificates"])
    assert "key" not in json.dumps([one["share_links"] for one in own["certificates"]])


def test_a_character_without_a_glyph_is_a_page_with_advice_and_the_file_comes_all_the_same(cast, sign_in):
    Person.objects.filter(pk=cast.learner.pk).update(post_title="科员😀")
    with pytest.raises(Refused, match="U\\+1F600"):
        archive_paper.pdf(of(cast.learner))
    for who, pdf, file in (
        (cast.learner, reverse("my_archive_pdf"), reverse("my_archive_json")),
        (cast.hr, *(f"{reverse(door, args=[cast.learner.pk])}?purpose=filing" for door in OF_PERSON)),
    ):
        page = sign_in(who).get(pdf)
        assert page.status_code == 409 and "U+1F600" in page.text and f'href="{file}"' in page.text
        assert not ReadingOfOthers.objects.exists()
        assert sign_in(who).get(file).json()["person"]["post"] == "科员😀"


@pytest.mark.parametrize("who", ["learner", "own_leader", "liaison", "hr", "auditor"])
def test_the_learning_file_leads_to_it_for_whom_it_opens(cast, sign_in, who):
    page = sign_in(getattr(cast, who)).get(reverse("learning_file", args=[cast.learner.pk])).text
    doors = [reverse(door, args=[cast.learner.pk]) for door in OF_PERSON] if who == "hr" else [reverse(door) for door in OWN]
    assert all(f'href="{door}"' in page or f'action="{door}"' in page for door in doors) == (who in {"learner", "hr"})
    assert ("archive.pdf" in page) == (who in {"learner", "hr"})
