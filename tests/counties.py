"""A small county in full swing, for tests that look at many pages at once."""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from core import clock
from people.models import Duty, Person, Unit
from tests.cast import Cast, person
from tests.remembered import remembered

MINUTE = timedelta(minutes=1)
CROWD = ["杨小丽", "罗建国", "普文华", "自学明", "鲁春梅", "马志强", "周国平", "起秀英", "李自富", "张桂兰", "高永昌", "毕有才"]
ESSAY = "依申请公开的期限自收到申请之日起计算，能够当场答复的当场答复，不能当场答复的二十个工作日内答复；需要延长的，经负责人同意并告知申请人。\n\n我单位上半年有两件申请超期，原因是登记不及时，今后应当当日登记、当日转办。"


def in_full_swing(cast: Cast) -> dict[str, tuple]:
    """The learner has one course behind her with a certificate, one under way, an attempt open and one failed.

    The liaison's certificate runs out soon; the learner's approved rows, which a higher one asks for, are attested.

    Gives what the addresses of their pages are made of, by name.
    """
    from certificates import rules
    from certificates import services as certificates
    from certificates.models import Certificate
    from certificates.services import batches, ladder
    from courses.services import enrolments, progress
    from evaluation import downloads
    from people.services import leaves
    from quizzes.models import Submission
    from quizzes.services import attempts
    from tests.factories import complete, make_course

    at = clock.now()
    certificates.ensure_kinds(cast.county)
    compiler = next(one for one in ladder.ensure_ladder(cast.county, at=at) if one.kind.key == "compiler")
    ladder.attest(person=cast.learner, conditions=compiler, key="approved-rows", evidence="第12号目录条目", by=cast.trainer, at=at)
    away = leaves.Facts("sick", clock.today(at) - timedelta(days=5), None, "县医院证明（虚构），存人事档案")
    leave = leaves.record(person=cast.learner, facts=away, by=cast.hr, form_key="away", at=at)
    quiz = make_quiz(cast, "p01-final", "P01")
    done = make_course(cast.county, code="T01", lessons=2, certificate="training")
    complete(cast.learner, done, at=at - timedelta(days=3))
    complete(cast.liaison, done, at=at - timedelta(days=690))
    course = make_course(cast.county, code="P01", lessons=3, quiz_key="p01-final", certificate="training", required_for=["staff"])
    enrolment = enrolments.enrol(person=cast.learner, course=course, at=at - timedelta(hours=3))
    lesson = enrolment.edition.lessons.first()
    progress.open_lesson(enrolment=enrolment, lesson=lesson, at=at - timedelta(hours=3))
    progress.finish_lesson(enrolment=enrolment, lesson=lesson, at=at - timedelta(hours=2))
    failed = attempts.start(person=cast.learner, quiz=quiz, at=at - timedelta(hours=1))
    attempts.submit(attempt=failed, cause=Submission.Cause.LEARNER, at=at - timedelta(minutes=50))
    running = attempts.start(person=cast.learner, quiz=quiz, at=at)
    certificate = Certificate.objects.get(person=cast.learner)
    running_out = Certificate.objects.get(person=cast.liaison)
    batch = batches.order(kind="pack", unit=cast.county, year=0, by=cast.hr, at=at, then=lambda pk: None, purpose="年终归档")
    download = downloads.order(
        key="records",
        filters={},
        columns=["person_name"],
        format="csv",
        purpose="年终归档",
        form_key="d",
        by=cast.hr,
        at=at,
        then=lambda pk: None,
    )
    others = certificates_in_every_state(cast, at=at)
    empty = cast.county.add_child(code="532325-D77", name="姚安县旅游开发办公室", kind=Unit.Kind.DEPARTMENT)
    return {
        "under_way": (course.pk,),
        "done": (done.pk,),
        "lesson": (course.pk, lesson.slug),
        "quiz": (quiz.key,),
        "running": (running.pk,),
        "failed": (failed.pk,),
        "certificate": (certificate.number,),
        "shared": (certificates.share(certificate=certificate, by=cast.learner, at=at).key,),
        "running_out": (running_out.number,),
        "compiler": (compiler.kind_id,),
        "compiler_of_learner": (compiler.kind_id, cast.learner.pk),
        "batch": (batch.pk,),
        "download": (download.pk,),
        **{key: (key,) for key in ("records", "ledger", "claims", "people", "reminders")},
        **claims_in_every_state(cast, at=at),
        **evaluation_in_publicity(cast, at=at),
        **evaluations(cast, at=at),
        **results_handed_over(cast, at=at),
        **programs(cast, at=at),
        "never_issued": (rules.compose_number(prefix="YAZWGK", category="01", year=2026, county_code="532325", serial=9999),),
        "completion": (certificate.completion_id,),
        "learner": (cast.learner.pk,),
        "leave": (cast.learner.pk, leave.pk),
        "bureau": (cast.bureau.pk,),
        "county": (cast.county.pk,),
        "empty_unit": (empty.pk,),
        **others,
    }


