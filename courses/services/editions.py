"""Publishing: a course page becomes an edition that never changes."""

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F, Max
from django.utils.translation import gettext as _

from core.errors import Refused
from core.text import search_tokens
from courses import outlines, rules
from courses.models import (
    CataloguePage,
    Course,
    CoursePage,
    DutyRule,
    Edition,
    EditionLesson,
    EditionRequirement,
    LessonPage,
    Need,
    PassRule,
)
from courses.outlines import Outline
from courses.slots import CERTIFICATES, QUIZZES
from people.models import Unit

log = structlog.get_logger(__name__)


@transaction.atomic
def publish(*, page: CoursePage, by, at: datetime) -> Edition:
    """The edition that shows the course page and its live lessons as they stand; a new one only if something differs.

    Locks the county's catalogue, so that codes and prerequisites are checked one publication at a
    time. Opens the course and syncs what hangs on the course rather than on an edition: duties, due
    day, sharing. Reads the page from the database: unsaved changes are not published.

    Raises:
        Refused: no lessons, an empty or unfinished one, a doubled or changed code, an unknown quiz or certificate, a quiz that nobody
            could sit and that the open course does not ask for already, unknown or cyclic prerequisites; the first reason of `blockers`.
    """
    page = CoursePage.objects.get(pk=page.pk)
    catalogue = CataloguePage.objects.select_for_update(of=("self",), no_key=True).get(pk=page.get_parent().pk)
    lessons = outlines.live_lessons(page)
    outline = outlines.of_page(page, lessons)
    for refusal in blockers(page=page, outline=outline, county=catalogue.county):
        raise refusal
    course = Course.objects.select_related("current").filter(county=catalogue.county, code=page.code).first()
    if course is None:
        course = Course(county=catalogue.county, code=page.code)
    course.page, course.is_open = page, True
    course.is_shared, course.due_on = page.is_shared, page.due_on
    course.save()
    digest = outline.digest()
    if course.current is None or course.current.digest != digest:
        course.current = _freeze(course, outline, lessons, digest=digest, by=by, at=at)
        course.save(update_fields=["current"])
    _sync_duties(course, page)
    return course.current


def blockers(*, page: CoursePage, outline: Outline, county: Unit) -> list[Refused]:
    """Every reason why this outline cannot be published now, the most basic first. Seven queries at most, five more where quizzes are embedded, and one for each unusable quiz and each image or file of a lesson."""
    found = []
    if not outline.lessons:
        found.append(
            Refused(_("“%(title)s” has no published lesson. Write and publish a lesson first.") % {"title": page.title}, code="no_lessons")
        )
    for lesson in outline.lessons:
        if outlines.is_empty(outline.bodies.get(lesson.key, [])):
            found.append(
                Refused(
                    _("The lesson “%(title)s” is empty. Write it, or take it out of the course.") % {"title": lesson.title},
                    code="empty_lesson",
                )
            )
        elif blocks := outlines.unfinished(outline.bodies.get(lesson.key, [])):
            found.append(
                Refused(
                    _("In the lesson “%(title)s” required fields are empty or wrong: %(blocks)s. Open it, fill them in and save.")
                    % {"title": lesson.title, "blocks": "、".join(blocks)},
                    code="unfinished_lesson",
                )
            )
        if not lesson.minutes:
            found.append(
                Refused(_("The lesson “%(title)s” has no minutes: hours are counted by them.") % {"title": lesson.title}, code="no_minutes")
            )
    found.extend(code_blockers(page=page, county=county))
    known_quizzes = {key for lesson in outline.lessons for key in lesson.quizzes}
    usable = dict(QUIZZES.choices(county)) if known_quizzes else {}
    for key in sorted(known_quizzes - usable.keys()):
        title = QUIZZES.title(key)
        if title is None:
            found.append(
                Refused(_("There is no quiz “%(key)s”. Choose one in the lesson's quiz block.") % {"key": key}, code="unknown_quiz")
            )
        else:
            found.append(
                Refused(
                    _("The quiz “%(title)s” (%(key)s) belongs to another county and to no shared course. Choose one of your county.")
                    % {"title": title, "key": key},
                    code="other_county_quiz",
                )
            )
    for key, lines in QUIZZES.lacks(sorted((known_quizzes & usable.keys()) - asked_now(page))).items():
        found.append(
            Refused(
                _("Nobody could sit the quiz “%(title)s”: %(lacks)s. Have that mended in the question bank or the quiz first.")
                % {"title": QUIZZES.title(key) or key, "lacks": "；".join(lines)},
                code="quiz_cannot_be_sat",
            )
        )
    if outline.pass_rule == PassRule.QUIZ and not known_quizzes:
        found.append(
            Refused(
                _("The pass rule asks for a quiz, but no lesson has one. Add a quiz block or choose another pass rule."), code="no_quiz"
            )
        )
    awards = dict(CERTIFICATES.choices(county)) if outline.certificate else {}
    if awards and outline.certificate not in awards:
        found.append(Refused(_("There is no certificate “%(key)s”.") % {"key": outline.certificate}, code="unknown_certificate"))
    found.extend(_prerequisite_blockers(outline, county))
    return found


