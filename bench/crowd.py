"""A county with an exam and many people who are to sit it: all of it made through the product's own services."""

import itertools
from datetime import datetime, timedelta

COUNTY = "990001"


def county(*, items: int, kinds: tuple[str, ...] = ("single", "multiple", "judge", "fill")):
    """A county whose course E01 asks for the exam `e01-exam` of so many items, an hour long; drawn from twice as many."""
    from core import clock
    from courses.services import authoring
    from home.services import open_county
    from people.models import Unit
    from quizzes.models import Quiz
    from quizzes.services import bank, quizzes

    at = clock.now()
    unit = Unit.add_root(code=COUNTY, name="考试县人民政府", short_name="考试县", kind=Unit.Kind.COUNTY)
    catalogue = open_county(county=unit)
    of_kind = dict.fromkeys(kinds, 0)
    for kind, _number in zip(itertools.cycle(kinds), range(items), strict=False):
        of_kind[kind] += 1
    rows = [_question(kind, number) for kind, count in of_kind.items() for number in range(2 * count)]
    bank.import_rows(rows, county=unit, at=at)
    quiz = quizzes.ensure(
        county=unit,
        key="e01-exam",
        title="年度考试",
        course_code="E01",
        minutes=60,
        pass_percent=60,
        attempts=1,
        draws=[{"kind": kind, "count": count} for kind, count in of_kind.items()],
    )
    Quiz.objects.filter(pk=quiz.pk).update(is_exam=True)
    lesson = {"slug": "one", "title": "第一课", "minutes": 15, "body": [{"type": "quiz", "value": "e01-exam"}]}
    authoring.write_course(
        catalogue=catalogue,
        code="E01",
        facts={"title": "年度考试", "summary": "考试", "pass_rule": "quiz", "certificate": ""},
        lessons=[lesson],
        by=None,
        at=at,
    )
    return unit


def _question(kind: str, number: int) -> dict:
    options = {
        letter: f"第{number}题的选项{letter}：自形成之日起{days}个工作日内公开"
        for letter, days in zip("ABCD", (7, 15, 20, 30), strict=True)
    }
    facts = {
        "single": {"options": options, "answer": ["C"]},
        "multiple": {"options": options, "answer": ["B", "C"]},
        "judge": {"answer": number % 2 == 0},
        "fill": {"stem": f"第{number}题：以____为常态，以____为例外。", "answer": [["公开"], ["不公开"]]},
    }[kind]
    return {
        "id": f"E01-{kind}-{number}",
        "type": kind,
        "course": "E01",
        "stem": f"第{number}题（{kind}）：政府信息应当在什么时候公开？",
        "diff": 1,
        "explain": "见条例第二十六条。",
        "source": "《政府信息公开条例》第二十六条",
        "v": "V",
    } | facts


def people(unit, count: int, *, first: int = 0) -> list:
    """So many members of staff in this county, in ten departments."""
    from core import clock
    from people.models import Person, Posting

    since = clock.today() - timedelta(days=400)
    departments = [unit.add_child(code=f"{COUNTY}-D{first}-{n}", name=f"第{n}局", kind="department") for n in range(10)]
    Person.objects.bulk_create(
        Person(employee_number=f"E{first + n:05d}", name=f"考生{first + n}", unit=departments[n % 10], password="!") for n in range(count)
    )
    made = list(Person.objects.filter(employee_number__in=[f"E{first + n:05d}" for n in range(count)]).order_by("employee_number"))
    Posting.objects.bulk_create(Posting(person=person, unit=person.unit, starts_on=since) for person in made)
    return made


def sessions(made: list) -> list[str]:
    """A session for each of them, as signing in would leave it."""
    import time

    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    keys = []
    for person in made:
        session = SessionStore()
        session[SESSION_KEY] = str(person.pk)
        session[BACKEND_SESSION_KEY] = "people.backends.SignInBackend"
        session[HASH_SESSION_KEY] = person.get_session_auth_hash()
        session["seen"] = int(time.time())
        session.create()
        keys.append(session.session_key)
    return keys


def sitting(officer, made: list, *, opens_at: datetime, minutes: int, rooms: int = 40):
    """A published sitting of the exam with all of them listed and seated, `rooms` people a room; the officer becomes its HR."""
    from people.models import Role, RoleGrant
    from quizzes.models import Quiz, Sitting
    from quizzes.services import candidates, sittings

    quiz = Quiz.objects.get(key="e01-exam")
    RoleGrant.objects.get_or_create(person=officer, role=Role.HR, unit=quiz.county, defaults={"starts_on": opens_at.date()})
    before = opens_at - timedelta(hours=1)
    window = max(minutes, quiz.minutes)
    terms = sittings.Terms(
        quiz=quiz,
        title="年度考试",
        opens_at=opens_at,
        closes_at=opens_at + timedelta(minutes=window),
        late_entry_minutes=window,
        grace_seconds=5,
    )
    standing: Sitting = sittings.write(terms=terms, by=officer, at=before)
    rows = candidates.rows_of_people(made)
    plan = candidates.plan(sitting=standing, rows=rows)
    candidates.put(sitting=standing, rows=rows, by=officer, at=before, seen=plan.digest)
    candidates.fill_rooms(sitting=standing, names=[], places=rooms, mixed=True, everybody=True, by=officer, at=before)
    return sittings.publish(sitting=standing, by=officer, at=before)
