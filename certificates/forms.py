import hashlib
import json
import re

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms import WagtailAdminModelForm
from wagtail.forms import TaskStateCommentForm

from certificates.models import EXPIRING, Certificate, CertificateKind, State, TemplatePicture
from certificates.permissions import counties_of
from certificates.services import CORRECTABLE
from certificates.services.ladder import Terms
from courses.models import Course
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


class WithdrawalForm(forms.Form):
    """Why a proposal is taken back."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        help_text=_("Kept on record with the proposal; the holder does not see it."),
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
    )


class IssuedForm(forms.Form):
    """What narrows HR's list."""

    STATES = [("", _("All states")), *(choice for choice in State.choices if choice[0] != State.NOT_ISSUED)]
    STATES.insert(2, (EXPIRING, _("Expiring soon")))

    q = forms.CharField(
        required=False,
        max_length=80,
        empty_value="",
        error_messages={"max_length": _("What is looked for is too long: 80 characters at most. Nothing was looked for.")},
    )
    state = forms.ChoiceField(required=False, choices=STATES)


class ApprovalForm(TaskStateCommentForm):
    """What the second person vouches for when a template is approved."""

    no_emblem = forms.BooleanField(
        label=_("I have looked at the paper. Its pictures show no national emblem and no seal that the issuer may not use.")
    )
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)  # the draft that was looked at


class PictureForm(forms.Form):
    """A seal or a background from a file."""

    use = forms.ChoiceField(label=_("What it is for"), choices=TemplatePicture.Use.choices)
    county = forms.ModelChoiceField(label=_("County"), queryset=Unit.objects.none(), required=False, empty_label=None)
    picture = forms.FileField(
        label=_("Picture (PNG or JPEG, up to 5 MB)"), widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg"})
    )

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        counties = _counties_of(user)
        self.fields["county"].queryset = counties
        if len(counties) < 2:
            self.fields["county"].widget = forms.HiddenInput()
            self.fields["county"].initial = counties.first()

    def clean_county(self):
        return self.cleaned_data["county"] or self.fields["county"].queryset.first()


class CertificateKindForm(WagtailAdminModelForm):
    """A county's own kinds and pictures only; the key stays, because courses name it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        user = self.for_user
        if "county" in self.fields:
            counties = _counties_of(user)
            self.fields["county"].queryset = counties
            if self.instance.pk:
                self.fields["county"].disabled = True
            elif len(counties) == 1:
                self.fields["county"].initial = counties[0]
        if "key" in self.fields and self.instance.pk:
            self.fields["key"].disabled = True
        for use in TemplatePicture.Use.values:
            if use in self.fields:
                pictures = TemplatePicture.objects.filter(use=use)
                self.fields[use].queryset = (
                    pictures.filter(county=self.instance.county_id) if self.instance.pk else pictures.filter(county__in=_counties_of(user))
                )
                self.fields[use].empty_label = _("none")
        for colour in ("accent", "ink"):
            if colour in self.fields:
                self.fields[colour].widget = forms.TextInput(attrs={"type": "color"})


def _counties_of(user):
    counties = Unit.objects.filter(depth=1)
    if user and user.is_superuser:
        return counties
    return counties.filter(pk__in=[county.pk for county in counties_of(user)] if user else [])


class RunningOutForm(forms.Form):
    """Which certificates: those that end within so many days, or those that ended within them."""

    WHICH = [("soon", _("end soon")), ("past", _("have ended"))]
    DAYS = [(30, _("30 days")), (90, _("90 days")), (180, _("half a year")), (365, _("a year"))]

    which = forms.ChoiceField(label=_("Certificates that"), choices=WHICH, widget=forms.Select(attrs={"class": "form-select"}))
    days = forms.TypedChoiceField(label=_("within"), choices=DAYS, coerce=int, widget=forms.Select(attrs={"class": "form-select"}))
    q = forms.CharField(
        label=_("Number, name, unit or certificate"), required=False, max_length=80, widget=forms.TextInput(attrs={"class": "form-control"})
    )

    def __init__(self, data):
        super().__init__({"which": "soon", "days": "90"} | {name: data[name] for name in ("which", "days", "q") if name in data})

    def wanted(self) -> dict:
        """What was asked for; what makes no sense is as if it were not said."""
        self.is_valid()
        found = {"which": "soon", "days": 90, "q": ""} | self.cleaned_data
        return found | {"q": found["q"].strip()}


class AttestForm(forms.Form):
    """Which condition, on what evidence; or why it is taken back."""

    key = forms.ChoiceField(label=_("Condition"), widget=forms.HiddenInput)
    act = forms.ChoiceField(choices=[("attest", ""), ("withdraw", "")], widget=forms.HiddenInput)
    evidence = forms.CharField(
        label=_("What shows it, or why it is taken back"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
    )

    def __init__(self, *args, conditions, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["key"].choices = [(asked["key"], asked["title"]) for asked in conditions.attested]


class ConditionsForm(forms.Form):
    """What a kind asks for. `seen` is the digest of the conditions whose dry run was looked at."""

    kinds = forms.MultipleChoiceField(label=_("Certificates held in force"), required=False, widget=forms.CheckboxSelectMultiple)
    courses = forms.MultipleChoiceField(label=_("Courses completed"), required=False, widget=forms.CheckboxSelectMultiple)
    attested = forms.CharField(
        label=_("What a trainer, a reviewer or HR attests"),
        help_text=_("One condition a line, such as “one approved set of catalogue rows”; at most ten."),
        required=False,
        max_length=900,
        widget=forms.Textarea(attrs={"rows": 3, "class": "form-control"}),
    )
    source = forms.CharField(
        label=_("Source"),
        help_text=_("The county's decision that this follows."),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "form-control"}),
    )
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args, kind: CertificateKind, newest, **kwargs):
        if newest is not None:
            kwargs["initial"] = {
                "kinds": newest.kinds,
                "courses": newest.courses,
                "attested": "\n".join(asked["title"] for asked in newest.attested),
                "source": newest.source,
            }
        super().__init__(*args, **kwargs)
        self.known = {asked["title"]: asked["key"] for asked in newest.attested} if newest is not None else {}
        others = CertificateKind.objects.filter(county=kind.county_id).exclude(pk=kind.pk).order_by("category", "key")
        self.fields["kinds"].choices = [(one.key, one.title) for one in others]
        courses = {one.code: str(one) for one in Course.objects.filter(county=kind.county_id).select_related("current")}
        for code in newest.courses if newest is not None else ():  # named before the course is there
            courses.setdefault(code, code)
        self.fields["courses"].choices = sorted(courses.items())

    def clean_attested(self) -> list[tuple[str, str]]:
        titles = [re.sub(r"\s+", " ", line).strip() for line in self.cleaned_data["attested"].splitlines()]
        titles = [title for title in titles if title]
        if len(titles) > 10 or any(len(title) > 80 for title in titles):
            raise ValidationError(_t("At most ten lines of 80 characters."))
        # A condition keeps its key as long as it keeps its wording: what was attested goes on counting.
        return [(self.known.get(title) or f"c-{hashlib.sha256(title.encode()).hexdigest()[:12]}", title) for title in titles]

    def terms(self) -> Terms:
        given = self.cleaned_data
        return Terms(tuple(given["kinds"]), tuple(given["courses"]), tuple(given["attested"]), given["source"].strip())

    def digest(self) -> str:
        terms = self.terms()
        return hashlib.sha256(json.dumps([terms.kinds, terms.courses, terms.attested, terms.source]).encode()).hexdigest()