def asked_now(page: CoursePage) -> set[str]:
    """The quizzes, by key, that learners of the page's open course are asked for now: that nobody can begin one is no worse for another
    edition, and stops no correction of a lesson. One query."""
    if page.pk is None:
        return set()
    current = Course.objects.filter(page=page, is_open=True).values("current")
    return set(EditionRequirement.objects.filter(edition__in=current, kind=EditionRequirement.Kind.QUIZ).values_list("key", flat=True))


def code_blockers(*, page: CoursePage, county: Unit) -> list[Refused]:
    """Why the page cannot have its code: another course of the county is known by it, or the page's own course by another. Two queries."""
    found = []
    holder = Course.objects.filter(county=county, code__iexact=page.code).select_related("page").first()
    if holder and holder.page is not None and holder.page.pk != page.pk:
        found.append(code_taken(page.code, by=holder.page))
    own = Course.objects.filter(page=page).select_related("county").first() if page.pk else None
    if own and (own.code != page.code or own.county_id != county.pk):
        found.append(
            Refused(
                _("This course is known as %(code)s of %(county)s in people's records; its code and county stay.")
                % {"code": own.code, "county": own.county.label},
                code="code_fixed",
            )
        )
    return found


def code_taken(code: str, *, by: CoursePage) -> Refused:
    return Refused(
        _("The code %(code)s is taken by “%(title)s” in this county. Choose another code.") % {"code": code, "title": by.title},
        code="doubled_code",
    )


def _prerequisite_blockers(outline: Outline, county: Unit) -> list[Refused]:
    if not outline.prerequisites:
        return []
    needs = dict(Course.objects.filter(county=county, current__isnull=False).values_list("code", "current__prerequisites"))
    unknown = [code for code in outline.prerequisites if code not in needs and code != outline.code]
    if unknown:
        return [
            Refused(
                _("Unknown prerequisite: %(codes)s. Only courses of this county that were published before can be asked for.")
                % {"codes": "、".join(unknown)},
                code="unknown_prerequisite",
            )
        ]
    needs[outline.code] = list(outline.prerequisites)
    chain = rules.cycle_through(outline.code, needs)
    if chain:
        return [
            Refused(
                _("The prerequisites go round in a circle, so that nobody could begin: %(chain)s.") % {"chain": " → ".join(chain)},
                code="cyclic_prerequisites",
            )
        ]
    return []


