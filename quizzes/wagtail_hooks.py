"""What this app registers with the Wagtail admin."""

from django.utils.translation import gettext_lazy as _
from wagtail import hooks

from quizzes.viewsets import BankGroup, ChangeQuestions

ACTIONS = {
    "quizzes.questions_imported": _("Questions imported"),
    "quizzes.questions_changed": _("Questions changed"),
    "quizzes.questions_exported": _("Questions exported"),
    "quizzes.copied": _("Quiz copied"),
    "quizzes.paper_made": _("Exam paper made"),
    "quizzes.paper_refreshed": _("Exam paper brought up to date"),
    "quizzes.paper_discarded": _("Exam paper thrown away"),
    "quizzes.paper_withdrawn": _("Exam paper withdrawn"),
    "quizzes.paper_sealed": _("Exam paper sealed"),
    "quizzes.paper_printed": _("Exam paper printed"),
    "quizzes.sheets_printed": _("Answer sheets printed"),
    "quizzes.marks_entered": _("Marks entered from paper"),
    "quizzes.gone_on_paper": _("Candidate goes on on paper"),
    "quizzes.late_paper_brought": _("Paper brought in after the candidate's end"),
    "quizzes.late_paper_decided": _("Decision on a paper brought in after the candidate's end"),
    "quizzes.correction_proposed": _("Correction of marks from paper proposed"),
    "quizzes.correction_decided": _("Correction of marks from paper decided"),
    "quizzes.marked_by_people": _("Marked by people"),
    "quizzes.rating_correction_proposed": _("Correction of an answer's points proposed"),
    "quizzes.rating_correction_decided": _("Correction of an answer's points decided"),
    "quizzes.remark_proposed": _("Re-marking proposed"),
    "quizzes.remark_decided": _("Re-marking decided"),
    "quizzes.time_added": _("Time added in an exam"),
    "quizzes.allowance_given": _("Extra time or attempts given"),
    "quizzes.sitting_created": _("Sitting created"),
    "quizzes.sitting_changed": _("Sitting changed"),
    "quizzes.sitting_published": _("Sitting published"),
    "quizzes.sitting_withdrawn": _("Sitting withdrawn"),
    "quizzes.sitting_discarded": _("Draft of a sitting thrown away"),
    "quizzes.invigilator_appointed": _("Invigilator appointed"),
    "quizzes.invigilator_dismissed": _("Invigilator dismissed"),
    "quizzes.candidates_listed": _("Candidates put on the list"),
    "quizzes.candidates_removed": _("Candidates taken off the list"),
    "quizzes.candidates_seated": _("Rooms and seats assigned"),
}


@hooks.register("register_log_actions")
def register_actions(actions):
    for action, label in ACTIONS.items():
        actions.register_action(action, label, label)


@hooks.register("register_admin_viewset")
def register_bank():
    return BankGroup()


hooks.register("register_bulk_action", ChangeQuestions)
