"""Where a county writes in Wagtail, and how its reviewers decide there."""

from django.contrib.auth.models import Group
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _
from wagtail.models import AbstractGroupApprovalTask, Collection

from people.models import Role, Unit


class CountyCollection(models.Model):
    """The collection that holds a county's images and files, whatever it is called."""

    county = models.OneToOneField(Unit, on_delete=models.PROTECT, related_name="+")
    collection = models.OneToOneField(Collection, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.county} · {self.collection}"


class AuthorGroup(models.Model):
    """Wagtail's group of those who hold one role of the authoring side in a county, whatever it is called."""

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=16, choices=Role.choices)
    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["county", "role"], name="author_group_once")]

    def __str__(self) -> str:
        return self.group.name


class ReviewTask(AbstractGroupApprovalTask):
    """A county's reviewers approve what was submitted, or send it back. Who submitted or wrote it does not approve it."""

    class Meta:
        verbose_name = _("review by a second person")
        verbose_name_plural = _("reviews by a second person")

    def get_actions(self, obj, user):
        """To send it back, and to approve it in a window that says of what; not where this user may not approve."""
        from courses.services import reviews

        if not super().get_actions(obj, user):
            return []
        actions = [("reject", _("Request changes"), True)]
        return actions if reviews.objections(page=obj.specific, by=user) else [*actions, ("approve", _("Approve"), True)]

    def get_form_for_action(self, action):
        from courses.forms import ApprovalForm

        return ApprovalForm if action == "approve" else super().get_form_for_action(action)

    def get_template_for_action(self, action):
        return "courses/admin/approve.html" if action == "approve" else super().get_template_for_action(action)

    @transaction.atomic
    def on_action(self, task_state, user, action_name, **kwargs):
        """An approval names by `seen` what was looked at (`reviews.seen_in`); without it, it is refused. Locks the page and its lessons.

        Raises:
            Refused: changed.
        """
        from courses.services import reviews

        seen = kwargs.pop("seen", "")
        if action_name == "approve":
            page = task_state.workflow_state.content_object
            reviews.hold(page)
            reviews.refuse_changed(page=page, seen=seen)
        return super().on_action(task_state, user, action_name, **kwargs)

    @classmethod
    def get_description(cls):
        return _("Members of the chosen groups approve what others submitted; nobody approves what they submitted or wrote themselves.")
