"""Forms with which HR sets up sittings, and invigilators add time."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django import forms
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from core import clock
from core.errors import Refused
from core.figures import figure
from courses.models import Course
from people.models import Duty, Unit
from quizzes import rules
from quizzes.forms import opened_on
from quizzes.models import AttemptItem, Paper, PaperItem, Quiz, Sitting
from quizzes.permissions import counties_organised_by
from quizzes.services import exam_papers, sittings
from quizzes.services.sittings import FIXED_ONCE_BEGUN, Terms, terms_of


class UnitChoice(forms.ModelChoiceField):
    """Units in tree order, deeper ones set in."""

    def label_from_instance(self, unit: Unit) -> str:
        return "　" * (unit.depth - 1) + unit.name


class CourseChoice(forms.ModelChoiceField):
    def label_from_instance(self, course: Course) -> str:
        return f"{course.code} {course.current.title}"


def moment(**more) -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local", **more}, format="%Y-%m-%dT%H:%M")


def newest_seen() -> forms.IntegerField:
    """The newest row there was when the form was opened."""
    return forms.IntegerField(widget=forms.HiddenInput(attrs={"autocomplete": "off"}), required=False, min_value=0, max_value=2**62)


class OnTop(forms.Form):
    """What comes on top of what others gave: it is refused once where somebody was quicker, and says so."""

    seen = newest_seen()

    def refuse(self, refusal: Refused, newest: int) -> None:
        """Say why not. Who has read that somebody was quicker may send the same form again."""
        self.add_error(None, refusal.message)
        if refusal.code in {"added_since", "given_since"}:
            self.data = self.data.copy()
            self.data[self.add_prefix("seen")] = str(newest)


class PapersChoice(forms.ModelMultipleChoiceField):
    """Papers by their exam and letter: who sets up a sitting chooses among them without seeing a question."""

    def label_from_instance(self, paper: Paper) -> str:
        return _("%(exam)s: paper %(label)s") % {"exam": paper.quiz.title, "label": paper.label}


class SittingForm(forms.ModelForm):
    """The terms of a sitting. It never saves: the service does, and says in words what contradicts itself."""

    class Meta:
        model = Sitting
        fields = [
            "quiz",
            "papers",
            "title",
            "opens_at",
            "closes_at",
            "late_entry_minutes",
            "grace_seconds",
            "stagger_seconds",
            "results",
            "is_listed",
        ]
        widgets = {"opens_at": moment(), "closes_at": moment(), "results": forms.RadioSelect, "papers": forms.CheckboxSelectMultiple}
        field_classes = {"papers": PapersChoice}

    opened_on = opened_on()

    def __init__(self, *args, user, begun: bool, **kwargs):
        super().__init__(*args, **kwargs)
        exams = Quiz.objects.filter(county__in=counties_organised_by(user), is_exam=True)
        if self.instance.pk:
            exams |= Quiz.objects.filter(pk=self.instance.quiz_id)
        self.fields["quiz"].queryset = exams.order_by("course_code", "key")
        self.fields["quiz"].label = _("Exam")
        self.fields["quiz"].empty_label = _("choose")
        self._offer_papers(exams)
        standing = vars(terms_of(self.instance)) if begun else {}
        self.fixed = {name: standing[name] for name in FIXED_ONCE_BEGUN} if begun else {}
        for name in self.fixed:
            self.fields[name].disabled = True

    def _offer_papers(self, exams) -> None:
        """Sealed papers of the exam, and what stands; of all exams while none is chosen."""
        standing = [paper.pk for paper in self.instance.papers.all()] if self.instance.pk else []
        sealed = [paper.pk for paper in exam_papers.sealed_for([self.instance.quiz] if self.instance.pk else exams)]
        field = self.fields["papers"]
        field.queryset = Paper.objects.filter(pk__in=[*standing, *sealed]).select_related("quiz").order_by("quiz__title", "label")
        field.help_text = _("Only papers that two persons sealed can be chosen. With none ticked, everybody gets a paper of their own.")
        self.initial["papers"] = standing
        if self.instance.pk and not self.is_bound:
            self.fields["opened_on"].initial = sittings.stamp_of(self.instance, standing)

    def _get_validation_exclusions(self) -> set[str]:
        """Without the window: the service compares it, in words that are meant for people."""
        return super()._get_validation_exclusions() | {"opens_at", "closes_at"}

    def terms(self) -> Terms:
        given = {name: value for name, value in self.cleaned_data.items() if name != "opened_on"}
        return Terms(**given | {"papers": frozenset(self.cleaned_data["papers"])} | self.fixed)

    def refuse(self, refusal: Refused) -> None:
        """Say why it is not saved; of an older form also what stands otherwise. What was typed stays."""
        if refusal.code != "edited":
            self.add_error(None, refusal.message)
            return
        standing, mine = vars(terms_of(Sitting.objects.get(pk=self.instance.pk))), vars(self.terms())
        several = [
            [_("What stands: %(field)s %(value)s") % {"field": self.fields[name].label, "value": _in_words(name, value)}]
            for name, value in standing.items()
            if value != mine[name]
        ]
        said = format_html(
            '{} <a href="{}" target="_blank">{}</a>{}',
            refusal.message,
            reverse("sitting_edit", args=[self.instance.pk]),
            _("Open it as it stands, and bring in there what is still missing."),
            format_html_join("", "<br>{}", several),
        )
        self.add_error(None, said)


def _in_words(name: str, value: object) -> str:
    """A term of a sitting, for reading."""
    if name == "papers":
        return "、".join(sorted(paper.label for paper in value)) or "—"  # type: ignore[attr-defined]
    if name == "results":
        return str(Sitting.Results(value).label)
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    return clock.local(value).strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else str(value)


class ByUnitForm(forms.Form):
    """Everybody on duty in a unit and below it, with one of these duties."""

    unit = UnitChoice(label=_("Unit and below"), queryset=None, empty_label=None)
    duties = forms.MultipleChoiceField(
        label=_("Duties"),
        choices=Duty.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("With none ticked, everybody who is on duty there."),
    )

    def __init__(self, *args, county: Unit, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = Unit.objects.within(county)


class ByCourseForm(forms.Form):
    """Everybody who is enrolled in a course."""

    course = CourseChoice(label=_("Course"), queryset=None, empty_label=None)
    only_open = forms.BooleanField(label=_("Only those who have not completed it"), required=False)

    def __init__(self, *args, county: Unit, **kwargs):
        super().__init__(*args, **kwargs)
        courses = Course.objects.filter(county=county, current__isnull=False).select_related("current")
        self.fields["course"].queryset = courses.order_by("code")


class ByListForm(forms.Form):
    """Employee numbers, pasted or in a file."""

    text = forms.CharField(
        label=_("Pasted list"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=_("One person a line: employee number, and room and seat where they are known. Copying from Excel works."),
    )
    file = forms.FileField(
        label=_("Or a file"),
        required=False,
        help_text=_("Excel (.xlsx) or CSV with the column 工号, and 考场 and 座位 where they are known."),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv,.txt"}),
    )

    def clean(self):
        given = super().clean()
        if bool(given.get("file")) == bool((given.get("text") or "").strip()) and not self.errors:
            raise forms.ValidationError(_("Paste a list or choose a file, one of the two."))
        return given


class RoomsForm(forms.Form):
    """Fill rooms by themselves."""

    opened_on = opened_on()

    places = forms.IntegerField(label=_("Places in each room"), min_value=1, max_value=rules.LARGEST_ROOM, initial=30)
    names = forms.CharField(
        label=_("Names of the rooms"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("One a line, in the order in which they are filled. Further rooms are numbered."),
    )
    order = forms.ChoiceField(
        label=_("Order"),
        choices=[("mixed", _("Neighbours from different units")), ("unit", _("By unit"))],
        initial="mixed",
        widget=forms.RadioSelect,
    )
    who = forms.ChoiceField(
        label=_("Who"),
        choices=[("rest", _("Only those who have no room yet")), ("all", _("Everybody anew"))],
        initial="rest",
        widget=forms.RadioSelect,
    )


class AllowanceForm(OnTop):
    """More time or more attempts for one person."""

    extra_minutes = forms.IntegerField(label=_("Extra minutes"), min_value=0, max_value=600, initial=0)
    extra_attempts = forms.IntegerField(label=_("Extra attempts"), min_value=0, max_value=20, initial=0)
    reason = forms.CharField(
        label=_("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}), help_text=_("It stays in the record.")
    )


class QuizAllowanceForm(AllowanceForm):
    """The same for a quiz of a course."""

    quiz = forms.ModelChoiceField(label=_("Quiz"), queryset=None, empty_label=None)
    extra_attempts = forms.IntegerField(label=_("Extra attempts"), min_value=0, max_value=20, initial=1)
    field_order = ["quiz", "extra_attempts", "extra_minutes", "reason", "seen"]

    def __init__(self, *args, quizzes, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["quiz"].queryset = quizzes


class TimeForm(OnTop):
    """Minutes for somebody, or for everybody, who sits now."""

    minutes = forms.IntegerField(label=_("Minutes to add"), min_value=1, max_value=600, initial=10)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Candidates read it on their page, and it stays in the record."),
    )
    sure = forms.BooleanField(label=_("Add the time now. Added time cannot be taken back."))


class OnPaperForm(forms.Form):
    """Why a candidate goes on on paper."""

    reason = forms.CharField(
        label=_("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}), help_text=_("It stays in the record.")
    )
    sure = forms.BooleanField(label=_("The screen takes no more answers of this person. This cannot be taken back."))


class LatePaperForm(forms.Form):
    """When a candidate wrote on paper, and why."""

    from_at = forms.DateTimeField(label=_("Wrote on paper from"), widget=moment())
    until = forms.DateTimeField(label=_("Handed in the sheet at"), widget=moment())
    reason = forms.CharField(
        label=_("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}), help_text=_("It stays in the record.")
    )
    sure = forms.BooleanField(label=_("I was in the room, and the sheet has lain with the invigilators since then."))


class LatePaperDecisionForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=300, widget=forms.Textarea(attrs={"rows": 2}), help_text=_("A no needs one.")
    )


class PaperMarksForm(forms.Form):
    """One field for each question of a paper; it shows nothing of what was asked."""

    def __init__(self, *args, items: Iterable[PaperItem | AttemptItem], **kwargs):
        super().__init__(*args, **kwargs)
        self.items = list(items)
        for item in self.items:
            self.fields[f"points-{item.position}"] = forms.DecimalField(
                label=_("Question %(number)d (%(kind)s, 0 to %(points)s)")
                % {"number": item.position, "kind": item.item_kind.label, "points": figure(item.points)},
                min_value=Decimal(0),
                max_value=item.points,
                max_digits=5,
                decimal_places=2,
                widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "0.5", "autocomplete": "off", "data-points": ""}),
            )

    @property
    def points(self) -> dict[int, Decimal]:
        """By position; of a form with errors what is right so far."""
        given = getattr(self, "cleaned_data", {})
        return {item.position: given[name] for item in self.items if given.get(name := f"points-{item.position}") is not None}

    @property
    def total(self) -> Decimal:
        return sum(self.points.values(), start=Decimal(0))

    @property
    def out_of(self) -> Decimal:
        return sum((item.points for item in self.items), start=Decimal(0))


class EnterMarksForm(PaperMarksForm):
    """Marks of a sheet; its code, where it bears one, says whose it is and of which paper."""

    seen = forms.IntegerField(widget=forms.HiddenInput, max_value=2**62)
    code = forms.CharField(
        label=_("Code on the answer sheet"),
        required=False,
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "placeholder": "K7M-2XQ"}
        ),
        help_text=_(
            "It stands beside the name on a printed sheet and is checked against the person and the paper. A blank sheet has none."
        ),
    )

    def __init__(self, *args, on_screen: Mapping[int, Decimal], **kwargs):
        """`on_screen`: points by position that answers given on the screen earn, before the person went on on paper."""
        super().__init__(*args, **kwargs)
        for position, earned in on_screen.items():
            field = self.fields[f"points-{position}"]
            field.initial = Decimal(figure(earned))
            field.help_text = _("On the screen: %(points)s. What stands on the sheet is the later answer.") % {"points": figure(earned)}


class CorrectionForm(PaperMarksForm):
    """The points as they stand now, to be put right; `fixed` are positions whose points nobody enters any more."""

    seen = forms.IntegerField(widget=forms.HiddenInput, max_value=2**62)
    reason = forms.CharField(
        label=_("Why are they corrected?"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Such as: question 7 was added up wrongly. The candidate reads it beside the result."),
    )

    def __init__(self, *args, earned: Mapping[int, Decimal | None], fixed: set[int], **kwargs):
        super().__init__(*args, **kwargs)
        for item in self.items:
            field = self.fields[f"points-{item.position}"]
            field.initial = None if earned[item.position] is None else Decimal(figure(earned[item.position]))
            if item.position in fixed:
                field.disabled = True
                field.help_text = _("A re-marking gave everybody these points.")
        self.fields["reason"] = self.fields.pop("reason")  # below the points

    @property
    def point_fields(self) -> list[forms.BoundField]:
        return [self[f"points-{item.position}"] for item in self.items]


class CorrectionDecisionForm(forms.Form):
    may_lose = forms.BooleanField(label=_("The pass may be lost by it, with all that rests on it"), required=False)
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 3}), help_text=_("A no needs one.")
    )
