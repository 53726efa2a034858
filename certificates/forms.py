from django import forms
from django.utils.translation import gettext_lazy as _


class RevokeForm(forms.Form):
    """Why a certificate is revoked, and that it is meant."""

    reason = forms.CharField(
        label=_("Reason"), max_length=500,
        help_text=_("It is kept with the certificate for good and shown to the holder; the public page only says that it is revoked."),
        widget=forms.Textarea(attrs={"rows": 3, "class": "form-control"}),
    )
    confirmed = forms.BooleanField(
        label=_("I have checked the number and the name, and I know that this cannot be undone."),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
