"""The demo's words."""

import re
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path

import openpyxl
import pytest
import yaml
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import F, Q
from django.urls import reverse

from certificates.models import Certificate, Proposal
from core import clock, reconcile
from courses.models import Completion, Course, Enrolment
from evaluation.models import HourClaim, Period
from home.demo import exams, load, multitude
from people.models import Person, RoleGrant, Unit
from people.services import roles
from quizzes.models import Attempt, Sitting, Submission
from quizzes.services import quizzes, readiness
from tests.cast import NOON
from tests.conftest import wagtails_ground
from tests.evaluation import rows

COURSES = [*sorted((load.HERE / "courses").glob("*.yaml")), load.HERE / "exam.yaml"]
HANZI = re.compile(r"[\u4e00-\u9fff]")
MARKS = {"V", "S", "D"}  # checked against the text, in a secondary source, set by the county; M, from memory, is taught nowhere
SAID_TWICE = re.compile(r"([^\W_]{4,})[，；]\1[，；。]")


@pytest.mark.parametrize("path", COURSES, ids=[path.stem for path in COURSES])
def test_no_course_says_a_phrase_twice_in_a_row(path: Path):
    assert [found[0] for found in SAID_TWICE.finditer(path.read_text())] == []


@pytest.mark.parametrize("path", COURSES, ids=[path.stem for path in COURSES])
def test_the_minutes_of_a_course_are_what_its_text_takes(path: Path):
    """Credit hours follow the minutes: a course that is read in a quarter of its time credits too much."""
    course = yaml.safe_load(path.read_text())
    if course.get("pass_rule") == "quiz":
        return  # its test is the matter
    read = sum(len(HANZI.findall(str(lesson["blocks"]))) for lesson in course["lessons"])
    minutes = sum(lesson["minutes"] for lesson in course["lessons"])
    assert course["minutes"] == minutes and read / minutes > 70


FULL = ["P01", "P03", "P04", "T01", "S01", "S03"]


def questions_of(code: str) -> list[dict]:
    """The questions from which the quiz of a course draws: those of its file and those that came in the trainers' workbook."""
    sheet = openpyxl.load_workbook(load.HERE / "questions.xlsx").active
    head, *rows = sheet.iter_rows(values_only=True)
    kept = [dict(zip(head, row, strict=True)) for row in rows]
    asked = [{"id": row["编号"], "source": row["依据"], "v": row["核对"]} for row in kept if row["课程"] == code]
    return asked + yaml.safe_load((load.HERE / "questions" / f"{code}.yaml").read_text())["questions"]


@pytest.mark.parametrize("code", FULL)
def test_a_full_course_of_the_demo_has_lessons_and_checks_enough_and_a_quiz_that_draws_from_enough(code):
    course = yaml.safe_load((load.HERE / "courses" / f"{code}.yaml").read_text())
    assert len(course["lessons"]) >= 3
    for lesson in course["lessons"]:
        kinds = [name for block in lesson["blocks"] for name in block]
        assert "self_check" in kinds and "key_points" in kinds and "callout" in kinds, lesson["slug"]
    questions = questions_of(code)
    assert len(yaml.safe_load((load.HERE / "questions" / f"{code}.yaml").read_text())["questions"]) >= 12
    assert len({question["id"] for question in questions}) == len(questions)
    quiz = course["quiz"]
    assert 1 <= sum(draw["count"] for draw in quiz["draws"]) < len(questions), "no two attempts need be alike"
    assert {"minutes", "pass_percent", "attempts"} <= set(quiz)


@pytest.mark.parametrize("code", FULL)
def test_every_fact_of_a_full_course_says_where_it_is_from_and_none_is_from_memory(code):
    course = yaml.safe_load((load.HERE / "courses" / f"{code}.yaml").read_text())
    clauses = [block["clause"] for lesson in course["lessons"] for block in lesson["blocks"] if "clause" in block]
    assert course["sources"] and clauses and course["mark"] in MARKS
    for clause in clauses:
        assert clause["mark"] in MARKS and clause["law"] and clause["gist"], clause
        assert clause["mark"] == "D" or clause["number"] or clause["article"], clause
    for question in questions_of(code):
        assert question["v"] in MARKS, question["id"]
        assert question["v"] == "D" or question["source"], question["id"]


