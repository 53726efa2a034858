"""How a county's second person decides on a certificate template."""

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.models import Revision, Task, TaskState

from certificates.models.kind import CertificateKind
from core import foureyes
from core.errors import Refused


def refuse_decided(task_state: TaskState | None) -> None:
    """Let a step of a workflow pass that still waits; to be asked with the kind locked.

    Raises:
        Refused: decided, with who was quicker.
    """
    if task_state is not None and task_state.status == TaskState.STATUS_IN_PROGRESS:
        return
    by = task_state.finished_by if task_state is not None else None
    raise Refused(
        gettext("%(name)s has decided on this template already. Please look at it again.") % {"name": by.name}
        if by
        else gettext("This template waits for no decision any more. Please look at it again."),
        code="decided",
    )


def seen_in(revision: Revision | None) -> str:
    """What names the words and the look that somebody was shown: a SHA-256 over the draft, without Wagtail's bookkeeping."""
    return foureyes.words_of(revision) if revision is not None else ""


def refuse_changed(kind: CertificateKind, seen: str) -> None:
    """Let an approval pass of what the draft still says; to be asked with the kind locked.

    Raises:
        Refused: changed, with who changed it.
    """
    newest = kind.revisions.order_by("pk").select_related("user").last()
    if seen and seen == seen_in(newest):
        return
    raise Refused(
        gettext("This template was changed after you opened it, by %(name)s. Nothing was approved: please look at it again.")
        % {"name": newest.user.name}
        if newest is not None and newest.user is not None
        else gettext("This template was changed after you opened it. Nothing was approved: please look at it again."),
        code="changed",
    )


class KindReview(Task):
    """A second person who rules the county's certificates approves a template, or sends it back. Nobody approves their own.

    It takes the role of HR or administrator over the county; being a superuser is not enough.
    """

    class Meta:
        verbose_name = _("approval of a certificate template")
        verbose_name_plural = _("approvals of certificate templates")

    def get_actions(self, obj, user):
        if not self._may_decide(obj, user):
            return []
        actions = [("reject", _("Request changes"), True)]
        task = obj.current_workflow_task_state
        if task is None or user.pk not in foureyes.hands_in(task):
            actions.append(("approve", _("Approve"), True))
        return actions

    def get_form_for_action(self, action):
        from certificates.forms import ApprovalForm

        return ApprovalForm if action == "approve" else super().get_form_for_action(action)

    @transaction.atomic
    def on_action(self, task_state, user, action_name, **kwargs):
        """An approval names what it vouches for, and by `seen` (see `seen_in`) the draft that was looked at; without the first
        it is none, and without the second it is refused, whichever way it came. Locks the kind.

        Raises:
            Refused: decided, changed.
        """
        vouched, seen = kwargs.pop("no_emblem", False), kwargs.pop("seen", "")
        if action_name == "approve" and vouched is not True:
            raise PermissionDenied
        CertificateKind.hold(task_state.workflow_state.object_id)
        task_state.refresh_from_db()  # read before the lock, and with its workflow: somebody may have been quicker
        refuse_decided(task_state)
        if action_name == "approve":
            refuse_changed(CertificateKind.objects.get(pk=task_state.workflow_state.object_id), seen)
        return super().on_action(task_state, user, action_name, **kwargs)

    def user_can_access_editor(self, obj, user):
        return self._may_decide(obj, user)

    def locked_for_user(self, obj, user):
        """While it waits, its author changes nothing: what is approved is what was submitted."""
        return not any(name == "approve" for name, *_rest in self.get_actions(obj, user))

    def user_can_lock(self, obj, user):
        return self._may_decide(obj, user)

    def get_task_states_user_can_moderate(self, user, **kwargs):
        kinds = CertificateKind.objects.ruled_by(user).values_list("pk", flat=True)
        return self.task_states.filter(
            status=TaskState.STATUS_IN_PROGRESS,
            workflow_state__base_content_type=ContentType.objects.get_for_model(CertificateKind),
            workflow_state__object_id__in=[str(pk) for pk in kinds],
        )

    @classmethod
    def get_description(cls):
        return _("HR or an administrator of the county approves what somebody else submitted.")

    @staticmethod
    def _may_decide(obj, user) -> bool:
        from certificates.permissions import counties_of

        return user.is_active and any(county.pk == obj.county_id for county in counties_of(user))
