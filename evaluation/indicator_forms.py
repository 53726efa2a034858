"""Forms of indicators: a version as text, and figures that are reported of a unit."""

from decimal import Decimal

import yaml
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import uploads
from evaluation.forms import form_key, styled
from evaluation.indicators import reports
from evaluation.indicators import spec as specs
from people.models import Unit

LONGEST_TEXT = 20_000


def as_text(spec: specs.Spec) -> str:
    """A version as YAML, as one edits it: numbers as numbers, one field a line."""
    return yaml.safe_dump(_plain(spec.model_dump(mode="python")), allow_unicode=True, sort_keys=False, width=1000)


def _plain(value):
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one != ""}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def from_text(text: str) -> object:
    """What a YAML or JSON text says. No anchors: a few lines could stand for gigabytes.

    Raises:
        forms.ValidationError: it cannot be read; with the line.
    """
    try:
        if uploads.has_references(text):
            raise forms.ValidationError(_("References (& and *) are not taken."))
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise forms.ValidationError(
            _("The text cannot be read at line %(line)d: brackets, quotation marks or indents do not fit.")
            % {"line": mark.line + 1 if mark else 1}
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise forms.ValidationError(_("The text cannot be read.")) from error


class VersionForm(forms.Form):
    """The next version, or the first of another indicator: the whole of it as text, with what is new and where it comes from."""

    name = forms.CharField(
        label=gettext_lazy("Name of the indicator"),
        max_length=80,
        required=False,
        help_text=gettext_lazy("Another name makes another indicator of the county; a year is evaluated by one of them."),
    )
    text = forms.CharField(
        label=gettext_lazy("The indicator"),
        max_length=LONGEST_TEXT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 28, "spellcheck": "false"}),
        help_text=gettext_lazy("YAML or JSON: items, bonuses, deductions, bands, chain of responsibility, dates and rules."),
    )
    note = forms.CharField(
        label=gettext_lazy("What is new, and why"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}), required=True
    )
    source = forms.CharField(
        label=gettext_lazy("Source"), max_length=200, help_text=gettext_lazy("The document that this version rests on.")
    )
    mark = forms.ChoiceField(
        label=gettext_lazy("How far checked"),
        choices=[
            ("D", gettext_lazy("D: set by the county")),
            ("S", gettext_lazy("S: from a secondary source")),
            ("V", gettext_lazy("V: checked against the original")),
            ("M", gettext_lazy("M: from memory, to be checked")),
        ],
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        styled(self)
        self.fields["text"].widget.attrs["class"] += " code"

    def clean_text(self) -> object:
        """The data itself, once a version can be read from it."""
        data = from_text(self.cleaned_data["text"])
        try:
            specs.require_usable(specs.read(data))
        except specs.RefusedSpec as refusal:
            raise forms.ValidationError([str(fault) for fault in refusal.faults]) from refusal
        return data


class ReportForm(forms.Form):
    """Figures of one unit: those that are left empty are not reported."""

    unit = forms.ModelChoiceField(label=gettext_lazy("Unit"), queryset=Unit.objects.none())

    def __init__(self, *args, period, spec, **kwargs):
        super().__init__(*args, **kwargs)
        organs = Unit.objects.filter(path__startswith=period.county.path, depth=2).exclude(kind=Unit.Kind.SECTION)
        self.fields["unit"].queryset = organs.order_by("code")
        self.names = reports.reportable(spec)
        for number, (_name, label) in enumerate(self.names.items()):
            self.fields[f"figure_{number}"] = forms.DecimalField(
                label=label, required=False, min_value=0, max_value=reports.MOST, max_digits=9, decimal_places=2
            )
        self.fields["reason"] = forms.CharField(
            label=_("Proof"),
            max_length=500,
            widget=forms.Textarea(attrs={"rows": 2}),
            help_text=_("Name the document, list or decision that shows it."),
        )
        self.fields["form_key"] = forms.CharField(widget=forms.HiddenInput, max_length=40, initial=form_key)
        styled(self)

    def values(self) -> dict[str, Decimal]:
        """What was entered, by the name of the figure."""
        given = {name: self.cleaned_data.get(f"figure_{number}") for number, name in enumerate(self.names)}
        return {name: value for name, value in given.items() if value is not None}


__all__ = ["ReportForm", "VersionForm", "as_text", "from_text"]
