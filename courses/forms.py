"""Forms of the authoring side, and the learner's filter."""

import re
import unicodedata

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms import WagtailAdminPageForm
from wagtail.blocks.base import BlockWidget
from wagtail.forms import TaskStateCommentForm

from core import clock
from core.errors import Refused
from core.text import squeeze
from courses.models.course import Line, Need
from courses.slots import CERTIFICATES
from people.models import Duty

FURTHEST_DUE = 10  # years


class LinesField(forms.CharField):
    """A list of short texts, one a line; blank lines and doubles fall away."""

    def __init__(self, *, max_lines: int = 30, max_line: int = 200, **kwargs):
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 4}))
        super().__init__(**kwargs)
        self.max_lines, self.max_line = max_lines, max_line

    def prepare_value(self, value):
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value):
        if isinstance(value, list | tuple):
            return list(value)
        lines = list(dict.fromkeys(filter(None, (squeeze(line) for line in (value or "").splitlines()))))
        if len(lines) > self.max_lines:
            raise ValidationError(_("At most %(limit)d lines.") % {"limit": self.max_lines})
        for number, line in enumerate(lines, start=1):
            if len(line) > self.max_line:
                raise ValidationError(
                    _("Line %(number)d is longer than %(limit)d characters.") % {"number": number, "limit": self.max_line}
                )
        return lines

    def has_changed(self, initial, data):
        return self.to_python(initial or []) != self.to_python(data)


class TagsField(LinesField):
    """Short texts separated by commas (also Chinese ones) or lines."""

    def prepare_value(self, value):
        return "，".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value):
        if isinstance(value, str):
            value = value.replace("，", "\n").replace(",", "\n").replace("、", "\n").replace("；", "\n")
        return super().to_python(value)


SUBMITTING = ("action-submit", "action-restart-workflow")


