"""Forms of the people doors."""

import unicodedata
import uuid

from allauth.account.forms import ChangePasswordForm, LoginForm, ReauthenticateForm
from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from core import clock
from people.models import Duty, Leave, Person, Role, Unit
from people.models.unit import record_names
from people.services import leaves, units


def number_entered(text: str) -> str:
    """A number or code as somebody types it, read as a roster reads it: full-width signs are the same ones."""
    return unicodedata.normalize("NFKC", text).strip()


class SignInForm(LoginForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        login, password = self.fields["login"], self.fields["password"]
        login.label = _("Employee number")
        login.widget.attrs.update(autocomplete="username", autocapitalize="characters", spellcheck="false", placeholder="", autofocus=True)
        password.label = _("Password")
        password.widget.attrs.update(autocomplete="current-password", placeholder="")
        password.help_text = ""

    def clean_login(self) -> str:
        return number_entered(super().clean_login())


class NewPasswordForm(ChangePasswordForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, label in (
            ("oldpassword", _("Present password")),
            ("password1", _("New password")),
            ("password2", _("New password again")),
        ):
            self.fields[name].label = label
            self.fields[name].widget.attrs["placeholder"] = ""
            self.fields[name].help_text = ""


class PasswordAgainForm(ReauthenticateForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["password"].label = _("Password")
        self.fields["password"].widget.attrs["placeholder"] = ""


class ActivateForm(forms.Form):
    employee_number = forms.CharField(
        label=_("Employee number"),
        max_length=32,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "characters", "spellcheck": "false"}),
    )
    code = forms.CharField(
        label=_("Activation code"),
        max_length=20,
        help_text=_("Twelve letters and digits from your sheet, with or without dashes."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}),
    )
    password1 = forms.CharField(
        label=_("New password"), max_length=128, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    password2 = forms.CharField(
        label=_("New password again"), max_length=128, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean_employee_number(self) -> str:
        return number_entered(self.cleaned_data["employee_number"])

    def clean_code(self) -> str:
        return number_entered(self.cleaned_data["code"])

    def clean(self):
        found = super().clean()
        if found.get("password1") and found.get("password2") and found["password1"] != found["password2"]:
            self.add_error("password2", ValidationError(_("The two passwords differ."), code="differ"))
        return found


def password_rules() -> list[str]:
    """The rules of a password in words, shown before anybody types one."""
    return password_validators_help_texts()


class PeopleFilter(forms.Form):
    """Narrow the list of people. Every field may be empty."""

    q = forms.CharField(label=_("Name or employee number"), required=False, max_length=60)
    unit = forms.ChoiceField(label=_("Unit and below"), required=False)
    duty = forms.ChoiceField(label=_("Duty"), required=False)
    status = forms.ChoiceField(label=_("Status"), required=False)

    def __init__(self, *args, units: list[Unit], **kwargs):
        super().__init__(*args, **kwargs)
        everything = [("", _("All"))]
        self.fields["unit"].choices = everything + unit_choices(units)
        self.fields["duty"].choices = everything + list(Duty.choices)
        self.fields["status"].choices = everything + list(Person.Status.choices)


def unit_choices(units: list[Unit]) -> list[tuple[str, str]]:
    """Units in tree order, deeper ones set in."""
    top = min((unit.depth for unit in units), default=1)
    return [(unit.code, "　" * (unit.depth - top) + unit.listed_name) for unit in units]


class GrantForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=[choice for choice in Role.choices if choice[0] != Role.LEARNER])
    unit = forms.ChoiceField(label=_("Over which unit"), help_text=_("The role reaches this unit and everything below it."))

    def __init__(self, *args, units: list[Unit], **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["unit"].choices = unit_choices([unit for unit in units if unit.is_open])


class RosterForm(forms.Form):
    county = forms.ChoiceField(label=_("For which unit"))
    file = forms.FileField(
        label=_("Roster file"),
        help_text=_("Excel (.xlsx) or CSV (UTF-8 or GBK), at most 10 MB."),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv,.txt"}),
    )

    def __init__(self, *args, units: list[Unit], **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["county"].choices = [(unit.code, unit.name) for unit in units]
        if len(units) == 1:
            self.fields["county"].widget = forms.HiddenInput()
            self.fields["county"].initial = units[0].code


class CodesForm(forms.Form):
    unit = forms.ChoiceField(label=_("Unit and below"))

    def __init__(self, *args, units: list[Unit], **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["unit"].choices = unit_choices([unit for unit in units if unit.is_open])


class UnitFilter(forms.Form):
    q = forms.CharField(label=_("Name or code"), required=False, max_length=60)


class SuccessorChoice(forms.ModelChoiceField):
    """Units by name, sections with their organ: every township has a 党政综合办公室."""

    @cached_property
    def names(self) -> dict[int | None, str]:
        return record_names(self.queryset)

    def label_from_instance(self, obj: Unit) -> str:
        return f"{self.names[obj.pk]} · {obj.code}"


class CloseUnitForm(forms.Form):
    """The day on which a unit ended, the one that goes on in its place, and the decision behind it."""

    on = forms.DateField(
        label=_("Last day"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("The day on which the unit ceased to exist, by the decision. Not in the future."),
    )
    successor = SuccessorChoice(
        label=_("Merged into"),
        queryset=Unit.objects.none(),
        required=False,
        empty_label=_("No other unit: dissolved"),
        help_text=_("In this year's evaluation the time that people served here counts as served there."),
    )
    basis = forms.CharField(
        label=_("Decision"), required=False, max_length=200, help_text=_("Number of the document, if there is one. It stays in the log.")
    )

    def __init__(self, *args, unit: Unit, by: Person, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["successor"].queryset = units.successors_of(unit, by)


class HistoryForm(forms.Form):
    """What the new unit of somebody who moved inside the county reads, and the decision behind it."""

    follows = forms.ChoiceField(
        label=_("What the new unit reads"),
        choices=[
            ("all", _("Everything, records of earlier units of this county too")),
            ("since", _("Only what happened from the day of the transfer on")),
        ],
        widget=forms.RadioSelect,
    )
    basis = forms.CharField(label=_("Decision"), max_length=200, help_text=_("Number of the document or minutes. It stays in the log."))


class PeriodFilter(forms.Form):
    """Narrow a log to days."""

    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def clean(self) -> dict:
        data = super().clean()
        for name in ("since", "until"):
            if data.get(name) and not clock.is_usual(data[name]):
                self.add_error(name, _("Choose a day between 2000 and 2100."))
        if data.get("since") and data.get("until") and data["since"] > data["until"]:
            self.add_error("until", _("The last day lies before the first."))
        return data


class ReadingsFilter(PeriodFilter):
    """Narrow the log of readings."""

    field_order = ["reader", "subject", "kind", "purpose", "since", "until"]

    reader = forms.CharField(label=_("Reader (name or employee number)"), required=False, max_length=60)
    subject = forms.CharField(label=_("About (name or employee number)"), required=False, max_length=60)
    kind = forms.ChoiceField(label=_("Kind"), required=False)
    purpose = forms.CharField(label=_("Purpose of the export"), required=False, max_length=60)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        from people.models import ReadingOfOthers

        self.fields["kind"].choices = [("", _("All")), *ReadingOfOthers.Kind.choices]


def form_key() -> str:
    return uuid.uuid4().hex


class LeaveForm(forms.Form):
    """A stretch of absence; `with_reason` for a correction."""

    kind = forms.ChoiceField(label=_("Kind"), choices=Leave.Kind.choices)
    starts_on = forms.DateField(label=_("First day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    ends_on = forms.DateField(
        label=_("Ends on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Leave it empty while it lasts; enter the day by a correction when it is known."),
    )
    voucher = forms.CharField(
        label=_("Voucher"),
        max_length=200,
        help_text=_("Name and number of the document, and where it is kept. No diagnosis, no ID number."),
    )
    reason = forms.CharField(
        label=_("Reason of the correction"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The person can read it."),
    )
    form_key = forms.CharField(widget=forms.HiddenInput, max_length=40, initial=form_key)

    def __init__(self, *args, with_reason: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        if not with_reason:
            del self.fields["reason"]

    def facts(self) -> leaves.Facts:
        data = self.cleaned_data
        return leaves.Facts(data["kind"], data["starts_on"], data["ends_on"], data["voucher"])


class TakeBackForm(forms.Form):
    """Why a leave never was."""

    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}), help_text=_("The person can read it.")
    )
    form_key = forms.CharField(widget=forms.HiddenInput, max_length=40, initial=form_key)
