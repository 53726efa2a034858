"""Load 姚安县 as a demo: the sample roster, full courses with their banks, and learners at every stage.

Everything goes through the same services as in real use. People are invented. The mix of
learners is drawn with a fixed seed, relative to the day of loading, so that "this year" is
this year whenever the demo is started: in a young year most have learned in the year before,
some in its few days, and the evaluation is that of the year before.
"""

import random
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import yaml
from django.db import connection, transaction
from django.utils import timezone

from certificates import services as certificates
from certificates.models import CertificateKind
from certificates.services import ladder, renewals
from core import clock
from courses.models import Course
from courses.services import authoring, enrolments, progress
from evaluation import claims, evidence
from evaluation.indicators import versions
from evaluation.models import Period
from evaluation.periods import requirements
from evaluation.periods import services as periods
from home.demo import pictures, sheets, sign_ins
from home.demo.certificates import load_looks
from home.demo.endings import load_endings
from home.demo.exams import ensure_exam, load_exams
from home.services import open_county
from people.models import Duty, Person, Role, Unit
from people.services import leaves, postings, roles, roster
from quizzes import kinds, stems
from quizzes.models import Attempt, Quiz, Submission
from quizzes.services import attempts, bank, images, quizzes

HERE = Path(__file__).parent
ROSTER = HERE / "roster.xlsx"
COUNTY = "532325"
ORDER = ["P01", "P03", "P04", "P05", "T01", "S01", "S03", "O01", "R01"]
OPENED = timedelta(days=780)  # how long ago the county opened its courses: the first certificates run out soon
Say = Callable[[str], None]

# login, name, unit name, section, post, duties, extra roles. Invented people.
LOGINS = [
    ("learner", "段春晓", "光禄镇人民政府", "党政综合办公室", "科员", [Duty.STAFF, Duty.PUBLISHER], []),
    ("liaison", "自建云", "光禄镇人民政府", "党政综合办公室", "工作人员", [Duty.LIAISON, Duty.STAFF], []),
    ("leader", "罗正涛", "光禄镇人民政府", "班子", "副镇长", [Duty.DEPUTY], []),
    ("trainer", "普文澜", "姚安县人民政府办公室", "政务公开股", "讲师", [Duty.LECTURER], []),
    ("reviewer", "周明远", "姚安县人民政府办公室", "政务公开股", "股长", [Duty.SECTION_HEAD], [Role.REVIEWER]),
    ("hr", "杨静怡", "姚安县人力资源和社会保障局", "公务员管理股", "股长", [Duty.APPRAISER], []),
    ("hr2", "李秋实", "姚安县人力资源和社会保障局", "公务员管理股", "副股长", [Duty.APPRAISER], []),  # what takes two
    ("auditor", "和立诚", "姚安县审计局", "", "审计员", [], [Role.AUDITOR]),
    ("admin", "马致远", "姚安县人民政府办公室", "电子政务中心", "工程师", [], [Role.ADMINISTRATOR, Role.TRAINER, Role.REVIEWER]),
]


def load(*, password: str, at: datetime, say: Say) -> None:
    """Load the whole demo at an instant, once. Run again it only sets the password; a load that broke off is finished."""
    county = Unit.objects.filter(code=COUNTY).first()
    if county and Attempt.objects.filter(person__employee_number="learner").exists():
        load_logins(county, password=password, at=at)
        load_exam_course(county, due_on=due_day(at), at=at)
        load_exams(county, at=at)
        load_endings(county, at=at)
        open_the_evaluation(county, at=at)
        return
    if connection.vendor == "sqlite":
        connection.cursor().execute("PRAGMA synchronous=OFF")  # for this process: a demo can be loaded again
    say("roster")
    county = load_people(at=at)
    load_logins(county, password=password, at=at)
    say("courses and question bank")
    load_courses(county, due_on=due_day(at), at=at - OPENED)
    versions.ensure_default(at=at - OPENED)
    say("learners")
    with certificates.papers_on_request():
        load_learning(county, at=at)
        load_endings(county, at=at)
        say("exams")
        load_exam_course(county, due_on=due_day(at), at=at - timedelta(days=300))
        load_exams(county, at=at)
    open_the_evaluation(county, at=at)
    certificates.chain(at=clock.now(), everywhere=True)  # as the worker would in a moment


