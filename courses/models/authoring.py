"""Where a county writes in Wagtail, and how its reviewers decide there."""

from django.contrib.auth.models import Group
from django.db import models
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
        """What Wagtail offers a reviewer, without the approval where this user may not give it."""
        from courses.services import reviews

        actions = super().get_actions(obj, user)
        if actions and reviews.objections(page=obj.specific, by=user):
            return [action for action in actions if action[0] != "approve"]
        return actions

    @classmethod
    def get_description(cls):
        return _("Members of the chosen groups approve what others submitted; nobody approves what they submitted or wrote themselves.")
