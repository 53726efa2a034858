"""Two people behind what is published by Wagtail's reviews: who wrote it, and who approved it."""

import hashlib
import json

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from wagtail.models import DraftStateMixin, LockableMixin, Revision, RevisionMixin, TaskState, WorkflowMixin, WorkflowState

# What Wagtail notes about a draft beside what it says.
_BOOKKEEPING = {
    field.name for mixin in (DraftStateMixin, LockableMixin, RevisionMixin, WorkflowMixin) for field in mixin._meta.local_fields
}


def hands_in(task: TaskState) -> set[int | None]:
    """Who submitted what this task is about, and who wrote it then or changed it since. One query.

    A revision that only adds a reviewer's comment in the margin changes nothing that anybody reads.
    """
    first, *later = Revision.objects.filter(
        base_content_type=task.workflow_state.base_content_type_id, object_id=task.workflow_state.object_id, pk__gte=task.revision_id
    ).order_by("pk")
    hands, text = {task.workflow_state.requested_by_id, first.user_id}, text_of(first)
    for revision in later:
        before, text = text, text_of(revision)
        if text != before:
            hands.add(revision.user_id)
    return hands


def text_of(revision: Revision) -> dict:
    """What a revision says, without Wagtail's bookkeeping."""
    model = revision.content_type.model_class()
    names = {"title", "slug", *(field.name for field in model._meta.local_fields)} - _BOOKKEEPING
    return {name: value for name, value in revision.content.items() if name in names}


def words_of(revision: Revision) -> str:
    """A SHA-256 over what a revision says: of two with the same nobody sees a difference."""
    said = json.dumps(text_of(revision), sort_keys=True, ensure_ascii=False, cls=DjangoJSONEncoder)
    return hashlib.sha256(said.encode()).hexdigest()


def approval_of(instance: models.Model, revision: Revision) -> TaskState | None:
    """The approval that this revision rests on: the newest one given after the revision was made. One query."""
    return (
        TaskState.objects.for_instance(instance)
        .filter(
            status=TaskState.STATUS_APPROVED,
            workflow_state__status=WorkflowState.STATUS_APPROVED,
            revision__lte=revision.pk,
            finished_at__gte=revision.created_at,
        )
        .select_related("workflow_state")
        .order_by("finished_at")
        .last()
    )