def courses_at_every_door(cast: Cast) -> dict[str, tuple]:
    """A course with every kind of block that the learner reads, one that she has not begun, and one whose prerequisite she lacks."""
    from courses.services import authoring, catalogues, enrolments
    from tests.factories import every_block, make_course

    quiz = make_quiz(cast, "l01-final", "L01")
    body = [*every_block(cast.county), {"type": "quiz", "value": quiz.key}]
    illustrated = authoring.write_course(
        catalogue=catalogues.open_catalogue(county=cast.county),
        code="L01",
        facts={"title": "期限怎么数", "summary": "学完能数清二十个工作日。", "elective_for": ["staff"]},
        by=cast.trainer,
        at=clock.now(),
        lessons=[{"slug": "illustrated", "title": "图文视频齐全的一课", "minutes": 20, "body": body}],
    )
    before = make_course(cast.county, code="L02", required_for=[], elective_for=["staff"])
    barred = make_course(cast.county, code="L03", required_for=[], elective_for=["staff"], prerequisites=["L02"])
    enrolments.enrol(person=cast.learner, course=illustrated, at=clock.now())
    return {"illustrated": (illustrated.pk, "illustrated"), "before": (before.pk,), "barred": (barred.pk,)}


def certificates_in_every_state(cast: Cast, *, at: datetime) -> dict[str, tuple]:
    """The learner's further ones: suspended with a revocation proposed, replaced, revoked; a colleague's waits to be corrected.

    The proposals are the second officer's, so that they wait for hr. Gives what the addresses of their pages are made of.
    """
    from certificates import services
    from tests.certificates.conftest import end, second_officer
    from tests.factories import complete, make_course

    second, courses = second_officer(cast), [make_course(cast.county, code=f"Z{n:02}", certificate="training") for n in range(3)]
    suspended, replaced, revoked = (complete(cast.learner, course, at=at - timedelta(days=2)).certificates.get() for course in courses)
    theirs = complete(cast.colleague, courses[0], at=at - timedelta(days=2)).certificates.get()
    services.suspend(certificate=suspended, by=second, reason="接到举报，核查期间暂停", at=at)
    proposed = {"kind": "revoke", "reason": "查实由他人代学，依据：举报核查记录第3号", "by": second, "at": at}
    to_revoke = services.propose(certificate=suspended, **proposed)
    corrections = {"person_name": "李芸", "unit_name": "姚安县教育体育局 政策法规与教师工作股"}
    to_replace = services.propose(certificate=theirs, kind="replace", reason="姓名有错字", by=second, at=at, corrections=corrections)
    decision = end(cast, replaced, reason="姓名有错字", at=at, corrections={"person_name": "张晓明"})
    end(cast, revoked, reason="查实替考", at=at)
    return {
        "suspended": (suspended.number,),
        "replaced": (replaced.number,),
        "to_revoke": (to_revoke.pk,),
        "to_replace": (to_replace.pk,),
        "decided": (decision.proposal_id,),
    }