def open_the_evaluation(county: Unit, *, at: datetime) -> None:
    """The evaluation of the year, in January that of the year before, by the indicator that every county is offered; once."""
    version = versions.ensure_default(at=at)
    if not Period.objects.filter(county=county).exists():
        hr = Person.objects.get(employee_number="hr")
        year, opened_at = clock.year_of(at - timedelta(days=31)), at - timedelta(days=60)
        periods.open_period(county=county, year=year, version=version, by=hr, at=opened_at)
        for period in requirements.due(at):  # as the scheduler would have at that midnight
            requirements.note(period, at=clock.end_of(period.cutoff_on))


def load_people(*, at: datetime) -> Unit:
    """The sample roster, as HR would hand it over."""
    with ROSTER.open("rb") as file:
        plan = roster.plan(file, ROSTER.name)
    roster.apply(plan, by=None, at=at)
    return Unit.objects.get(code=COUNTY)


def load_logins(county: Unit, *, password: str, at: datetime) -> None:
    """The demo sign-ins, each a member of staff of the county; their password is set anew each time."""
    today = clock.today(at)
    for login, name, unit_name, section_name, title, duties, extra in LOGINS:
        person = Person.objects.filter(employee_number=login).first()
        if person is None:
            unit = Unit.objects.within(county).get(name=unit_name)
            if section_name:
                unit = unit.get_children().filter(name=section_name).first() or unit
            person = Person.objects.create(employee_number=login, name=name, email=f"{login}@yaoan.example.cn")
            postings.post(person=person, unit=unit, title=title, duties=duties, starts_on=today - timedelta(days=800))
            for role in extra:
                roles.grant(person=person, role=role, unit=county, by=None, on=today)
    first, *others = Person.objects.filter(employee_number__in=[login for login, *_ in LOGINS]).order_by("pk")
    if not first.check_password(password):  # slow by design, so one stands for all
        for person in (first, *others):
            person.set_password(password)
            person.save()


def due_day(at: datetime) -> date:
    """The next 20 December: what is asked for is overdue for nobody on the day of loading."""
    today = clock.today(at)
    due = date(today.year, 12, 20)
    return due if today <= due else date(today.year + 1, 12, 20)


def load_courses(county: Unit, *, due_on: date, at: datetime) -> None:
    """Catalogue, certificate kinds, question bank, quizzes, course pages; published as editions."""
    catalogue = open_county(county=county)
    load_looks(county, at=at)
    with (HERE / "questions.xlsx").open("rb") as file:
        bank.import_file(file, name="questions.xlsx", county=county, at=at)
    for path in sorted((HERE / "questions").glob("*.yaml")):
        rows = yaml.safe_load(path.read_text())["questions"]
        bank.import_rows([drawn(row, county=county, at=at) for row in rows], county=county, at=at)
    for code in ORDER:
        path = HERE / "courses" / f"{code}.yaml"
        if path.exists() and not Course.objects.filter(county=county, code=code).exists():
            load_course(yaml.safe_load(path.read_text()), county=county, catalogue=catalogue, due_on=due_on, at=at)
    CertificateKind.objects.filter(county=county, key="basic", renewal_course="").update(renewal_course="R01")


def drawn(row: dict, *, county: Unit, at: datetime) -> dict:
    """A row of a question file with its drawings, ![…](drawing:name), made and kept as images of the bank."""

    def marker(found: re.Match) -> str:
        image = images.keep(data=pictures.DRAWINGS[found[2]][1](), county=county, at=at)
        return stems.image(found[1], image.digest, image.width, image.height)

    return row | {"explain": re.sub(r"!\[([^\]]*)\]\(drawing:(\w+)\)", marker, row["explain"])} if "explain" in row else row


@transaction.atomic
def load_course(facts: dict, *, county: Unit, catalogue, due_on: date, at: datetime) -> None:
    quiz = facts["quiz"]
    quizzes.ensure(
        county=county,
        key=quiz["slug"],
        title=f"{facts['title']} {quiz['title']}",
        course_code=facts["code"],
        minutes=quiz["minutes"],
        pass_percent=quiz["pass_percent"],
        attempts=quiz["attempts"],
        draws=quiz["draws"],
    )
    _write(facts, quiz=quiz["slug"], county=county, catalogue=catalogue, due_on=due_on, at=at)


