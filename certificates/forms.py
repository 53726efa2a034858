from django import forms
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms import WagtailAdminModelForm

from certificates.permissions import counties_of
from people.models import Unit


class RevokeForm(forms.Form):
    """Why a certificate is revoked, and that it is meant."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        help_text=_("It is kept with the certificate for good and shown to the holder; the public page only says that it is revoked."),
        widget=forms.Textarea(attrs={"rows": 3, "class": "form-control"}),
    )
    confirmed = forms.BooleanField(
        label=_("I have checked the number and the name, and I know that this cannot be undone."),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )


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
