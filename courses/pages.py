"""The authoring side: catalogue, course and lesson pages in Wagtail's tree.

Learners never read these pages: publishing makes an edition (services/editions.py) and the
learner's views show editions. A page is what trainers draft, preview and submit.
"""

from django import forms
from django.db import models
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel, MultiFieldPanel
from wagtail.fields import StreamField
from wagtail.models import Page

from courses.blocks import LessonBody
from courses.models.course import Line, PassRule
from courses.slots import CERTIFICATES
from people.models import Duty, Unit


class CataloguePage(Page):
    """The shelf of one county: trainers of the county write below it."""

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"))

    content_panels = [*Page.content_panels, FieldPanel("county")]
    parent_page_types = ["home.HomePage"]
    subpage_types = ["courses.CoursePage"]

    class Meta:
        verbose_name = _("catalogue")


class CoursePage(Page):
    """A course as its trainer writes it."""

    code = models.CharField(_("code"), max_length=20, help_text=_("For example P01; unique in the county."))
    summary = models.TextField(_("summary"), max_length=400)
    goals = models.JSONField(_("goals"), default=list, blank=True)
    sources = models.JSONField(_("sources"), default=list, blank=True)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    line = models.CharField(_("line"), max_length=12, choices=Line.choices, default=Line.POLICY)
    pass_rule = models.CharField(_("pass rule"), max_length=20, choices=PassRule.choices, default=PassRule.LESSONS_AND_QUIZ)
    prerequisites = models.JSONField(_("prerequisites"), default=list, blank=True)
    required_for = models.JSONField(_("required for"), default=list, blank=True)
    elective_for = models.JSONField(_("elective for"), default=list, blank=True)
    certificate = models.CharField(_("certificate"), max_length=40, blank=True)
    due_on = models.DateField(_("due on"), null=True, blank=True)
    is_shared = models.BooleanField(_("shared with other counties"), default=False)
    mark = models.CharField(_("evidence mark"), max_length=1, blank=True, choices=[("V", "V"), ("S", "S"), ("D", "D")])

    content_panels = [
        *Page.content_panels,
        FieldPanel("code"),
        FieldPanel("summary"),
        MultiFieldPanel([FieldPanel("line"), FieldPanel("pass_rule"), FieldPanel("certificate"), FieldPanel("due_on")], heading=_("Rules")),
    ]
    parent_page_types = ["courses.CataloguePage"]
    subpage_types = ["courses.LessonPage"]

    class Meta:
        verbose_name = _("course page")


class LessonPage(Page):
    """A lesson as its trainer writes it; its place among its siblings is its place in the course."""

    minutes = models.PositiveSmallIntegerField(_("minutes"), default=10)
    body = StreamField(LessonBody(), blank=True)

    content_panels = [*Page.content_panels, FieldPanel("minutes"), FieldPanel("body")]
    parent_page_types = ["courses.CoursePage"]
    subpage_types: list[str] = []

    class Meta:
        verbose_name = _("lesson page")


__all__ = ["CERTIFICATES", "CataloguePage", "CoursePage", "Duty", "LessonPage", "forms"]
