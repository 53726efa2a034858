"""Mail that tells of templates waiting for approval. Wagtail tells the author itself what was decided."""

from wagtail.admin.mail import BaseGroupApprovalTaskStateEmailNotifier

from certificates.models import KindReview
from certificates.permissions import rulers_of


class TemplateSubmitted(BaseGroupApprovalTaskStateEmailNotifier):
    """To everybody who may approve a submitted template, but not to whom it came from."""

    notification = "submitted"

    def can_handle(self, instance, **kwargs):
        return isinstance(instance, self.valid_classes) and isinstance(instance.task.specific, KindReview)

    def get_recipient_users(self, instance, user=None, **kwargs):
        return rulers_of(instance.workflow_state.content_object.county).exclude(pk=user.pk if user else None)


template_submitted = TemplateSubmitted()