def claims_in_every_state(cast: Cast, *, at) -> dict[str, tuple]:
    """Hours learned elsewhere: one claim of the learner waits, one was turned down; one of the colleague is approved once,
    and one HR filed for the liaison."""
    from decimal import Decimal

    from courses.services import policies
    from evaluation import claims, evidence

    policies.ensure_default()
    day = clock.today(at)

    def filed(someone, title: str, **more):
        facts = claims.Facts("lecture", title, "州政务公开办（虚构）", day, day, Decimal("3.5"), "上午讲座，课后分组讨论。")
        files = [evidence.File("签到表.pdf", b"%PDF-1.7\n%%EOF\n")]
        return claims.file(person=someone, facts=facts, files=files, form_key=title, at=at, **more)

    waits, refused, once = (
        filed(cast.learner, "政务公开业务培训班"),
        filed(cast.learner, "政策解读讲座"),
        filed(cast.colleague, "政务公开业务培训班"),
    )
    claims.refuse(claim=refused, by=cast.hr, reason="签到表看不清，请重新拍照后再申报。", at=at)
    claims.approve(claim=once, by=cast.hr, at=at)
    by_hr = filed(cast.liaison, "乡镇政务公开培训", by=cast.hr, reason="产假在家，没有手机；电话委托")
    return {"claim": (waits.pk,), "claim_refused": (refused.pk,), "claim_once": (once.pk,), "claim_filed": (by_hr.pk,)}


def evaluation_in_publicity(cast: Cast, *, at) -> dict[str, tuple]:
    """A period of the county that was calculated once; its own version of the indicator waits, a reported figure too."""
    from datetime import date
    from decimal import Decimal

    from evaluation.indicator_forms import as_text, from_text
    from evaluation.indicators import calculation, reports, versions
    from evaluation.indicators.spec import read
    from evaluation.models import Period

    general, year = versions.ensure_default(at=at), clock.year_of(at)
    period = Period.objects.create(
        county=cast.county,
        year=year,
        version=general,
        opens_on=date(year, 1, 1),
        cutoff_on=date(year, 12, 20),
        publicity_days=5,
        appeal_days=5,
        freeze_on=date(year + 1, 1, 10),
        by=cast.hr,
        at=at,
    )
    told = {"reason": "年度责任书第3页", "at": at, "by": cast.hr}
    reports.report(period=period, unit=cast.bureau, values={"年度任务数": Decimal(4)}, form_key="tasks", **told)
    calculation.record(period=period, purpose="publicity", by=cast.hr, at=at)
    data = from_text(as_text(read(general.spec))) | {"chain_below": 7}
    own = versions.propose(
        county=cast.county, after=general, data=data, source="县考评办通知", mark="D", note="责任线提高到7分", by=cast.hr, at=at
    )
    return {
        "general": (general.pk,),
        "own_version": (own.pk,),
        "period": (period.pk,),
    }


def evaluations(cast: Cast, *, at) -> dict[str, tuple]:
    """The year before last is frozen, with its reminders; last year's is open for appeals, and the learner has filed one."""
    from evaluation.indicators import versions
    from evaluation.models import Reminder, UnitLine
    from evaluation.periods import appeals, package
    from evaluation.periods import services as periods

    year, version, by = clock.today(at).year, versions.ensure_default(at=at - timedelta(days=800)), cast.hr

    def published(of: int, when):
        period = periods.open_period(county=cast.county, year=of, version=version, by=by, at=when)
        periods.cut_off(period=period, by=by, at=when)
        periods.publish(period=period, by=by, at=when)
        return period

    old = published(year - 2, at - timedelta(days=90))
    periods.open_appeals(period=old, by=by, at=at - timedelta(days=60))
    periods.freeze(period=old, by=by, at=at - timedelta(days=30))
    told = {"person": cast.own_leader, "person_name": cast.own_leader.name, "level": "primary", "action": "书面说明", "duties": ["chief"]}
    line = UnitLine.objects.get(calculation=package.frozen(old), unit=cast.bureau)
    mine = Reminder.objects.create(period=old, line=line, unit=cast.bureau, by=by, at=at - timedelta(days=29), **told)
    last = published(year - 1, at - timedelta(days=30))
    periods.open_appeals(period=last, by=by, at=at)
    appeal = appeals.file(period=last, by=cast.learner, text="六月的讲座没有计入学时。", form_key="a", at=at)
    return {
        "frozen_period": (old.pk,),
        "line": (line.pk,),
        "appeals_period": (last.pk,),
        "appeal": (appeal.pk,),
        "reminder": (mine.pk,),
        "units_picture": ("units",),
    }


