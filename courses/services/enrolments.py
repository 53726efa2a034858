"""Beginning a course."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused
from courses.models import Completion, Course, Edition, EditionRequirement, Enrolment
from courses.services import policies
from courses.slots import RENEWAL
from people.models import Person
from people.models.snapshot import served_at


@transaction.atomic
def enrol(*, person: Person, course: Course, at: datetime) -> Enrolment:
    """The person's standing enrolment in the course, or a new one in the edition of this moment.

    Locks the person's row, so that a double click gives one enrolment. After a completion a new
    round begins only when the policy lets the course count again: in a later calendar year,
    when the completion was reversed, or when a new round renews a certificate; until then the
    completed enrolment is returned.

    Raises:
        Refused: the course is closed or of another county, a prerequisite is missing, or it only
            renews a certificate that the person cannot renew now.
    """
    last = _last_under_lock(person, course)
    if last is not None and not may_begin_again(last, at=at):
        return last
    course = Course.objects.select_related("current", "county").get(pk=course.pk)
    if not Course.objects.visible_to(person).filter(pk=course.pk).exists():
        raise Refused(_("This course belongs to another county."), code="other_county")
    if not course.is_open or course.current is None:
        raise _closed(course)
    lacking = lacking_prerequisites(person=person, course=course)
    if lacking:
        raise Refused(
            _("Before this course, complete: %(courses)s.") % {"courses": "、".join(str(needed) for needed in lacking)},
            code="prerequisites",
        )
    return _begin(person, course, course.current, last, at)


@transaction.atomic
def enrol_then(*, person: Person, course: Course, at: datetime, asking: str) -> Enrolment:
    """What `enrol` gives, for somebody who was let in on that day and sat, which is known only later.

    The list and the door decided then, so nothing of today is asked: not where the person serves, nor whether the course is open, nor
    what has to be completed before it. A new enrolment is with the post of that day, and in the edition of that instant if it asks for
    the quiz with the key `asking`, else in the first later one that does, else in the newest that did. Locks the person's row.

    Raises:
        Refused: the course was never published, or it only renews a certificate that the person could not renew then.
    """
    last = _last_under_lock(person, course)
    if last is not None and not may_begin_again(last, at=at):
        return last
    edition = _edition_then(course, at, asking)
    if edition is None:
        raise _closed(course)
    return _begin(person, course, edition, last, at)


def _edition_then(course: Course, at: datetime, asking: str) -> Edition | None:
    """As `enrol_then` says; where none asks, that of the instant or the first after it. One query."""
    asked = EditionRequirement.objects.filter(edition=OuterRef("pk"), kind=EditionRequirement.Kind.QUIZ, key=asking)
    editions = list(course.editions.annotate(asks=Exists(asked)).order_by("number"))
    before = [one for one in editions if one.published_at <= at]
    later = [one for one in editions if one.published_at > at]
    best_first = [*before[-1:], *later, *reversed(before)]
    return next((one for one in best_first if one.asks), best_first[0] if best_first else None)  # type: ignore[attr-defined]


def _last_under_lock(person: Person, course: Course) -> Enrolment | None:
    Person.objects.select_for_update(no_key=True, of=("self",)).get(pk=person.pk)
    return Enrolment.newest(person, course.pk)


def _begin(person: Person, course: Course, edition: Edition, last: Enrolment | None, at: datetime) -> Enrolment:
    RENEWAL.check(person=person, course=course, at=at)
    number = Enrolment.next_round(person.pk, course.pk) if last else 1
    return Enrolment.objects.create(course=course, edition=edition, round=number, enrolled_at=at, **served_at(person, on=clock.today(at)))


def _closed(course: Course) -> Refused:
    return Refused(_("“%(title)s” is closed: no one can begin it now.") % {"title": course}, code="closed")


def may_begin_again(enrolment: Enrolment, *, at: datetime) -> bool:
    """Whether a new round may follow this one. One query for the policy, and those of the gate where the year's turn is taken."""
    completion = getattr(enrolment, "completion", None)
    if completion is None:
        return False
    if getattr(completion, "reversal", None) is not None:
        return True
    if clock.year_of(at) > clock.year_of(completion.completed_at):
        return True
    if not policies.in_force(
        day=clock.today(at), county=policies.county_for(enrolment.person.unit, enrolment.course)
    ).once_per_course_per_year:
        return True
    return RENEWAL.reopens(person=enrolment.person, course=enrolment.course, at=at)


def lacking_prerequisites(*, person: Person, course: Course) -> list[Course]:
    """The courses to complete first. Those that are closed, or that the person could not reach, bind nobody."""
    codes = course.current.prerequisites if course.current else []
    if not codes:
        return []
    needed = Course.objects.visible_to(person).open().filter(county=course.county_id, code__in=codes).select_related("current")
    done = Completion.objects.standing().filter(person=person, course__in=needed).values("course")
    return list(needed.exclude(pk__in=done))