def test_a_course_of_the_demo_asks_for_its_yearly_exam(cast):
    for _time in range(2):
        load.load_exam_course(cast.county, due_on=load.due_day(NOON), at=NOON)

    exam = exams.ensure_exam(cast.county, at=NOON)
    course = quizzes.asking(exam).get()
    assert exam.is_exam and course.current.pass_rule == "quiz" and course.current.certificate == "training"
    assert readiness.earns_nothing(exam) == ""


def test_the_templates_of_the_demo_are_published_once_and_can_be_printed(cast, settings):
    from certificates import preview, services
    from certificates.models import CertificateKind, TemplateVersion
    from home.demo.certificates import LOOKS, load_looks
    from tests.cast import NOON

    services.ensure_kinds(cast.county)
    load_looks(cast.county, at=NOON)
    load_looks(cast.county, at=NOON)
    versions = TemplateVersion.objects.select_related("kind__county")
    assert sorted(version.kind.key for version in versions) == sorted(LOOKS) and {version.at for version in versions} == {NOON}
    for version in versions:
        assert preview.picture(version.content, version.kind, "lines", at=NOON).startswith(b"\x89PNG")
    assert not CertificateKind.objects.filter(has_unpublished_changes=True).exists()


def test_a_multitude_serves_in_further_units_each_with_a_leader_and_a_liaison(cast, monkeypatch):
    rows.policy()
    monkeypatch.setattr(multitude, "PER_UNIT", 10)
    organs = Unit.objects.filter(depth=2)
    for staff, there in ((100, 10), (100, 10), (120, 12)):
        multitude.add(upto=staff, at=NOON)
        assert (Person.objects.count(), organs.count()) == (staff, there)
    made = organs.filter(code__startswith="532325-DM")
    assert made.count() == 9 and {unit.kind for unit in made} == {"department", "township"}
    for unit in made:
        assert sorted(RoleGrant.objects.filter(unit=unit).values_list("role", flat=True)) == ["leader", "liaison"]
    assert not roles.gaps(NOON) and not any(Unit.find_problems())


LOGINS = [login for login, *_facts in load.LOGINS]
SIGNED_IN_FOR = [(Enrolment, "enrolled_at"), (Attempt, "started_at"), (Completion, "completed_at"), (HourClaim, "at")]
PEOPLE = 30  # of the 237 of the sample roster; all of its units


@pytest.fixture
def seed_demo(transactional_db, settings, tmp_path, monkeypatch):
    """`seed_demo()` is the command on a county with fewer people."""
    roster = openpyxl.load_workbook(load.ROSTER)
    roster["人员花名册"].delete_rows(PEOPLE + 2, 1000)
    roster.save(tmp_path / "roster.xlsx")
    monkeypatch.setattr(load, "ROSTER", tmp_path / "roster.xlsx")
    monkeypatch.setenv("DEMO_PASSWORD", "Yaoan-demo-2026")
    settings.DEMO, settings.KEYS_ROOT = True, str(tmp_path / "keys")
    wagtails_ground()
    call_command("signing_keys", "ensure", verbosity=0)

    def seed(*arguments: str) -> str:
        told = StringIO()
        call_command("seed_demo", *arguments, stdout=told)
        return told.getvalue()

    return seed


def all_rows() -> dict[str, list[tuple]]:
    return {model._meta.label: list(model._base_manager.order_by("pk").values_list()) for model in apps.get_models() if model._meta.managed}


@pytest.mark.slow
def test_the_demo_loads_in_full_once_and_everybody_signs_in_to_a_page_of_theirs(seed_demo, client):
    told = seed_demo()
    loaded = all_rows()
    assert len(loaded["people.Person"]) == PEOPLE + len(LOGINS)
    codes = {path.stem for path in COURSES if path.parent.name == "courses"}
    assert codes <= {course.code for course in Course.objects.open()}
    for fact in (Completion, Certificate, Submission, HourClaim, Period, Proposal, Sitting):
        assert loaded[fact._meta.label], fact
    gaps = {outcome.name for outcome in reconcile.run(at=clock.now(), mend=False) if outcome.found}
    assert gaps <= {"certificate files"}, "papers are made on request, or by the first repair run"

    assert seed_demo() == told[told.index("\n\n  Demo") + 1 :], "the second time it only tells the sign-ins"
    again = all_rows()
    assert [label for label, rows in loaded.items() if again[label] != rows] == []

    assert "Password:      Yaoan-demo-2026" in told
    for login in LOGINS:
        assert login in told
        client.logout()
        page = client.post(reverse("account_login"), {"login": login, "password": "Yaoan-demo-2026"}, follow=True)
        assert (page.status_code, page.wsgi_request.user.employee_number) == (200, login)
        assert page.redirect_chain, login