def results_handed_over(cast: Cast, *, at) -> dict[str, tuple]:
    """Results of three years ago: given to a receiver that turned one row down, with a supplementary list that waits."""
    from evaluation.models import ReplyRow
    from evaluation.periods import handover
    from tests.evaluation import frozen as by_hand
    from tests.evaluation.test_handover import PUBLIC, answer, signed

    frozen = by_hand.frozen(cast, year=clock.year_of(at) - 3)
    receiver = handover.add_receiver(period=frozen.period, name="县考评办（虚构）", public_key=PUBLIC, by=cast.hr, at=at)
    given = handover.hand_over(calculation=frozen, receiver=receiver, by=cast.hr, at=at)
    document = answer(given, YA10001="学时与本单位登记不符", bureau="accepted")
    handover.receive(hand_over=given, document=document, signature=signed(document), by=cast.hr, at=at)
    late = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", digest="b")
    turned_down = ReplyRow.objects.get(verdict="refused")
    found = {"results": (frozen.period_id,), "given": (given.pk,), "turned_down": (turned_down.pk,), "late": (late.pk,)}
    return found | {"to_give": (frozen.period_id, receiver.pk, late.pk)}


def programs(cast: Cast, *, at) -> dict[str, tuple]:
    """Two keys, one revoked; a webhook that is in use and one that was given up, with what they were told of."""
    from evaluation.models import WebhookCall, WebhookEndpoint
    from people.services import tokens

    def key(name: str):
        scopes = ["completions", "certificates", "hours"]
        return tokens.create(owner=cast.hr, name=name, scopes=scopes, unit=cast.county, expires_at=at + timedelta(days=30), at=at)[0]

    def hook(name: str, **more):
        told = {"events": WebhookEndpoint.Event.values, "url": f"https://hr.example.gov.cn/{name}?source=learning-platform", "position": 12}
        made = WebhookEndpoint.objects.create(unit=cast.county, owner=cast.hr, created_at=at, nonce=name, **told, **more)
        for change, status, problem in [(11, 200, ""), (12, 500, ""), (12, 200, ""), (13, None, "TimeoutError: timed out")]:
            call = {"change": change, "status": status, "problem": problem, "event": "completion.completed"}
            WebhookCall.objects.create(endpoint=made, milliseconds=31, at=at, **call)
        return made

    tokens.revoke(token=key("旧考评系统（虚构）"), at=at, by=cast.hr)
    used, given_up = hook("hook"), hook("old-hook", disabled_at=at, given_up_because="failing")
    return {
        "key": (key("县考评系统（虚构）").pk,),
        "hook": (used.pk,),
        "given_up": (given_up.pk,),
        **{f"{act}_hook": (used.pk, act) for act in ("stop", "close", "rotate")},
    }


