"""Forms of the yearly evaluation's doors."""

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _

from core import clock
from evaluation.forms import FilesField, SeveralFiles, UnitChoice, form_key, styled
from evaluation.models import IndicatorVersion, Period
from evaluation.models.chain import ReminderQuerySet
from evaluation.permissions import units_in_reach
from people.models import Role, Unit
from people.permissions import paths_of, units_of


class OpenPeriodForm(forms.Form):
    """County, year and version; the days may differ from those that the version proposes."""

    county = forms.ModelChoiceField(label=_("County"), queryset=Unit.objects.none(), empty_label=None)
    year = forms.IntegerField(label=_("Year"), min_value=2020, max_value=2100)
    version = forms.ModelChoiceField(label=_("Indicator"), queryset=IndicatorVersion.objects.none(), empty_label=None)
    opens_on = forms.DateField(label=_("Opening roster of"), required=False)
    cutoff_on = forms.DateField(label=_("Last day that counts"), required=False)
    publicity_days = forms.IntegerField(label=_("Working days of publicity"), required=False, min_value=1, max_value=60)
    appeal_days = forms.IntegerField(label=_("Working days for appeals"), required=False, min_value=1, max_value=60)
    freeze_on = forms.DateField(label=_("To be frozen by"), required=False)

    def __init__(self, *args, user, at, **kwargs):
        super().__init__(*args, **kwargs)
        counties = self.counties(user)
        self.fields["county"].queryset = Unit.objects.filter(pk__in=[one.pk for one in counties])
        versions = IndicatorVersion.objects.filter(approval__isnull=False).select_related("indicator")
        own = versions.filter(indicator__county__in=counties) | versions.filter(indicator__county=None)
        self.fields["version"].queryset = own.own_first()
        self.fields["year"].initial = clock.year_of(at)
        for name in ("opens_on", "cutoff_on", "freeze_on"):
            self.fields[name].widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        for name in ("opens_on", "cutoff_on", "publicity_days", "appeal_days", "freeze_on"):
            self.fields[name].help_text = _("Empty: as the indicator proposes.")
        self.fields["cutoff_on"].help_text = _(
            "Empty: as the indicator proposes. Hours are booked by calendar year: what is learned after this day, up to 31 December, stays in "
            "everybody's own record and counts in no year's evaluation. Choose 31 December to have the whole year count."
        )
        styled(self)

    @staticmethod
    def counties(user) -> list[Unit]:
        """The counties whose evaluation the user opens."""
        if user.is_superuser:
            return list(Unit.objects.counties())
        return [unit for unit in units_of(user, Role.HR) if unit.depth == 1]


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Everybody who looks into the period reads it."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        styled(self)


class ReopenForm(ReasonForm):
    settle_anew = forms.BooleanField(
        label=_("Settle anew what the year asks for"),
        required=False,
        help_text=_("By the rules of the day on which it is confirmed. Left open: what was noted when the last day was over stays."),
    )


class PeriodChoice(forms.ModelChoiceField):
    def label_from_instance(self, period) -> str:
        return f"{period.county} {period.year}"


class RemindersForm(forms.Form):
    """Which reminders of responsibility: of one period, of one unit, answered or not. With `period` given nobody is asked which."""

    period = PeriodChoice(label=_("Year"), queryset=None)
    unit = UnitChoice(label=_("Unit"), queryset=None, required=False, empty_label=_("All units in my reach"))
    show = forms.ChoiceField(
        label=_("Show"),
        required=False,
        choices=[
            ("", _("All")),
            ("open", _("Without an answer")),
            ("answered", _("With an answer")),
            ("over", _("No longer below the mark")),
        ],
    )

    def __init__(self, data, *, user, period: Period | None = None):
        super().__init__(data)
        periods = Period.objects.select_related("county")
        self.fields["period"].queryset = (
            periods if user.is_superuser else periods.filter(county__path__in=paths_of(user, [Role.HR, Role.AUDITOR]))
        )
        organs = units_in_reach(user).filter(depth__lte=2)
        self.fields["unit"].queryset = organs if period is None else organs.filter(path__startswith=period.county.path)
        if period is not None:
            del self.fields["period"]
        styled(self)

    def found(self, rows: ReminderQuerySet) -> ReminderQuerySet:
        """Those of the rows that a valid form asks for."""
        data = self.cleaned_data
        if data["unit"]:
            rows = rows.filter(unit__path__startswith=data["unit"].path)
        return {"open": rows.waiting, "answered": rows.answered, "over": rows.over}.get(data["show"], rows.all)()

    def in_words(self) -> list[str]:
        """The filters that are on, each as a phrase."""
        data = self.cleaned_data
        phrases = [str(data["period"])] if data.get("period") else []
        if data["unit"]:
            phrases.append(data["unit"].name)
        return phrases + [str(dict(self.fields["show"].choices)[data["show"]])] * bool(data["show"])

    def as_written(self) -> dict:
        """The filters as the trace of reading holds them; the unit stands there by itself."""
        data = self.cleaned_data
        return ({"year": data["period"].year} if data.get("period") else {}) | {"show": data["show"]}


class AnswerForm(forms.Form):
    text = forms.CharField(label=_("Your answer"), max_length=2000, widget=forms.Textarea(attrs={"rows": 5}))
    form_key = forms.CharField(widget=forms.HiddenInput, max_length=40, initial=form_key)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        styled(self)


class AppealForm(forms.Form):
    """About oneself, or about an item of a unit that one speaks for ("<unit>:<item>"); one on paper about somebody else, with its evidence."""

    about = forms.ChoiceField(label=_("What is it about"))
    text = forms.CharField(
        label=_("Objection"), max_length=2000, widget=forms.Textarea(attrs={"rows": 5}), help_text=_("What is wrong, and how it is right.")
    )
    files = FilesField(
        label=_("Evidence"),
        required=False,
        widget=SeveralFiles(attrs={"accept": ".pdf,.jpg,.jpeg,.png"}),
        help_text=_("PDF or photograph; up to five files of 10 MB each."),
    )
    form_key = forms.CharField(widget=forms.HiddenInput, max_length=40, initial=form_key)

    def __init__(self, *args, choices, on_paper: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["about"].choices = choices
        if on_paper:
            self.fields["files"].required = True
            self.fields["files"].help_text = _(
                "The paper itself, and what comes with it: PDF or photograph; up to five files of 10 MB each."
            )
        styled(self)


class AppealDecisionForm(forms.Form):
    """What an officer decides: the reason always; how it was put right, where the first one grants: a record, or points of an `item`."""

    HOW = [("record", _("The record itself was corrected")), ("points", _("Points of the item are corrected"))]
    how = forms.ChoiceField(label=_("If granted: what was put right"), choices=[("", "—"), *HOW], required=False)
    record = forms.ChoiceField(label=_("Record that was corrected"), required=False)
    points = forms.DecimalField(
        label=_("Points more (or less, with a minus sign)"),
        required=False,
        max_digits=6,
        decimal_places=2,
        min_value=Decimal(-1000),
        max_value=Decimal(1000),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Whoever appealed reads it."),
        error_messages={"required": _("Give the reason: everybody concerned reads it.")},
    )

    def __init__(self, *args, records, item: str, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["record"].choices = [("", "—"), *records.items()]
        if not item:
            del self.fields["how"], self.fields["points"]
        styled(self)
