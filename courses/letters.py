"""Wagtail's mails about reviews: one letter for a course, not another for each lesson that goes with it."""

from wagtail.admin import mail
from wagtail.models import TaskState, WorkflowState
from wagtail.signals import task_submitted, workflow_approved, workflow_rejected

from courses.services import reviews


class NotForLessonsOnTheWay:
    def can_handle(self, instance, **kwargs):
        return super().can_handle(instance, **kwargs) and not reviews.is_going_with_course()


class Submitted(NotForLessonsOnTheWay, mail.GroupApprovalTaskStateSubmissionEmailNotifier):
    pass


class Approved(NotForLessonsOnTheWay, mail.WorkflowStateApprovalEmailNotifier):
    pass


class SentBack(NotForLessonsOnTheWay, mail.WorkflowStateRejectionEmailNotifier):
    pass


submitted, approved, sent_back = Submitted(), Approved(), SentBack()  # signals hold them weakly


def connect() -> None:
    """Take the places of Wagtail's own letters, by their names: who connects first under a name stays."""
    for signal, sender, letter, place in (
        (task_submitted, TaskState, submitted, "group_approval_task_submitted_email_notification"),
        (workflow_approved, WorkflowState, approved, "workflow_state_approved_email_notification"),
        (workflow_rejected, WorkflowState, sent_back, "workflow_state_rejected_email_notification"),
    ):
        signal.disconnect(sender=sender, dispatch_uid=place)
        signal.connect(letter, sender=sender, dispatch_uid=place)
