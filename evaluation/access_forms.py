"""Forms of what programs reach us by: keys and webhooks."""

from datetime import date, timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from evaluation.forms import UnitChoice, form_key, styled
from evaluation.models import WebhookEndpoint
from evaluation.permissions import units_held
from people.models import ApiToken

USUAL = timedelta(days=90)
LONGEST = timedelta(days=365)


def coded(choices) -> list[tuple[str, str]]:
    """Choices whose words have the code behind them by which programs and docs/api.md call them."""
    return [(value, f"{label}（{value}）") for value, label in choices]


class TokenForm(forms.Form):
    """What a key is for, what it opens, where, and until when."""

    name = forms.CharField(
        label=_("Which program"), max_length=80, help_text=_("For example the appraisal system of the county, and who runs it.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one.")},
        help_text=_("No more than the program needs; another key can be made for another program."),
    )
    unit = UnitChoice(label=_("Unit (with those below)"), queryset=None, empty_label=None)
    last_day = forms.DateField(
        label=_("Good until"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Within a year at the latest. It also rests while you are not HR over the unit."),
    )
    form_key = forms.CharField(widget=forms.HiddenInput, max_length=40, initial=form_key)

    def __init__(self, *args, user, today: date, **kwargs):
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["scopes"].choices = coded(ApiToken.Scope.choices)
        self.fields["unit"].queryset = units_held(user)
        self.fields["last_day"].initial = today + USUAL
        styled(self)
        del self.fields["scopes"].widget.attrs["class"]

    def clean_last_day(self) -> date:
        day = self.cleaned_data["last_day"]
        if not self.today <= day <= self.today + LONGEST:
            raise forms.ValidationError(_("A day from today on, within a year."))
        return day


class WebhookForm(forms.Form):
    """Who is told, of what, and where it happens."""

    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        widget=forms.URLInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text=_("It begins with https:// and is public, or lies in a network that the deployment names."),
    )
    events = forms.MultipleChoiceField(
        label=_("What it is told of"), widget=forms.CheckboxSelectMultiple, error_messages={"required": _("Choose at least one.")}
    )
    unit = UnitChoice(label=_("Unit (with those below)"), queryset=None, empty_label=None)
    form_key = forms.CharField(widget=forms.HiddenInput, max_length=40, initial=form_key)

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["events"].choices = coded(WebhookEndpoint.Event.choices)
        self.fields["unit"].queryset = units_held(user)
        styled(self)
        del self.fields["events"].widget.attrs["class"]


class ReplayForm(forms.Form):
    """From when on a webhook is told once more, in the county's time."""

    moment = forms.DateTimeField(
        label=_("What happened since"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )

    def __init__(self, *args, at, **kwargs):
        super().__init__(*args, **kwargs)
        self.at = at
        styled(self)

    def clean_moment(self):
        moment = self.cleaned_data["moment"]
        if moment.year < 2000 or moment > self.at:
            raise forms.ValidationError(_("Choose a moment that has passed."))
        return moment
