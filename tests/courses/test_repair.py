"""A completion that a crash delayed is dated, and placed, where it was earned."""

from datetime import date, timedelta

from courses.models import Completion, EditionRequirement, RequirementMet
from courses.services import completions, enrolments
from people.models import Duty
from people.services import postings
from tests.cast import NOON
from tests.factories import make_course


def test_a_repaired_completion_carries_the_unit_and_post_of_the_deciding_day(cast):
    course = make_course(cast.county, code="P01", lessons=1)
    enrolment = enrolments.enrol(person=cast.learner, course=course, at=NOON)
    asked = EditionRequirement.objects.get(edition=enrolment.edition)
    RequirementMet.objects.create(enrolment=enrolment, requirement=asked, at=NOON, evidence="lesson-place:1")  # and then the process died
    postings.post(person=cast.learner, unit=cast.other_bureau, title="局长", duties=[Duty.CHIEF], starts_on=date(2026, 7, 1))

    (gap,) = completions.gaps(NOON + timedelta(days=40))
    gap.mend()

    completion = Completion.objects.get()
    assert completion.completed_at == NOON
    assert (completion.unit, completion.post_title, completion.duties) == (cast.section, "科员", ["staff"])
    assert completion.unit_name == "姚安县教育体育局 办公室"