def _write(facts: dict, *, quiz: str, county: Unit, catalogue, due_on: date, at: datetime) -> None:
    """The pages of a course file, with the quiz at the end."""
    lessons = []
    for lesson in facts["lessons"]:
        body = [block_of(name, value, county=county) for entry in lesson["blocks"] for name, value in entry.items()]
        lessons.append({"slug": lesson["slug"], "title": lesson["title"], "minutes": lesson["minutes"], "body": body})
    lessons[-1]["body"].append({"type": "quiz", "value": quiz})
    copied = ["title", "summary", "goals", "sources", "tags", "line", "prerequisites", "required_for", "elective_for", "mark"]
    authoring.write_course(
        catalogue=catalogue,
        code=facts["code"],
        lessons=lessons,
        by=None,
        at=at,
        facts={name: facts[name] for name in copied}
        | {"certificate": facts.get("certificate", "training"), "due_on": due_on}
        | ({"pass_rule": facts["pass_rule"]} if "pass_rule" in facts else {}),
    )


def load_exam_course(county: Unit, *, due_on: date, at: datetime) -> None:
    """The course that asks for the yearly exam: its rules to read, the exam to pass. Once."""
    facts = yaml.safe_load((HERE / "exam.yaml").read_text())
    if Course.objects.filter(county=county, code=facts["code"]).exists():
        return
    quiz = ensure_exam(county, at=at)
    _write(facts, quiz=quiz.key, county=county, catalogue=open_county(county=county), due_on=due_on, at=at)


def block_of(name: str, value, *, county: Unit) -> dict:
    """A block of a course file as Wagtail stores it."""
    if name == "table":
        columns = [{"type": "text", "heading": heading} for heading in value["header"]]
        rows = [{"values": [str(cell) for cell in row]} for row in value["rows"]]
        value = {"columns": columns, "rows": rows, "caption": value.get("caption", "")}
    elif name == "self_check":
        options = [{"text": str(o["text"]), "correct": bool(o["correct"]), "feedback": o.get("feedback", "")} for o in value["options"]]
        value = {"question": value["question"], "options": [{"type": "item", "value": option} for option in options]}
    elif name == "image":
        value = {"image": pictures.ensure(value["drawing"], county=county).pk} | {k: value[k] for k in ("description", "caption")}
    elif name == "document":
        value = {"document": sheets.ensure(value["sheet"], county=county).pk, "note": value["note"]}
    elif name == "key_points":
        value = [{"type": "item", "value": point} for point in value]
    return {"type": name, "value": value}


# ---- learners at every stage -------------------------------------------------------------

STAGES = [("done", 40), ("failed_once_then_done", 12), ("reading", 20), ("failed", 8), ("enrolled", 6), ("untouched", 14)]
HALF_A_DAY = timedelta(hours=12)
YOUNG = 90  # days of a year in which not everybody has begun to learn
KEEN = 0.42  # share of people who finish everything that their duties require


def load_learning(county: Unit, *, at: datetime) -> None:
    """A realistic mix: most have done some of what their duty requires, some are in the middle, some failed, some never came."""
    if Attempt.objects.filter(person__unit__path__startswith=county.path).exists():
        tell_the_learners_story(at=at)
        sign_ins.tell()
        return
    draw = random.Random(20261)  # noqa: S311 - a demo mix, no secret
    courses = list(Course.objects.filter(county=county, is_open=True).select_related("current").prefetch_related("duty_rules"))
    courses.sort(key=lambda course: ORDER.index(course.code) if course.code in ORDER else 99)
    people = list(Person.objects.serving().within(county).select_related("unit").order_by("employee_number"))
    for person in people:
        if person.employee_number in {"learner", "liaison", "trainer", "reviewer", "hr", "hr2", "admin", "auditor"}:
            continue
        is_keen = draw.random() < KEEN
        if not is_keen and draw.random() < 0.25:
            continue  # never came
        moment, pace = first_day(at, draw)
        wanted = [c for c in courses if any(r.need == "required" and r.duty in person.current_duties for r in c.duty_rules.all())]
        asked_first = {code for course in wanted for code in course.current.prerequisites}
        wanted = [c for c in courses if c in wanted or c.code in asked_first]
        for course in wanted if is_keen else wanted[: draw.randint(1, 3)]:
            stage = draw.choice(["done", "done", "done", "failed_once_then_done"])
            if not is_keen:
                stage = draw.choices([name for name, _ in STAGES], [weight for _, weight in STAGES])[0]
            moment = office_hours(moment + timedelta(days=draw.randint(1, pace)), draw)
            if moment > at - HALF_A_DAY or not walk(person, course, stage=stage, at=moment, draw=draw):
                break
    credit_the_spring_seminar(county, people, at=at)
    tell_of_higher_certificates(county, at=at)
    claim_hours(at=at)
    record_leave(at=at)
    tell_the_learners_story(at=at)
    sign_ins.tell()


