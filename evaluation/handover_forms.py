"""Forms of the hand-over: who receives, what came back, how a refusal ended."""

from django import forms
from django.utils.translation import gettext_lazy as _

from evaluation.forms import styled
from evaluation.periods.replies import LONGEST_REASON


class ReceiverForm(forms.Form):
    """Who receives the results, with the public key that was agreed on."""

    name = forms.CharField(label=_("Receiver"), max_length=80, help_text=_("For example the appraisal office of the county."))
    public_key = forms.CharField(
        label=_("Public key of its answers"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("Ed25519: the PEM text, or its 32 bytes in base64. Compare it with the receiver by telephone before you save it."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        styled(self)


class ReplyForm(forms.Form):
    """A receiver's answer and its signature."""

    document = forms.FileField(label=_("File of the answer"), help_text=_("JSON or CSV in UTF-8, as agreed."))
    signature = forms.CharField(
        label=_("Signature"),
        max_length=200,
        help_text=_("Of the file, in base64."),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        styled(self)


class SettlementForm(forms.Form):
    """How the refusal of one row ended."""

    words = forms.CharField(
        label=_("How it ended"),
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Why the row stands, or what was corrected and where. It is kept with the hand-over."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        styled(self)


class TakeBackForm(forms.Form):
    """Why no answer comes to a hand-over any more."""

    words = forms.CharField(
        label=_("Why no answer comes any more"),
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("For example: the office was dissolved, or the package went to the wrong one."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, auto_id="id_back_%s", **kwargs)
        styled(self)