@pytest.fixture
def around_new_year(request, monkeypatch, settings) -> datetime:
    """The instant at which the demo is loaded and looked at; before any fixture that reads the clock."""
    at = clock.start_of(request.param) + timedelta(hours=15)
    settings.SESSION_COOKIE_AGE = 10 * 365 * 24 * 3600  # sessions are made by the machine's clock
    monkeypatch.setattr(clock, "now", lambda: at)
    return at


@pytest.mark.slow
@pytest.mark.parametrize("around_new_year", [date(2026, 12, 28), date(2027, 1, 10)], indirect=True, ids=["28 December", "10 January"])
def test_a_demo_that_is_loaded_around_new_year_is_lived_in(around_new_year, seed_demo, sign_in):
    seed_demo()
    today = clock.today()
    of_the_year = Completion.objects.filter(completed_at__gte=clock.start_of(date(today.year, 1, 1)))
    of_the_year = of_the_year.exclude(course_code="E01")  # whose exam was held last week
    assert of_the_year.values("person").distinct().count() >= 3, "people finished something this year"
    assert Enrolment.objects.filter(enrolled_at__gte=clock.start_of(date(today.year, 1, 1)), completion=None).exists()
    assert Completion.objects.filter(completed_at__gte=around_new_year - timedelta(days=300)).count() >= 30
    for fact, moment in SIGNED_IN_FOR:
        assert not fact.objects.filter(**{f"{moment}__gt": around_new_year}).exists(), "nobody did anything tomorrow"
    assert [course.code for course in Course.objects.open() if course.due_on < today] == []
    assert {outcome.name for outcome in reconcile.run(at=around_new_year, mend=False) if outcome.found} <= {"certificate files"}

    learner = sign_in(Person.objects.get(employee_number="learner"))
    desk = learner.get(reverse("my_learning")).context["desk"]
    assert desk.hours.total > 0 and desk.completed and desk.due and not desk.overdue
    hr = sign_in(Person.objects.get(employee_number="hr"))
    board = hr.get(reverse("dashboard")).context["board"]
    assert 0 < board.total.done < board.total.asked and 0 < board.total.passed < board.total.sat and board.week.completions
    rows = hr.get(reverse("records_units"), {"unit": board.unit.pk}).context["rows"]
    assert sum(bool(row.sat) for row, _has_parts in rows) >= 3, "units where somebody sat a test this year"
    assert hr.get(reverse("records"), {"since": f"{today.year}-01-01"}).context["page"].paginator.count >= 5
    assert hr.get(reverse("county_picture")).status_code == 200
    period = Period.objects.get()
    assert period.year == (2026 if today.month in (1, 12) else today.year), "in January the year before is evaluated"
    assert hr.get(reverse("period_preview", args=[period.pk])).status_code == 200


@pytest.mark.slow
def test_whoever_learned_or_sat_or_claimed_something_in_the_demo_signed_in_for_it(seed_demo):
    seed_demo("--staff", str(PEOPLE + len(LOGINS) + 20))

    for fact, moment in SIGNED_IN_FOR:
        late = fact.objects.filter(Q(person__last_login=None) | Q(person__last_login__lt=F(moment)))
        assert fact.objects.filter(person__last_login__gte=F(moment)).exists()
        assert sorted({(row.person.employee_number, row.person.name) for row in late.select_related("person")}) == [], fact
    assert Person.objects.filter(last_login=None).exists(), "some never came"


def test_no_demo_is_loaded_outside_demo_mode(seed_demo, settings):
    settings.DEMO = False

    with pytest.raises(CommandError, match="demo mode"):
        seed_demo()

    assert not Person.objects.exists()
