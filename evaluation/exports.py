"""What HR takes away: completion records, and how people stand."""

from django.utils.translation import gettext as _

from core import clock
from core.exports import Column, Exporter
from courses.models import Line
from evaluation.records import Found


def records(found: Found, *, at) -> Exporter:
    """The records that a filter found, with every field of the API in the same order, and what a higher certificate rests on."""
    columns = [
        Column(_("Record"), lambda r: r.id, 8),
        Column(_("Status"), lambda r: str(r.status_label), 12),
        Column(_("Employee number"), lambda r: r.employee_number, 12),
        Column(_("Name"), lambda r: r.person_name, 12),
        Column(_("Unit code"), lambda r: r.unit_code, 16),
        Column(_("Unit"), lambda r: r.unit_name, 30),
        Column(_("Post"), lambda r: r.post_title, 14),
        Column(_("Duties"), lambda r: r.duty_labels, 18),
        Column(_("Course code"), lambda r: r.course_code, 10),
        Column(_("Course"), lambda r: r.course_title, 30),
        Column(_("Edition"), lambda r: r.edition, 8),
        Column(_("Line"), lambda r: str(Line(r.line).label) if r.line in Line.values else r.line, 10),
        Column(_("Round"), lambda r: r.round, 6),
        Column(_("Minutes"), lambda r: r.minutes, 8),
        Column(_("Hours for study"), lambda r: r.study_hours, 10),
        Column(_("Hours for the test"), lambda r: r.test_hours, 10),
        Column(_("Hours"), lambda r: r.hours, 8),
        Column(_("Hours that count"), lambda r: r.counted_hours, 10),
        Column(_("Score"), lambda r: r.score, 8),
        Column(_("Begun at"), lambda r: r.enrolled_at, 20),
        Column(_("Completed at"), lambda r: r.completed_at, 20),
        Column(_("Certificate number"), lambda r: r.certificate_number, 34),
        Column(_("Certificate state"), lambda r: str(r.certificate_state_label), 10),
        Column(_("Certificate valid until"), lambda r: r.certificate_valid_until, 12),
        Column(_("Reversed at"), lambda r: r.reversed_at, 20),
        Column(_("Reason of the reversal"), lambda r: r.reversal_reason, 30),
        Column(_("Rests on"), lambda r: r.rests_on_words, 40),
    ]
    return Exporter(_("Completion records %(day)s") % {"day": clock.today(at).isoformat()}, columns, found.stream())
