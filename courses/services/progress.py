"""Reading: where a learner stands in a lesson, and finishing it."""

from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused
from core.prepared import Prepared
from courses import rules
from courses.models import Completion, EditionLesson, EditionRequirement, Enrolment, LessonPlace
from courses.services import completions, policies

RESTART_AFTER = 60  # seconds: reopening sooner than that is a reload and leaves the clock running


def open_lesson(*, enrolment: Enrolment, lesson: EditionLesson, at: datetime) -> LessonPlace:
    """The learner's place in the lesson, made on the first opening. One query when nothing changes."""
    place = _place(enrolment, lesson, at)
    if (at - place.seen_at).total_seconds() > RESTART_AFTER:
        place.seen_at = at
        LessonPlace.objects.filter(pk=place.pk, seen_at__lt=at).update(seen_at=at)
    return place


def _place(enrolment: Enrolment, lesson: EditionLesson, at: datetime) -> LessonPlace:
    found = _place_in.first(enrolment.pk, lesson.pk)
    return found or LessonPlace.objects.get_or_create(enrolment=enrolment, lesson=lesson, defaults={"opened_at": at, "seen_at": at})[0]


_place_in = Prepared(lambda enrolment, lesson: LessonPlace.objects.filter(enrolment=enrolment, lesson=lesson))


def _locked_place(enrolment: Enrolment, lesson: EditionLesson, at: datetime) -> LessonPlace:
    Enrolment.objects.select_for_update(no_key=True, of=("self",)).get(pk=enrolment.pk)
    return _place(enrolment, lesson, at)


@transaction.atomic
def keep_place(
    *, enrolment: Enrolment, lesson: EditionLesson, position: int | None, furthest: int = 0, resumed: bool = False, at: datetime
) -> LessonPlace:
    """Remember the block last in view, if one is told, and count the time since the last sign of life.

    Locks the enrolment. Time counts once however many tabs are open: from the newest sign of life in
    any lesson of the person, never more than passed. `resumed` says that the learner was away until
    now: the clock starts again and nothing is counted.
    """
    place = _locked_place(enrolment, lesson, at)
    if position is not None:
        place.position = max(0, min(position, 32_000))
    place.furthest = max(place.furthest, min(max(0, furthest), 100))
    _count(place, enrolment, lesson, resumed=resumed, at=at)
    place.save()
    return place


def _count(place: LessonPlace, enrolment: Enrolment, lesson: EditionLesson, *, resumed: bool, at: datetime) -> None:
    newest = LessonPlace.objects.filter(enrolment__person=enrolment.person_id).aggregate(newest=Max("seen_at"))["newest"]
    since = max(place.seen_at, newest or place.seen_at)
    if not resumed:
        place.seconds += rules.counted_seconds((at - since).total_seconds(), lesson.minutes)
    place.seen_at = max(place.seen_at, at)


def finish_lesson(*, enrolment: Enrolment, lesson: EditionLesson, at: datetime) -> Completion | None:
    """Mark the lesson as read; the completion if this was the last thing missing. Finishing twice changes nothing.

    Raises:
        Refused: other_edition (the lesson is not part of the enrolment's), not_opened, too_fast (the policy asks for more reading time).
    """
    if lesson.edition_id != enrolment.edition_id:
        raise Refused(_("This lesson belongs to another edition of the course."), code="other_edition")
    if _place_in.first(enrolment.pk, lesson.pk) is None:
        raise Refused(_("Open the lesson first: nobody finishes what they have not seen."), code="not_opened")
    with transaction.atomic():
        place = _locked_place(enrolment, lesson, at)
        _count(place, enrolment, lesson, resumed=False, at=at)
        counting = policies.county_for(enrolment.person.unit, enrolment.course)
        share = policies.in_force(day=clock.today(at), county=counting).reading_share
        needed = rules.needed_seconds(lesson.minutes, share)
        is_read = place.seconds >= needed
        if is_read:
            place.furthest = 100
        place.save()
    if not is_read:
        raise Refused(
            _("This lesson asks for %(needed)d minutes of reading; %(spent)d are counted so far.")
            % {"needed": -(-needed // 60), "spent": place.seconds // 60},
            code="too_fast",
        )
    return completions.meet(
        enrolment=enrolment,
        kind=EditionRequirement.Kind.LESSON,
        key=str(lesson.key),
        evidence=f"lesson-place:{place.pk} seconds:{place.seconds}",
        at=at,
    )
