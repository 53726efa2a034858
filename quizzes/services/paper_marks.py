"""What was written on paper: marks that somebody gave by hand become an attempt with its marking."""

import random
import secrets
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from django.db import transaction
from django.utils.translation import gettext as _

from core import audit
from core.errors import Refused
from courses.models import Enrolment
from people.models import Person
from people.models.snapshot import served_at
from quizzes import rules
from quizzes.models import Attempt, AttemptItem, Marking, Paper, Sitting, Submission
from quizzes.models.sittings import closing_of
from quizzes.services import marking, papers, sittings


@transaction.atomic
def enter_marks(*, person: Person, paper: Paper, sitting: Sitting, points: Mapping[int, Decimal], by: Person, at: datetime) -> Marking:
    """Record a paper that somebody wrote by hand: points by position. The attempt, its end and its marking are made at once.

    It counts as handed in when the sitting closed; when it was entered stands on the marking.

    Enrols in the exam's course where needed, as entering does, from the opening of the sitting on. Locks the enrolment. What was entered wrongly is
    answered by marking again, never by editing.

    Raises:
        Refused: not_over (the sitting is not closed), other_paper (none of the sitting's), own_marks, not_a_candidate,
            sat_already, bad_points (naming the positions); no_course and as `enrolments.enrol` says.
    """
    quiz = paper.quiz
    if sitting.is_draft or at < sitting.over_at:
        raise Refused(_("Marks from paper are entered when the sitting is over for everybody."), code="not_over")
    if not sitting.papers.filter(pk=paper.pk).exists():
        raise Refused(_("This paper was not handed out in the sitting."), code="other_paper")
    if person.pk == by.pk:
        raise Refused(_("Nobody enters marks of their own: somebody else has to do it."), code="own_marks")
    if sitting.is_listed and not sitting.candidates.filter(person=person).exists():
        raise Refused(_("%(name)s is not on the list of this sitting.") % {"name": person.name}, code="not_a_candidate")
    enrolment = sittings.round_for(
        person=person, quiz=quiz, at=sitting.opens_at
    )  # when it was sat says which round, not when it was marked
    Enrolment.objects.select_for_update(no_key=True, of=("self",)).get(pk=enrolment.pk)
    if Attempt.objects.filter(person=person, sitting=sitting).exists():
        raise Refused(_("%(name)s has a paper in this sitting already.") % {"name": person.name}, code="sat_already")
    items = list(paper.items.all())
    wrong = [item.position for item in items if not 0 <= points.get(item.position, Decimal(-1)) <= item.points]
    if wrong or set(points) - {item.position for item in items}:
        raise Refused(
            _("Points are missing or outside what the question gives: %(places)s.") % {"places": "、".join(map(str, wrong)) or "?"},
            code="bad_points",
        )
    attempt = Attempt.objects.create(
        **served_at(person),
        quiz=quiz,
        enrolment=enrolment,
        sitting=sitting,
        paper=paper,
        number=Attempt.objects.filter(enrolment=enrolment, quiz=quiz).count() + 1,
        started_at=sitting.opens_at,
        ends_at=sitting.closes_at,
        quiz_title=quiz.title,
        pass_percent=quiz.pass_percent,
        seed=secrets.token_hex(16),
    )
    kept = AttemptItem.objects.bulk_create(
        papers.frozen(attempt, item, position=item.position, rng=random.Random(attempt.seed), shuffle=False)  # noqa: S311 - tokens only
        for item in items
    )
    submission = Submission.objects.create(attempt=attempt, cause=Submission.Cause.PAPER, at=closing_of(sitting))
    marked = [
        marking.Marked(item, None, Fraction(points[item.position]) / Fraction(item.points), points[item.position].quantize(rules.HUNDREDTH))
        for item in kept
    ]
    audit.record(quiz, "quizzes.marks_entered", by=by, person=person.pk, paper=paper.label)
    return marking.append(submission, marked, cause=Marking.Cause.PAPER, at=at)