def exams_in_full_swing(cast: Cast) -> dict[str, tuple]:
    """An exam that was held and analysed, one with essays that is sat now, one that is coming, and a draft.

    The learner was in the first, is in the second and is listed for the third; the colleague has handed in the second, with
    an essay that waits for a marker. liaison invigilates. Of the first one question was marked again, of another it is proposed.
    Gives what the addresses of their pages are made of, by name.
    """
    from quizzes.services import analyses, exam_papers, late_papers, paper_marks, sittings
    from tests.quizzes.exams import HOUR, agree, make_sitting

    at = clock.now()
    crowd = [person(f"YA2{n:04}", name, [cast.section, cast.other_bureau][n % 2], Duty.STAFF) for n, name in enumerate(CROWD, start=1)]
    exam = make_exam(cast, "x01-exam", "X01", title="政务公开考试")
    held = make_sitting(cast, exam, title="第三季度考试", opens_at=at - timedelta(days=2))
    sat = hold(held, cast, crowd)
    analyses.ask(quiz=exam, by=cast.trainer, at=at)
    analyses.ask(quiz=exam, sitting=held, by=cast.hr, at=at)
    paper = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=at)[0]
    exam_papers.seal(paper=paper, digest=paper.digest(), by=cast.reviewer, at=at)
    printed = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=at)[0]
    for author in (cast.reviewer, cast.trainer):
        exam_papers.seal(paper=printed, digest=printed.digest(), by=author, at=at)
    held.papers.set([printed])  # handed out to who wrote by hand
    for someone in (cast.other_leader, cast.own_leader):
        held.candidates.create(person=someone)
    points = {item.position: item.points for item in printed.items.all()}
    made = paper_marks.enter_marks(person=cast.own_leader, paper=printed, sitting=held, seen=0, points=points, by=cast.hr, at=at)
    agree(made, by=cast.admin, at=at)
    ended, brought = (ended_by_the_clock(held, person(f"YA23{n:02}", name, cast.section, Duty.STAFF)) for n, name in enumerate("邵佟", 1))
    written_on = {"from_at": ended.started_at + MINUTE, "until": ended.shuts_at, "reason": "服务器九点四十分起中断"}
    late_papers.bring(attempt=brought, by=cast.liaison, at=at, **written_on)
    written = make_exam(cast, "x02-exam", "X02", title="年度考试（含论述题）", essay=True)
    now = make_sitting(cast, written, title="年度考试第一场", opens_at=at - 20 * MINUTE, late_entry_minutes=40)
    coming = make_sitting(cast, exam, title="补考", opens_at=at + HOUR)
    terms = sittings.Terms(quiz=written, title="年度考试第二场", opens_at=at + 24 * HOUR, closes_at=at + 25 * HOUR)
    draft = sittings.write(terms=terms, by=cast.hr, at=at)
    return {
        "exam": (exam.key,),
        "written_exam": (written.key,),
        "held": (held.pk,),
        "sat": (sat.pk,),
        "paper": (paper.pk,),
        "on_paper": (held.pk, cast.other_leader.pk),
        "entered": (held.pk, cast.own_leader.pk),
        "ended": (held.pk, ended.pk),
        "brought": (held.pk, brought.pk),
        "now": (now.pk,),
        "coming": (coming.pk,),
        "draft": (draft.pk,),
        **begin(now, cast, crowd, at=at),
        **mark_again(cast, at=at),
    }


def make_exam(cast: Cast, key: str, course_code: str, **rules):
    """As `make_quiz`, with the course that an exam needs."""
    from tests.factories import make_course

    quiz = make_quiz(cast, key, course_code, attempts=1, **rules)
    make_course(cast.county, code=course_code, lessons=1, quiz_key=key, pass_rule="quiz", required_for=[])
    return quiz


