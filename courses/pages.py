"""The authoring side: catalogue, course and lesson pages in Wagtail's tree.

Learners never read these pages: publishing makes an edition (services/editions.py) and the
learner's views show editions. A page is what trainers draft, preview and submit.
"""

from contextlib import nullcontext

import structlog
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.forms import DateInput
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel, FieldRowPanel, HelpPanel, MultiFieldPanel, ObjectList, TabbedInterface
from wagtail.fields import StreamField
from wagtail.log_actions import LogContext, get_active_log_context
from wagtail.models import Page, PagePermissionTester
from wagtail.search import index

from core.errors import Refused
from core.text import search_tokens
from courses.blocks import LessonBody
from courses.fellows import FellowsManager, fellows_of, shared_property
from courses.forms import CoursePageForm, LessonPageForm
from courses.models.course import Line, PassRule
from people.models import Duty, Unit

log = structlog.get_logger(__name__)
TITLE_LENGTH = 120  # of Edition.title and EditionLesson.title
BY_SCHEDULE = "wagtail.publish.scheduled"


class ShelfPermissions(PagePermissionTester):
    """Below a catalogue nobody publishes by a button: what is new there goes through review."""

    def can_publish_subpage(self):
        return False


class ReviewedPermissions(ShelfPermissions):
    """Nor is anything published that stands there, by superusers either. Approving is ReviewTask's; withdrawing stays a reviewer's."""

    def can_publish(self):
        return False

    def can_unschedule(self):
        return super().can_publish()

    def can_delete(self, ignore_bulk=False):
        """As Wagtail has it: who may only change pages deletes none that is published, nor one above it. Asked once for a whole list."""
        if not self.user.is_active or self.user.is_superuser or "publish" in self.permissions or "change" not in self.permissions:
            return super().can_delete(ignore_bulk)
        may_take_all = ignore_bulk or "bulk_delete" in self.permissions or self.page.is_leaf()
        return may_take_all and not (self.page.live or self.page.is_above_live)

    def can_reorder_children(self):
        """Lessons are ordered by whoever writes them; the order reaches learners with the next approval."""
        return self.can_edit() and not self.page_locked()

    def can_move_to(self, destination):
        if self.page.is_child_of(destination):  # only its place among its siblings changes
            return destination.permissions_for_user(self.user).can_reorder_children()
        return super().can_move_to(destination)