class ApprovalForm(TaskStateCommentForm):
    """What a reviewer says with an approval, and what it is of: the words that stood when the window was opened."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class LookedAt(forms.CharField):
    """What a page under review showed when it was opened (`reviews.seen_in`): never a change of the page."""

    def has_changed(self, initial, data):
        return False


class ReviewedPageForm(WagtailAdminPageForm):
    """What course and lesson forms share: where the posted button leads to publication, every reason against it is said here."""

    opened_on = LookedAt(required=False, widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False  # made from the title where nobody wrote it (Page.full_clean)
        if not self.is_bound and self.instance.pk and self.instance.workflow_in_progress:
            from courses.services import reviews

            self.fields["opened_on"].initial = reviews.seen_in(self.instance)

    @property
    def is_approving(self) -> bool:
        return self.data.get("workflow-action-name") == "approve"

    @property
    def is_publishing(self) -> bool:
        return self.is_approving or any(name in self.data for name in SUBMITTING)

    @cached_property
    def county(self):
        """The county whose catalogue the page stands or will stand in."""
        from courses.models import CataloguePage

        paths = [self.parent_page.path[:end] for end in range(CataloguePage.steplen, len(self.parent_page.path) + 1, CataloguePage.steplen)]
        return CataloguePage.objects.select_related("county").get(path__in=paths).county

    def _post_clean(self):
        super()._post_clean()
        if self.errors:
            return
        if self.is_approving:
            from courses.services import reviews

            try:
                reviews.refuse_changed(page=self.instance, seen=self.cleaned_data["opened_on"])
            except Refused as refusal:
                self.add_error(None, refusal.message)
                return
        if self.is_approving and self.changed_data:
            self.add_error(
                None, _("You changed the text, so somebody else has to approve it. Save it as a draft, or undo the change and approve.")
            )
            return
        for refusal in self.refusals():
            self.add_error("code" if refusal.code in {"doubled_code", "code_fixed"} else None, refusal.message)

    def refusals(self) -> list[Refused]:
        """What stands against the posted button."""
        return []


class CoursePageForm(ReviewedPageForm):
    goals = LinesField(
        label=_("goals"), required=False, help_text=_("What learners can do afterwards; one a line, three to five. Begin with a verb.")
    )
    sources = LinesField(label=_("sources"), required=False, help_text=_("Laws and documents the course rests on; one a line."))
    tags = TagsField(
        label=_("tags"),
        required=False,
        max_line=20,
        widget=forms.TextInput,
        help_text=_("Separated by commas; learners find the course by them."),
    )
    required_for = forms.MultipleChoiceField(
        label=_("required for"),
        choices=Duty.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Whoever holds one of these duties in this county has to take the course."),
    )
    elective_for = forms.MultipleChoiceField(
        label=_("elective for"),
        choices=Duty.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Suggested to whoever holds one of these duties."),
    )
    prerequisites = forms.MultipleChoiceField(
        label=_("prerequisites"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Courses of this county to complete before this one can be begun. Only published courses are listed."),
    )
    certificate = forms.ChoiceField(
        label=_("certificate"), required=False, help_text=_("Awarded on completion; hours are credited with or without one.")
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        from courses.models import Course

        listed = Course.objects.filter(county=self.county, current__isnull=False).select_related("current")
        if self.instance.pk:
            listed = listed.exclude(page=self.instance.pk)
        choices = [(course.code, f"{course.code} {course.current.title}") for course in listed]
        known = {code for code, _title in choices}
        choices += [(code, _("%(code)s (unknown)") % {"code": code}) for code in self.instance.prerequisites if code not in known]
        if "prerequisites" in self.fields:
            self.fields["prerequisites"].choices = choices
        if "certificate" in self.fields:
            awards = [("", _("None")), *CERTIFICATES.choices(self.county)]
            if self.instance.certificate and self.instance.certificate not in dict(awards):
                awards.append((self.instance.certificate, _("%(code)s (unknown)") % {"code": self.instance.certificate}))
            self.fields["certificate"].choices = awards

    def clean_code(self):
        """Letters of half width without blanks: what people type into a filter, and what addresses and exports carry."""
        code = self.cleaned_data["code"]
        if code == self.initial.get("code"):  # records know the course by it, whatever it looks like
            return code
        code = squeeze(unicodedata.normalize("NFKC", code))
        if not re.fullmatch(r"\w[\w.-]*", code):
            raise ValidationError(_("Only letters, digits, points and hyphens, without blanks: P01, for example."))
        return code

    def clean(self):
        cleaned = super().clean()
        both = set(cleaned.get("required_for") or []) & set(cleaned.get("elective_for") or [])
        if both:
            names = "、".join(str(Duty(duty).label) for duty in Duty.values if duty in both)
            self.add_error("elective_for", _("Required and elective at once: %(duties)s. Choose one of the two.") % {"duties": names})
        due = cleaned.get("due_on")
        if due and not self.instance.live and due < clock.today():
            self.add_error("due_on", _("%(day)s is over: everybody would be late from the first day on.") % {"day": due.isoformat()})
        if due and due.year > clock.today().year + FURTHEST_DUE:
            said = _("%(day)s is more than %(years)d years ahead. Leave it empty where nothing is due.")
            self.add_error("due_on", said % {"day": due.isoformat(), "years": FURTHEST_DUE})
        return cleaned

    def refusals(self):
        from courses.services import editions, reviews

        if self.is_publishing:
            outline = reviews.draft_outline(self.instance)
            found = editions.blockers(page=self.instance, outline=outline, county=self.county)
        else:
            found = editions.code_blockers(page=self.instance, county=self.county)
        if not found and (twin := reviews.draft_with_code(page=self.instance, catalogue=self.parent_page)):
            found.append(editions.code_taken(self.instance.code, by=twin))
        return found


class LessonPageForm(ReviewedPageForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        body = self.fields["body"]
        body.block = body.block.for_county(self.county)
        body.widget = BlockWidget(body.block)

    def refusals(self):
        if not (self.is_publishing and self.parent_page.live):
            return []
        from courses.services import editions, reviews

        course_page = self.parent_page.specific
        return editions.blockers(page=course_page, outline=reviews.outline_with(course_page, self.instance), county=self.county)


class CatalogueFilter(forms.Form):
    """What a learner looks for in the catalogue. Everything is optional; nonsense is ignored."""

    q = forms.CharField(label=_("Search"), required=False, max_length=60, widget=forms.TextInput(attrs={"type": "search"}))
    line = forms.ChoiceField(label=_("Course line"), required=False, choices=[("", _("All lines")), *Line.choices])
    need = forms.ChoiceField(label=_("For me"), required=False, choices=[("", _("All")), *Need.choices])
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("Any state")), ("new", _("Not begun")), ("under_way", _("Under way")), ("done", _("Completed"))],
    )