def hold(sitting, cast: Cast, crowd: list[Person]):
    """Everybody sits and hands in; more time was given to one and to all. Gives the learner's attempt."""
    from home.demo.exams import answer_some
    from quizzes.models import Submission
    from quizzes.services import attempts, sittings
    from tests.quizzes.exams import HOUR, Row, put

    draw, opens_at = random.Random(2026), sitting.opens_at
    put(sitting, cast, *[Row(n, one.employee_number, "二号考场", f"{n:02}") for n, one in enumerate(crowd, start=1)], at=opens_at - HOUR)
    slow = {"person": crowd[0], "quiz": sitting.quiz, "extra_minutes": 15, "reason": "视力障碍，凭残疾人证"}
    sittings.allow(sitting=sitting, by=cast.hr, at=opens_at - MINUTE, **slow)
    sat = [sittings.enter(person=one, sitting=sitting, at=opens_at + MINUTE) for one in [cast.learner, cast.colleague, *crowd]]
    sittings.extend(sitting=sitting, minutes=10, reason="停电十分钟", by=cast.liaison, at=opens_at + 5 * MINUTE)
    for number, attempt in enumerate(sat):
        answer_some(attempt, draw, share=0.95, good=(number + 3) / 17, at=opens_at + MINUTE)
        attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=opens_at + 15 * MINUTE)
    return sat[0]


def ended_by_the_clock(sitting, someone: Person):
    """The attempt of somebody who sat in the sitting with its printed paper, and handed nothing in."""
    from quizzes.services import attempts, sittings

    sitting.candidates.create(person=someone)
    attempt = sittings.enter(person=someone, sitting=sitting, at=sitting.opens_at + MINUTE)
    attempts.end_by_clock(attempt=attempt, at=attempt.shuts_at)
    return attempt


def begin(sitting, cast: Cast, crowd: list[Person], *, at: datetime) -> dict[str, tuple]:
    """Of six one has handed in, one is silent after leaving the page, one has answers that did not arrive, two have not come."""
    from home.demo.exams import answer_some, leave_the_page
    from quizzes.models import MarkingTask, Submission
    from quizzes.services import attempts, presence, sittings
    from tests.quizzes.exams import HOUR, Row, put

    draw = random.Random(2026)
    places = [("二号考场", "01"), ("二号考场", "02"), ("二号考场", "03"), ("", "")]
    rows = [Row(n, one.employee_number, *place) for n, (one, place) in enumerate(zip(crowd, places, strict=False), start=1)]
    put(sitting, cast, *rows, at=sitting.opens_at - HOUR)
    done, silent, waiting = (sittings.enter(person=one, sitting=sitting, at=at - 10 * MINUTE) for one in (cast.colleague, *crowd[:2]))
    for attempt in (done, silent, waiting):
        answer_some(attempt, draw, share=0.8, good=0.8, at=at - 10 * MINUTE)
    essay = done.items.get(kind="essay")
    attempts.save(attempt_id=done.pk, person=done.person, item_id=essay.pk, response=ESSAY, token="essay", at=at - 2 * MINUTE)
    attempts.submit(attempt=done, cause=Submission.Cause.LEARNER, at=at - MINUTE)
    leave_the_page(silent, at=at - 4 * MINUTE)
    presence.note(attempt_id=waiting.pk, person=waiting.person, unacknowledged=2, address="10.8.0.22", at=at)
    own = sittings.enter(person=cast.learner, sitting=sitting, at=at)
    sittings.extend(sitting=sitting, minutes=5, reason="广播故障", by=cast.liaison, at=at)
    return {
        "sitting_it": (own.pk,),
        "handed_in": (done.pk,),
        "silent": (sitting.pk, silent.pk),
        "essay": (MarkingTask.objects.get(submission__attempt=done).pk,),
    }


def mark_again(cast: Cast, *, at: datetime) -> dict[str, tuple]:
    """Two questions of X01 had a wrong key: the one was marked again, of the other it is proposed."""
    from quizzes.models import Question, Remark
    from quizzes.services import remarks

    wrong, unclear = (Question.objects.get(code=code) for code in ("X01-1", "X01-3"))
    proposed = remarks.propose(question=wrong, remedy=Remark.Remedy.NEW_KEY, key=["A"], reason="条例已修订", by=cast.trainer, at=at)
    done = remarks.propose(question=unclear, remedy=Remark.Remedy.ALL_RIGHT, reason="题干有歧义", by=cast.trainer, at=at)
    remarks.decide(remark=done, approved=True, by=cast.hr, at=at)
    remarks.apply(done, at=at)
    return {"question": (unclear.pk,), "proposed": (proposed.pk,), "marked_again": (done.pk,)}