class ShownToLearners(Page):
    """What course and lesson pages share: titles that fit a record, and publication as one step with its edition."""

    objects = FellowsManager()

    class Meta:
        abstract = True

    @shared_property
    def is_above_live(pages):
        """Whether something published stands below."""
        parents = [page.path for page in pages if page.numchild]
        below = models.Q(pk__in=[])
        for path in parents:
            below |= models.Q(path__startswith=path, depth__gt=len(path) // Page.steplen)
        live = Page.objects.live().filter(below).values_list("path", flat=True) if parents else []
        return {page.pk: any(path.startswith(page.path) and path != page.path for path in live) for page in pages}

    def _get_site_root_paths(self, cache_object=None, **kwargs):
        """Where no request is at hand Wagtail keeps them on the page: here on one of all that were fetched together."""
        return super()._get_site_root_paths(cache_object or fellows_of(self)[0], **kwargs)

    def clean(self):
        super().clean()
        if len(self.title) > TITLE_LENGTH:
            raise ValidationError({"title": _("At most %(limit)d characters: the title is printed on records.") % {"limit": TITLE_LENGTH}})

    def permissions_for_user(self, user):
        return ReviewedPermissions(user, self)

    def publish(self, revision, user=None, **kwargs):
        """Publish in one transaction with the edition that follows from it (receivers.py): both or neither.

        Somebody publishes by approving what another person submitted; only the system (`user=None`) goes without.

        Raises:
            Refused: not approved, or approved by its own author; the course cannot be published as it is.
                A scheduled publication is logged and given up instead, so that it does not hold up the others.
        """
        from courses.services import reviews

        acting = LogContext(user=user) if user and get_active_log_context().user is None else nullcontext()
        try:
            with acting, transaction.atomic():
                if user is not None:
                    reviews.check_publication(page=self, revision=revision, by=user)
                super().publish(revision, user=user, **kwargs | {"skip_permission_checks": True})
        except Refused as refusal:
            if kwargs.get("log_action") != BY_SCHEDULE:
                raise
            log.warning("scheduled_publication_refused", page=self.pk, code=refusal.code, reason=refusal.message)
            revision.approved_go_live_at = None
            revision.save(update_fields=["approved_go_live_at"])


class CataloguePage(Page):
    """The shelf of one county: trainers of the county write below it."""

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"))

    content_panels = [*Page.content_panels, FieldPanel("county", read_only=True)]
    parent_page_types = ["home.HomePage"]
    subpage_types = ["courses.CoursePage"]
    page_description = _("The courses of one county.")

    class Meta:
        verbose_name = _("catalogue")
        verbose_name_plural = _("catalogues")

    def permissions_for_user(self, user):
        return ShelfPermissions(user, self)

    def get_url_parts(self, request=None):
        return _learner_url(self, reverse("course_list"), request)

    def serve(self, request, *args, **kwargs):
        return redirect("course_list")


class CoursePage(ShownToLearners):
    """A course as its trainer writes it."""

    code = models.CharField(
        _("code"), max_length=20, help_text=_("For example P01; unique in the county. It stays once the course was published.")
    )
    summary = models.TextField(
        _("summary"), max_length=400, help_text=_("One or two sentences: what one can do after the course. Shown in the catalogue.")
    )
    goals = models.JSONField(_("goals"), default=list, blank=True)
    sources = models.JSONField(_("sources"), default=list, blank=True)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    line = models.CharField(_("line"), max_length=12, choices=Line.choices, default=Line.POLICY)
    pass_rule = models.CharField(
        _("pass rule"),
        max_length=20,
        choices=PassRule.choices,
        default=PassRule.LESSONS_AND_QUIZ,
        help_text=_("What completes the course."),
    )
    prerequisites = models.JSONField(_("prerequisites"), default=list, blank=True)
    required_for = models.JSONField(_("required for"), default=list, blank=True)
    elective_for = models.JSONField(_("elective for"), default=list, blank=True)
    certificate = models.CharField(_("certificate"), max_length=40, blank=True)
    due_on = models.DateField(
        _("due on"), null=True, blank=True, help_text=_("Those for whom it is required should finish by 24:00 of this day.")
    )
    is_shared = models.BooleanField(
        _("shared with other counties"), default=False, help_text=_("Staff of other counties can find and take the course, too.")
    )
    mark = models.CharField(
        _("evidence mark"),
        max_length=1,
        blank=True,
        choices=[("V", _("V · checked against the text in force")), ("S", _("S · secondary source")), ("D", _("D · set by the county"))],
        help_text=_("The weakest evidence that the course rests on. Learners see it."),
    )

    base_form_class = CoursePageForm
    content_panels = [
        HelpPanel(template="courses/admin/course_help.html"),
        *Page.content_panels,
        FieldRowPanel([FieldPanel("code"), FieldPanel("line")]),
        FieldPanel("summary"),
        FieldPanel("goals"),
        MultiFieldPanel([FieldPanel("sources"), FieldPanel("mark"), FieldPanel("tags")], heading=_("Sources and tags")),
    ]
    rule_panels = [
        MultiFieldPanel(
            [
                FieldPanel("required_for"),
                FieldPanel("elective_for"),
                FieldPanel("due_on", widget=DateInput(attrs={"type": "date"}, format="%Y-%m-%d")),
            ],
            heading=_("For whom"),
        ),
        MultiFieldPanel([FieldPanel("pass_rule"), FieldPanel("prerequisites"), FieldPanel("certificate")], heading=_("Passing")),
        FieldPanel("is_shared"),
    ]
    edit_handler = TabbedInterface(
        [
            ObjectList(content_panels, heading=_("Course")),
            ObjectList(rule_panels, heading=_("For whom and passing")),
            ObjectList([FieldPanel("slug")], heading=_("Address")),
        ]
    )
    parent_page_types = ["courses.CataloguePage"]
    subpage_types = ["courses.LessonPage"]
    page_description = _("Its facts; the lessons are pages below it.")
    admin_default_ordering = "ord"  # lessons as learners read them
    search_fields = [
        *Page.search_fields,
        index.SearchField("code"),
        index.SearchField("summary"),
        index.SearchField("tokens"),
        index.AutocompleteField("tokens"),
        index.FilterField("line"),
    ]

    class Meta:
        verbose_name = _("course page")
        verbose_name_plural = _("course pages")

    def clean(self):
        super().clean()
        unknown = [duty for duty in [*self.required_for, *self.elective_for] if duty not in Duty.values]
        if unknown:
            raise ValidationError({"required_for": _("Unknown duty: %(duties)s.") % {"duties": "、".join(unknown)}})
        if set(self.required_for) & set(self.elective_for):
            raise ValidationError({"elective_for": _("A duty is either required or elective, not both.")})

    def tokens(self) -> str:
        """Chinese pairs for Wagtail's own search, so that editors find 安全 inside 安全生产."""
        return search_tokens(self.title, self.code, self.summary, *self.tags)

    @shared_property
    def _shown(pages):
        """The course that was published from the page; a listing asks for it several times a row."""
        from courses.models import Course

        return dict(Course.objects.filter(page__in=[page.pk for page in pages]).values_list("page", "pk"))

    def get_url_parts(self, request=None):
        return _learner_url(self, reverse("course", args=[self._shown]) if self._shown else None, request)

    def serve(self, request, *args, **kwargs):
        course = getattr(self, "course", None)
        return redirect("course", course.pk) if course else redirect("course_list")

    def serve_preview(self, request, mode_name):
        from courses import previews

        return previews.course(request, self)


class LessonPage(ShownToLearners):
    """A lesson as its trainer writes it; its place among its siblings is its place in the course."""

    minutes = models.PositiveSmallIntegerField(
        _("minutes"),
        default=10,
        validators=[MinValueValidator(1)],
        help_text=_("Reading time. The course's minutes, and with them its credit hours, are the sum of its lessons."),
    )
    body = StreamField(LessonBody(), blank=True, verbose_name=_("body"))

    base_form_class = LessonPageForm
    content_panels = [*Page.content_panels, FieldPanel("minutes"), FieldPanel("body")]
    edit_handler = TabbedInterface(
        [
            ObjectList(content_panels, heading=_("Lesson")),
            ObjectList([FieldPanel("slug")], heading=_("Address")),
        ]
    )
    parent_page_types = ["courses.CoursePage"]
    subpage_types: list[str] = []
    page_description = _("Text, images, videos, clauses, questions.")
    search_fields = [*Page.search_fields, index.SearchField("tokens"), index.AutocompleteField("tokens")]

    class Meta:
        verbose_name = _("lesson page")
        verbose_name_plural = _("lesson pages")

    def tokens(self) -> str:
        return search_tokens(self.title)

    def get_url_parts(self, request=None):
        return _learner_url(self, reverse("lesson", args=self._shown) if self._shown else None, request)

    @shared_property
    def _shown(pages):
        """Course and slug of the newest edition that has the lesson; a listing asks for them several times a row."""
        from courses.models import EditionLesson

        places = {(page.translation_key, page.path[: -Page.steplen]): page.pk for page in pages}
        keys, courses = {key for key, _path in places}, {path for _key, path in places}
        shown = EditionLesson.objects.filter(key__in=keys, edition__course__page__path__in=courses).order_by("edition__number")
        found = shown.values_list("key", "edition__course__page__path", "edition__course", "slug")
        return {places[key, path]: (course, slug) for key, path, course, slug in found if (key, path) in places}

    def serve(self, request, *args, **kwargs):
        parts = self.get_url_parts(request)
        return redirect((parts and parts[2]) or "course_list")

    def serve_preview(self, request, mode_name):
        from courses import previews

        return previews.lesson(request, self)


def _learner_url(page: Page, path: str | None, request) -> tuple | None:
    """URL parts as Wagtail wants them: the learner's address under the root of the page's site, if learners have one already."""
    roots = page._get_relevant_site_root_paths(request)
    if not roots:
        return None
    return (roots[0].site_id, roots[0].root_url, path) if path else (roots[0].site_id, None, None)


__all__ = ["CataloguePage", "CoursePage", "LessonPage"]
