"""Forms of the records' doors."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django import forms
from django.core.cache import caches
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core import clock
from core.errors import Refused
from core.figures import figure
from courses.models import Course
from evaluation.models import Format, LearnedElsewhere, LedgerEntry
from evaluation.permissions import units_in_reach
from evaluation.records import Filter, Sort, Status
from evaluation.services import called
from people.models import Duty

BLOCK = 5  # years of a quota such as 2023—2027


def years(at: datetime) -> list[int]:
    """This year and those before it that the ledger may hold, at least a block of a quota, newest first. One query a minute."""
    this = clock.year_of(at)
    first = caches["local"].get("hours:first_year")
    if first is None:
        oldest = LedgerEntry.objects.order_by("at").values_list("year", "at").first() or (this, at)
        first = max(2000, min(oldest[0], clock.year_of(oldest[1]) - 1))  # entries that came later may be for the year before
        caches["local"].set("hours:first_year", first, 60)
    return list(range(this, min(first, this - BLOCK + 1) - 1, -1))


def asked_year(query: Mapping[str, str], at: datetime) -> int:
    """The year that an address asks for; this one where it asks for none.

    Raises:
        Refused: a year that is not offered ("year").
    """
    this, asked = clock.year_of(at), query.get("year", "")
    if asked in ("", str(this)):
        return this
    offered = years(at)
    for year in offered:
        if str(year) == asked:
            return year
    raise Refused(
        gettext("There are no figures of the year “%(year)s”: they reach from %(first)s to %(last)s.")
        % {"year": asked[:10], "first": offered[-1], "last": this},
        code="year",
    )


class UnitChoice(forms.ModelChoiceField):
    """Units in tree order, indented by depth."""

    def label_from_instance(self, unit) -> str:
        return "　" * (unit.depth - 1) + unit.listed_name


class CourseChoice(forms.ModelChoiceField):
    def label_from_instance(self, course) -> str:
        return f"{course.code} {course.current.title}" if course.current else course.code


class EntryChoice(forms.ModelChoiceField):
    """Entries of `services.answerable`, each with its year, kind, title, hours and what is left of them."""

    def label_from_instance(self, entry) -> str:
        return gettext("%(year)s · %(entry)s · %(hours)s hours, %(left)s left") % {
            "year": entry.year,
            "entry": called(entry),
            "hours": figure(entry.hours),
            "left": figure(entry.left),
        }


class RecordsForm(forms.Form):
    """What the list and the exports show. An invalid filter shows nothing: it never widens the rows."""

    q = forms.CharField(label=_("Name or employee number"), required=False, max_length=60)
    status = forms.ChoiceField(label=_("Status"), choices=Status.choices, required=False)
    unit = UnitChoice(label=_("Unit (with those below)"), queryset=None, required=False, empty_label=_("All units in my reach"))
    course = CourseChoice(label=_("Course"), queryset=None, required=False, empty_label=_("All courses"))
    duty = forms.ChoiceField(label=_("Duty"), required=False, choices=[("", _("All duties")), *Duty.choices])
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    until = forms.DateField(
        label=_("To (this day included)"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    sort = forms.ChoiceField(label=_("Order"), choices=Sort.choices, required=False)

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = units_in_reach(user)
        self.fields["course"].queryset = Course.objects.visible_to(user).select_related("current").order_by("code")
        for name, field in self.fields.items():
            choice = isinstance(field.widget, forms.Select)
            field.widget.attrs["class"] = "form-select" if choice else "form-control"
            if self.is_bound and name in self.errors:
                field.widget.attrs["class"] += " is-invalid"

    def clean(self) -> dict:
        data = super().clean()
        for name in ("since", "until"):
            if data.get(name) and not clock.is_usual(data[name]):
                self.add_error(name, _("Choose a day between 2000 and 2100."))
                return data
        if data.get("since") and data.get("until") and data["since"] > data["until"]:
            self.add_error("until", _("The last day lies before the first."))
        if data.get("status") == Status.NOT_STARTED and (data.get("since") or data.get("until")):
            self.add_error(
                "since" if data.get("since") else "until",
                _("“%(status)s” is how things stand today: what was never begun has no day. Clear the period, or choose another status.")
                % {"status": Status.NOT_STARTED.label},
            )
        return data

    def wanted(self) -> Filter:
        data = self.cleaned_data
        return Filter(
            status=data["status"] or Status.COMPLETED,
            unit=data["unit"],
            course=data["course"],
            duty=data["duty"],
            since=data["since"],
            until=data["until"],
            q=data["q"].strip(),
            sort=data["sort"] or Sort.NEWEST,
        )

    def in_words(self) -> list[str]:
        """The filters that are on, each as a phrase."""
        data = self.cleaned_data
        phrases = [str(Status(data["status"] or Status.COMPLETED).label)]
        if data["unit"]:
            phrases.append(data["unit"].name)
        if data["course"]:
            phrases.append(str(data["course"]))
        if data["duty"]:
            phrases.append(str(Duty(data["duty"]).label))
        if data["since"] or data["until"]:
            phrases.append(f"{data['since'] or '…'} — {data['until'] or '…'}")
        if data["q"]:
            phrases.append(f"“{data['q']}”")
        return phrases


class YearForm(forms.Form):
    """A year, a unit with those below it, and which of its people."""

    year = forms.TypedChoiceField(label=_("Year"), coerce=int)
    unit = UnitChoice(label=_("Unit (with those below)"), queryset=None, required=False)
    only = forms.ChoiceField(
        label=_("Show"),
        required=False,
        choices=[("", _("All")), ("behind", _("Lacking a required course")), ("hours", _("Below the hours target"))],
    )

    def __init__(self, data, *, user, at):
        offered = years(at)
        super().__init__({**dict(data.items()), "year": data.get("year") or offered[0]})
        self.fields["year"].choices = [(year, year) for year in offered]
        self.fields["unit"].queryset = units_in_reach(user)

    def in_words(self) -> list[str]:
        """The filters that are on, each as a phrase."""
        data = self.cleaned_data
        phrases = [str(data["year"]), data["unit"].name if data["unit"] else str(_("All units in my reach"))]
        return phrases + [str(dict(self.fields["only"].choices)[data["only"]])] * bool(data["only"])


class Purpose(models.TextChoices):
    """What records of people are taken away for. What is chosen or written is kept with the trace of the export."""

    EVALUATION = "evaluation", _("Yearly evaluation")
    FOLLOW_UP = "follow_up", _("Following up on who is behind")
    REPORT = "report", _("Report to the unit or authority above")
    INSPECTION = "inspection", _("Inspection or audit")
    FILING = "filing", _("Filing in the archives")
    OTHER = "other", _("Another purpose, written below")


NO_PURPOSE = _("Say what the file is needed for: choose a purpose, or write it down.")


class PurposeForm(forms.Form):
    """What the rows are needed for."""

    purpose = forms.ChoiceField(label=_("Purpose"), choices=[("", _("Please choose")), *Purpose.choices])
    more = forms.CharField(
        label=_("Purpose in words, or number of the document"),
        required=False,
        max_length=120,
        help_text=_("Kept with your name in the trace that the auditor searches."),
    )

    def clean(self) -> dict:
        data = super().clean()
        if data.get("purpose") == Purpose.OTHER and not data.get("more", "").strip():
            self.add_error("more", _("Write down the purpose."))
        return data

    def purpose_in_words(self) -> str:
        data = self.cleaned_data
        words = [data["more"].strip()]
        if data["purpose"] != Purpose.OTHER:
            words.insert(0, str(Purpose(data["purpose"]).label))
        return "：".join(word for word in words if word)


class ExportForm(PurposeForm):
    """How an export leaves, with which columns, and what for."""

    format = forms.ChoiceField(label=_("Format"), choices=Format.choices, widget=forms.RadioSelect)
    columns = forms.MultipleChoiceField(
        label=_("Columns"), widget=forms.CheckboxSelectMultiple, error_messages={"required": _("Choose at least one column.")}
    )
    form_key = forms.CharField(widget=forms.HiddenInput, max_length=40)
    field_order = ["purpose", "more", "format", "columns", "form_key"]

    def __init__(self, *args, columns, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["columns"].choices = [(column.key, column.title) for column in columns]
        self.fields["form_key"].initial = form_key()


class KnownForm(forms.Form):
    """Of which year, and as known at the end of which day."""

    known_at = forms.DateField(label=_("Known at the end of"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    year = forms.IntegerField(
        label=_("Hours of the year"), required=False, min_value=2000, max_value=2100, help_text=_("Empty: the year of that day.")
    )

    def __init__(self, *args, today, **kwargs):
        super().__init__(*args, **kwargs)
        self.today = today
        styled(self)

    def clean_known_at(self):
        day = self.cleaned_data["known_at"]
        if not day.year >= 2000 or day > self.today:
            raise forms.ValidationError(_("Choose a day from 2000 on, today at the latest."))
        return day


def form_key() -> str:
    return uuid.uuid4().hex


class CorrectionForm(forms.Form):
    """Hours to take or to give back, with the reason that the learning file will show; `names_one`: of one of the entries alone."""

    year = forms.TypedChoiceField(
        label=_("Year"),
        coerce=int,
        help_text=_("Of a correction that answers an entry the year is that of the entry, whatever stands here."),
    )
    hours = forms.DecimalField(
        label=_("Hours"),
        max_digits=5,
        decimal_places=2,
        min_value=Decimal(-200),
        max_value=Decimal(200),
        help_text=_(
            "With a minus sign to take hours away, for example -0.5. Without one they give back what corrections took in the year."
        ),
    )
    answers = EntryChoice(
        label=_("Entry that it answers"),
        queryset=None,
        required=False,
        empty_label=_("None of these"),
        help_text=_("The newest first. Its hours then count no longer where they counted, and a reversal does not take them again."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Name the proof, for example the minutes or the sign-in sheet. The person can read it."),
    )
    form_key = forms.CharField(widget=forms.HiddenInput, max_length=40, initial=form_key)

    def __init__(self, *args, at, entries, names_one: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["year"].choices = [(year, year) for year in years(at)]
        self.fields["answers"].queryset = entries
        self.fields["answers"].required = names_one
        styled(self)

    def clean(self):
        data = super().clean()
        if data.get("answers"):
            data["year"] = data["answers"].year
        return data


class ReversalForm(forms.Form):
    """The reason for reversing a completion, and the word that it is meant."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("It stays in the record, and the person can read it."),
    )
    sure = forms.BooleanField(label=_("I have checked the proof; the completion, its hours and its certificate shall no longer count."))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        styled(self)


class SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files in one field; a list of them."""

    def clean(self, data, initial=None) -> list:
        given = [one for one in (data if isinstance(data, list | tuple) else [data]) if one]
        return [super(FilesField, self).clean(one, initial) for one in given or [None]]


class ClaimForm(forms.Form):
    """What was learned elsewhere, with its evidence; filed for another with the reason."""

    kind = forms.ChoiceField(label=_("Way of learning"), choices=LearnedElsewhere.choices)
    title = forms.CharField(label=_("Subject"), max_length=120, help_text=_("As on the notice or the certificate."))
    organiser = forms.CharField(label=_("Organiser"), max_length=120)
    starts_on = forms.DateField(label=_("First day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    ends_on = forms.DateField(label=_("Until (last day of learning)"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    hours = forms.DecimalField(
        label=_("Hours"),
        max_digits=5,
        decimal_places=2,
        min_value=Decimal("0.01"),
        max_value=Decimal(999),
        help_text=_("Lectures and exchange count up to the policy's most for a day; in all a day has 24 hours."),
    )
    note = forms.CharField(label=_("Further remarks"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}))
    files = FilesField(
        label=_("Evidence"),
        widget=SeveralFiles(attrs={"accept": ".pdf,.jpg,.jpeg,.png"}),
        help_text=_("A notice, a sign-in sheet or a certificate, as PDF or photograph; up to five files of 10 MB each."),
    )
    filing_reason = forms.CharField(
        label=_("Why the person does not file it"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For example a long leave, or no phone; and how the person asked you to. The person and the officers read it."),
    )
    form_key = forms.CharField(widget=forms.HiddenInput, max_length=40, initial=form_key)

    def __init__(self, *args, for_another: bool, **kwargs):
        super().__init__(*args, **kwargs)
        if not for_another:
            del self.fields["filing_reason"]
        styled(self)


class ClaimDecisionForm(forms.Form):
    """The reason, where a claim is refused; that it is another course, where one of its name is credited already."""

    is_another = forms.BooleanField(
        label=_("It is another course than the one that is credited already: I have compared the evidence."), required=False
    )
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Needed if you refuse: the person reads it."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        styled(self)


def styled(form: forms.Form) -> None:
    """Give each field the look that the templates expect, and mark what is wrong."""
    for name, field in form.fields.items():
        kind = (
            "form-select"
            if isinstance(field.widget, forms.Select)
            else "form-check-input"
            if isinstance(field.widget, forms.CheckboxInput)
            else "form-control"
        )
        if form.is_bound and name in form.errors:
            kind += " is-invalid"
        field.widget.attrs["class"] = kind