def first_day(at: datetime, draw: random.Random) -> tuple[datetime, int]:
    """When somebody came to learn, 60 to 220 days ago, and how many days lie between their courses at most.

    Where the year is younger, nearer, so that it is this year; of a year younger than three months only for a third of them.
    """
    passed = (clock.today(at) - date(clock.year_of(at), 1, 1)).days
    reach = 220 if passed < YOUNG and draw.random() < 2 / 3 else min(220, passed)
    ago = timedelta(days=draw.randint(reach * 60 // 220, reach), hours=draw.randint(0, 9))
    return at - ago, max(1, min(9, reach // 8))


def office_hours(moment: datetime, draw: random.Random) -> datetime:
    """A moment of that day when somebody at an office might learn."""
    return timezone.localtime(moment).replace(hour=draw.choice([8, 9, 10, 11, 14, 15, 16, 20]), minute=draw.randint(0, 59))


def credit_the_spring_seminar(county: Unit, people: list[Person], *, at: datetime) -> None:
    """Two days of face-to-face training that some in each unit claimed by the sign-in sheet and two officers approved."""
    officers = [Person.objects.get(employee_number=login) for login in ("hr", "hr2")]
    last = clock.today(at - timedelta(days=31))
    first = last - timedelta(days=1)
    if first.year != last.year:
        first, last = first - timedelta(days=1), first
    title = f"{last.year}年全县政务公开业务培训班"
    paper = pictures.notice("签到表（演示）", title, f"时间：{first}至{last}，线下两天", "内容与人员均为虚构。")
    seen: dict[int, int] = {}
    for person in people:
        seen[person.unit_id] = seen.get(person.unit_id, 0) + 1
        if seen[person.unit_id] <= 2 and person not in officers and set(person.current_duties) & {Duty.STAFF, Duty.LIAISON, Duty.CHIEF}:
            facts = claims.Facts(
                "lecture", title, f"{county.name}人民政府办公室（虚构）", first, last, Decimal("15.00"), "每天7.5学时，县定。"
            )
            files = [evidence.File("签到表.png", paper)]
            claim = claims.file(person=person, facts=facts, files=files, form_key="demo-seminar", at=at - timedelta(days=30))
            for officer in officers:
                claims.approve(claim=claim, by=officer, at=at - timedelta(days=30))


def walk(person: Person, course: Course, *, stage: str, at: datetime, draw: random.Random) -> bool:
    """Take a person through a course up to a stage; whether the next course may follow."""
    if stage == "untouched":
        return False
    enrolment = enrolments.enrol(person=person, course=course, at=at)
    if stage == "enrolled":
        return False
    lessons = list(enrolment.edition.lessons.all())
    upto = len(lessons) if stage != "reading" else draw.randint(1, len(lessons) - 1)
    for lesson in lessons[:upto]:
        read(enrolment, lesson, at=at)
        at += timedelta(minutes=lesson.minutes)
    if stage == "reading":
        return False
    quiz = Quiz.objects.get(key=f"{course.code.lower()}-final")
    results = {"done": [True], "failed_once_then_done": [False, True], "failed": [False]}[stage]
    for right in results:
        at += timedelta(minutes=15)
        if sit(person, quiz, right=right, at=at, draw=draw).result.passed:
            return True
    return False


def read(enrolment, lesson, *, at: datetime) -> None:
    progress.open_lesson(enrolment=enrolment, lesson=lesson, at=at)
    progress.finish_lesson(enrolment=enrolment, lesson=lesson, at=at + timedelta(minutes=lesson.minutes))


def sit(person: Person, quiz: Quiz, *, right: bool, at: datetime, draw: random.Random) -> Submission:
    """Sit a quiz: nearly all right, or about half."""
    attempt = attempts.start(person=person, quiz=quiz, at=at)
    for number, item in enumerate(attempt.items.all(), start=1):
        good = draw.random() < (0.97 if right else 0.45)
        kind = kinds.of(item.kind)
        response = kind.right(item.shown, item.key) if good else kind.wrong(item.shown, item.key)
        attempts.save(
            attempt_id=attempt.pk,
            person=person,
            item_id=item.pk,
            response=response,
            token=f"demo-{attempt.pk}-{number}",
            at=at + timedelta(seconds=20 * number),
        )
    return attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=at + timedelta(minutes=8))


def claim_hours(*, at: datetime) -> None:
    """Hours learned elsewhere: one claim waits for the first officer, one was turned down with a reason."""
    learner, liaison, officer = (Person.objects.select_related("unit").get(employee_number=login) for login in ("learner", "liaison", "hr"))
    day = clock.today(at - timedelta(days=6))
    paper = pictures.notice("培训通知（演示）", f"时间：{day}，一天", "内容：政务公开业务", "举办单位与人员均为虚构。")
    for person, title, way in ((learner, "政务公开业务培训班", "lecture"), (liaison, "赴邻县交流学习", "exchange")):
        facts = claims.Facts(way, title, "州政务公开办（虚构）", day, day, Decimal("7.5"), "附培训通知。")
        files = [evidence.File("培训通知.png", paper)]
        claim = claims.file(person=person, facts=facts, files=files, form_key=f"demo-{way}", at=at - timedelta(days=2))
        if person == liaison:
            claims.refuse(claim=claim, by=officer, reason="只有通知，请补充签到表后重新申报。", at=at - timedelta(days=1))


def record_leave(*, at: datetime) -> None:
    """The liaison was ill for a week in spring; HR recorded it, and a day more by a correction."""
    liaison, officer = (Person.objects.select_related("unit").get(employee_number=login) for login in ("liaison", "hr"))
    first = clock.today(at - timedelta(days=120))
    given = leaves.Facts("sick", first, first + timedelta(days=6), "县人民医院病休证明（虚构），存人事档案")
    leave = leaves.record(person=liaison, facts=given, by=officer, form_key="demo", at=at - timedelta(days=119))
    longer = leaves.Facts(given.kind, first, first + timedelta(days=7), given.voucher)
    leaves.correct(leave=leave, facts=longer, reason="医院证明延长一天", by=officer, form_key="demo-2", at=at - timedelta(days=110))


def tell_the_learners_story(*, at: datetime) -> None:
    """The demo learner: one course done with its certificate, one in the middle, the rest ahead."""
    learner = Person.objects.select_related("unit").get(employee_number="learner")
    draw = random.Random(7)  # noqa: S311
    passed = (clock.today(at) - date(clock.year_of(at), 1, 1)).days
    courses = {course.code: course for course in Course.objects.filter(county__path=learner.unit.county_path)}
    if "P03" in courses:
        walk(learner, courses["P03"], stage="failed_once_then_done", at=at - timedelta(days=min(9, passed) if passed > 2 else 9), draw=draw)
    if "P01" in courses:
        enrolment = enrolments.enrol(person=learner, course=courses["P01"], at=at - timedelta(days=2))
        read(enrolment, enrolment.edition.lessons.first(), at=at - timedelta(days=2))
        second = enrolment.edition.lessons.all()[1]
        progress.open_lesson(enrolment=enrolment, lesson=second, at=at - timedelta(hours=20))


def tell_of_higher_certificates(county: Unit, *, at: datetime) -> None:
    """The liaison's 初级 of two years ago runs out soon; the reviewer has 初级 and lacks one course of 中级, its rows are attested."""
    draw = random.Random(11)  # noqa: S311
    courses = {course.code: course for course in Course.objects.filter(county=county)}
    liaison, reviewer, officer = (
        Person.objects.select_related("unit").get(employee_number=login) for login in ("liaison", "reviewer", "hr")
    )
    for person, codes, since in (
        (liaison, ["P01", "P03", "P05"], 690),
        (liaison, ["O01"], 40),
        (reviewer, ["P01", "P03", "P05", "S01", "S03"], 80),
    ):
        for day, code in enumerate(codes):
            if code in courses:
                walk(person, courses[code], stage="done", at=at - timedelta(days=since - day), draw=draw)
    for conditions in ladder.sets_in_force(county):
        if conditions.kind.key == "compiler":
            key = conditions.attested[0]["key"]
            given = {"person": reviewer, "conditions": conditions, "key": key, "by": officer, "at": at - timedelta(days=20)}
            ladder.attest(evidence="第12号目录条目，县标准化专班审定（虚构）", **given)
    renewals.remind(at=at)