def _freeze(course: Course, outline: Outline, lessons: list[LessonPage], *, digest: str, by, at: datetime) -> Edition:
    last = course.editions.aggregate(last=Max("number"))["last"] or 0
    edition = Edition(
        course=course,
        number=last + 1,
        title=outline.title,
        summary=outline.summary,
        goals=list(outline.goals),
        sources=list(outline.sources),
        tags=list(outline.tags),
        line=outline.line,
        minutes=outline.minutes,
        pass_rule=outline.pass_rule,
        prerequisites=list(outline.prerequisites),
        certificate=outline.certificate,
        mark=outline.mark,
        digest=digest,
        published_at=at,
        published_by=by,
        search_text=search_tokens(
            outline.code, outline.title, outline.summary, *outline.goals, *outline.tags, *(lesson.title for lesson in outline.lessons)
        ),
    )
    edition.save()
    kept = {}
    for position, (lesson, page) in enumerate(zip(outline.lessons, lessons, strict=True), start=1):
        kept[lesson.key] = EditionLesson(
            edition=edition, key=lesson.key, slug=lesson.slug, title=lesson.title, position=position, minutes=lesson.minutes, body=page.body
        )
        kept[lesson.key].save()
    for position, requirement in enumerate(outline.requirements, start=1):
        EditionRequirement(
            edition=edition,
            kind=requirement.kind,
            key=requirement.key,
            title=requirement.title,
            position=position,
            lesson=kept[requirement.lesson_key],
        ).save()
    log.info("edition_published", course=course.code, county=course.county_id, number=edition.number)
    return edition


def _sync_duties(course: Course, page: CoursePage) -> None:
    wanted = dict.fromkeys(page.elective_for, Need.ELECTIVE) | dict.fromkeys(page.required_for, Need.REQUIRED)
    held = dict(course.duty_rules.values_list("duty", "need"))
    if held != wanted:
        course.duty_rules.all().delete()
        DutyRule.objects.bulk_create(DutyRule(course=course, duty=duty, need=need) for duty, need in wanted.items())


@transaction.atomic
def close(*, page_id: int) -> None:
    """The course of a page that was withdrawn takes no new learners; those who began may finish."""
    Course.objects.filter(page_id=page_id).update(is_open=False)


def republish(*, page: CoursePage, by, at: datetime) -> Edition | None:
    """After a lesson changed: a new edition of its course if that is live. None if it is not, or cannot be now.

    For changes that nobody can be asked about (a lesson withdrawn, deleted or moved): a refusal is
    logged and the edition before stays. So it does where a quiz would fall away: what decides a pass changes when two persons
    stand behind it, not by one who withdraws a lesson.
    """
    page = CoursePage.objects.filter(pk=page.pk, live=True).first()
    if page is None:
        return None
    if keeps_quizzes(page):
        return None
    try:
        return publish(page=page, by=by, at=at)
    except Refused as refusal:
        log.warning("edition_not_published", page=page.pk, code=refusal.code, reason=refusal.message)
        return None


def keeps_quizzes(page: CoursePage) -> bool:
    """Whether the standing edition stays because a quiz would fall away with it; writes that into the log."""
    lost = quizzes_lost(page)
    if lost:
        log.warning("edition_not_published", page=page.pk, code="quiz_lost", quizzes=sorted(lost))
    return bool(lost)


def quizzes_lost(page: CoursePage) -> dict[str, str]:
    """The quizzes, by key with their titles, that the standing edition asks for and that are gone with a lesson that is live here no more.

    What an approval took out of a lesson that is live is none of them. Two queries, and those of the lessons.
    """
    asked = EditionRequirement.objects.filter(
        edition__course__page=page, kind=EditionRequirement.Kind.QUIZ, edition=F("edition__course__current")
    )
    lessons = outlines.of_page(page, outlines.live_lessons(page)).lessons
    live, held = {lesson.key for lesson in lessons}, {key for lesson in lessons for key in lesson.quizzes}
    rows = asked.values_list("key", "title", "lesson__key")
    return {key: title for key, title, lesson in rows if key not in held and str(lesson) not in live}
