from django import forms
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms import WagtailAdminModelForm

from certificates.models import EXPIRING, Certificate, State
from certificates.permissions import counties_of
from certificates.services import CORRECTABLE
from people.models import Unit


class ReasonForm(forms.Form):
    """Why something is done to a certificate."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        help_text=_("It is kept with the certificate for good and shown to the holder; the public page does not show it."),
        widget=forms.Textarea(attrs={"rows": 3, "class": "form-control"}),
    )


class RevokeForm(ReasonForm):
    """The same, and that it is meant."""

    confirmed = forms.BooleanField(
        label=_("I have checked the number and the name."), widget=forms.CheckboxInput(attrs={"class": "form-check-input"})
    )


def _fact(name: str, **options) -> forms.CharField:
    field = Certificate._meta.get_field(name)
    attrs = {"class": "form-control", "autocomplete": "off"}
    return forms.CharField(label=field.verbose_name, max_length=field.max_length, widget=forms.TextInput(attrs=attrs), **options)


class ReplaceForm(RevokeForm):
    """The facts as they should read on the new certificate, and why."""

    person_name = _fact("person_name")
    unit_name = _fact("unit_name")
    post_title = _fact("post_title", required=False)

    field_order = ["person_name", "unit_name", "post_title", "reason", "confirmed"]

    @classmethod
    def of(cls, certificate: Certificate, data) -> "ReplaceForm":
        """Filled with what the certificate says now."""
        return cls(data, initial={name: getattr(certificate, name) for name in CORRECTABLE})

    def corrections(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in CORRECTABLE}


class DecisionForm(forms.Form):
    """What the second officer says; declining asks for a reason, which the service checks."""

    reason = forms.CharField(
        label=_("Remark"),
        required=False,
        max_length=500,
        help_text=_("Needed to decline; kept on record."),
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
    )


class IssuedForm(forms.Form):
    """What narrows HR's list."""

    STATES = [("", _("All states")), *(choice for choice in State.choices if choice[0] != State.NOT_ISSUED)]
    STATES.insert(2, (EXPIRING, _("Expiring soon")))

    q = forms.CharField(required=False, max_length=80, empty_value="")
    state = forms.ChoiceField(required=False, choices=STATES)


class CertificateKindForm(WagtailAdminModelForm):
    """A county's own kinds only; the key stays, because courses name it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        user = self.for_user
        if "county" in self.fields:
            counties = Unit.objects.filter(depth=1)
            if not (user and user.is_superuser):
                counties = counties.filter(pk__in=[county.pk for county in counties_of(user)] if user else [])
            self.fields["county"].queryset = counties
            if self.instance.pk:
                self.fields["county"].disabled = True
            elif len(counties) == 1:
                self.fields["county"].initial = counties[0]
        if "key" in self.fields and self.instance.pk:
            self.fields["key"].disabled = True
