"""Reactions of this app to facts of lower apps and of Wagtail."""

from django.db.models.signals import pre_delete, pre_save
from django.dispatch import receiver
from wagtail.documents import get_document_model
from wagtail.images import get_image_model
from wagtail.log_actions import get_active_log_context
from wagtail.models import ReferenceIndex
from wagtail.signals import (
    page_published,
    page_unpublished,
    post_page_move,
    pre_page_move,
    task_cancelled,
    task_rejected,
    task_submitted,
)

from courses.models import CoursePage, LessonPage
from courses.services import catalogues, editions, reviews
from people.signals import role_granted, role_withdrawn


@receiver([role_granted, role_withdrawn])
def keep_groups_in_step(sender, grant, **kwargs):
    catalogues.sync_members(county=grant.unit.county)


@receiver(page_published, sender=CoursePage)
def freeze_course(sender, instance, **kwargs):
    reviews.course_published(page=instance, by=get_active_log_context().user)


@receiver(page_published, sender=LessonPage)
def freeze_course_of_lesson(sender, instance, **kwargs):
    reviews.lesson_published(page=instance, by=get_active_log_context().user)


@receiver(page_unpublished, sender=CoursePage)
def close_course(sender, instance, **kwargs):
    editions.close(page_id=instance.pk)


@receiver(pre_delete, sender=CoursePage)
def close_course_of_deleted_page(sender, instance, **kwargs):
    editions.close(page_id=instance.pk)


@receiver(page_unpublished, sender=LessonPage)
def leave_out_lesson(sender, instance, **kwargs):
    reviews.without_lesson(course_page=instance.get_parent())


@receiver(pre_delete, sender=LessonPage)
def leave_out_deleted_lesson(sender, instance, **kwargs):
    reviews.without_lesson(course_page=instance.get_parent())


@receiver(pre_page_move, sender=CoursePage)
def keep_course_in_county(sender, instance, parent_page_after, **kwargs):
    reviews.check_move(page=instance, target=parent_page_after)


@receiver(post_page_move, sender=LessonPage)
def leave_out_moved_lesson(sender, instance, parent_page_before, parent_page_after, **kwargs):
    # Where it stands now, and its place among others, reach learners with the next approval.
    if parent_page_before.pk != parent_page_after.pk:
        reviews.without_lesson(course_page=parent_page_before)


def _course_under(task) -> CoursePage | None:
    page = getattr(task.workflow_state.content_object, "specific", None)
    return page if isinstance(page, CoursePage) else None


@receiver(task_submitted)
def submit_lessons_with_their_course(sender, instance, user, **kwargs):
    if course_page := _course_under(instance):
        reviews.submit_lessons(course_page=course_page, by=user)


@receiver([task_rejected, task_cancelled])
def send_lessons_back_with_their_course(sender, instance, user, **kwargs):
    if course_page := _course_under(instance):
        reviews.send_lessons_back(course_page=course_page, task=instance, by=user)


@receiver(pre_delete, sender=get_image_model())
@receiver(pre_delete, sender=get_document_model())
def keep_files_of_editions(sender, instance, **kwargs):
    reviews.check_file_is_free(file=instance, references=ReferenceIndex.get_references_to(instance))


@receiver(pre_save, sender=get_image_model())
@receiver(pre_save, sender=get_document_model())
def keep_content_of_files_of_editions(sender, instance, raw, **kwargs):
    stored = None if raw or instance.pk is None else sender.objects.filter(pk=instance.pk).values_list("file", flat=True).first()
    if stored and (stored != instance.file.name or not instance.file._committed):  # another file, or one not stored yet
        reviews.check_file_may_change(file=instance, references=ReferenceIndex.get_references_to(instance))