@remembered
def make_quiz(cast: Cast, key: str, course_code: str, *, essay: bool = False, **rules):
    """A quiz of one question of each of the six kinds, and an essay where asked for, with the bank it draws from."""
    from core import clock as county_clock
    from quizzes.services import bank, quizzes

    rows = [
        {
            "id": f"{course_code}-1",
            "type": "single",
            "stem": "应当自形成之日起多少个工作日内公开？",
            "options": {"A": "7", "B": "20"},
            "answer": ["B"],
        },
        {
            "id": f"{course_code}-2",
            "type": "multiple",
            "stem": "哪些是依申请公开的期限？",
            "options": {"A": "7", "B": "15", "C": "99"},
            "answer": ["A", "B"],
        },
        {"id": f"{course_code}-3", "type": "judge", "stem": "一律收费。", "answer": False},
        {"id": f"{course_code}-4", "type": "fill", "stem": "以____为常态、____为例外。", "answer": [["公开"], ["不公开"]]},
        {
            "id": f"{course_code}-5",
            "type": "order",
            "stem": "排列环节。",
            "items": ["答复", "登记", "审核"],
            "answer": ["登记", "审核", "答复"],
        },
        {
            "id": f"{course_code}-6",
            "type": "match",
            "stem": "配对。",
            "left": ["应", "宜"],
            "right": ["推荐", "要求"],
            "answer": {"应": "要求", "宜": "推荐"},
        },
    ]
    if essay:
        rubric = [
            {"name": "要点完整", "points": "6", "levels": [{"points": "6", "text": "三个要点都有"}, {"points": "3", "text": "缺一个要点"}]},
            {"name": "联系实际", "points": "4"},
        ]
        rows.append(
            {
                "id": f"{course_code}-7",
                "type": "essay",
                "stem": "依申请公开的答复期限如何计算？联系本单位实际谈谈。",
                "answer": "见第三十三条。",
                "rubric": rubric,
                "markers": 2,
            }
        )
    for row in rows:
        row |= {
            "course": course_code,
            "diff": 1,
            "explain": "见条例原文。",
            "source": "《政府信息公开条例》第二十六条",
            "v": "V",
            "point": "时限",
        }
    bank.import_rows(rows, county=cast.county, at=county_clock.now())
    facts = {"title": "结业测试", "minutes": 20, "pass_percent": 80, "attempts": 3} | rules
    draws = [{"kind": row["type"], "count": 1} for row in rows]
    return quizzes.ensure(county=cast.county, key=key, course_code=course_code, draws=draws, **facts)


def marked_essay(cast: Cast):
    """The learner's attempt at a quiz with an essay, marked by all that were asked for: its task."""
    from courses.services import enrolments
    from quizzes.models import MarkingTask, Submission
    from quizzes.services import attempts, ratings
    from tests.factories import make_course

    at = clock.now()
    quiz = make_quiz(cast, "e01-final", "E01", essay=True)
    enrolments.enrol(person=cast.learner, course=make_course(cast.county, code="E01", lessons=1, quiz_key="e01-final"), at=at - MINUTE)
    attempt = attempts.start(person=cast.learner, quiz=quiz, at=at - MINUTE)
    item = attempt.items.get(kind="essay")
    attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=ESSAY, token="essay", at=at - MINUTE)
    attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=at)
    task = MarkingTask.objects.get(submission__attempt=attempt)
    most = [Decimal(criterion["points"]) for criterion in ratings.criteria_of(ratings.task_text(task))]
    for marker in (cast.trainer, cast.admin)[: task.markers]:
        ratings.rate(task=task, marker=marker, points=most, comment="要点齐全，依据还可以更具体。", at=at)
    return MarkingTask.objects.get(pk=task.pk)
