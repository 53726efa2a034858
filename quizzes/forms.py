"""Forms with which trainers write questions and quizzes."""

import re
from collections.abc import Iterable, Iterator
from copy import copy

from django import forms
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms import WagtailAdminModelForm

from core import clock
from core.errors import Refused
from core.figures import figure
from people.forms import form_key
from quizzes import formats, kinds, stems
from quizzes.formats.base import LONGEST_TAG, check_tags
from quizzes.models import DrawRule, KnowledgePoint, Question, Quiz
from quizzes.permissions import counties_of
from quizzes.services import bank, images, points, quizzes

BREAK = "⏎"  # stands for a line break inside one line: an imported option may have some


def opened_on() -> forms.CharField:
    """The stamp of what a form shows. Browsers that fill in a form anew after a reload leave it as the page has it."""
    return forms.CharField(widget=forms.HiddenInput(attrs={"autocomplete": "off"}), required=False, max_length=80)


class OfCountyForm(WagtailAdminModelForm):
    """Keeps to the counties of its user; with one county there is nothing to choose."""

    is_older = False  # somebody saved what it shows after it was opened

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        counties = list(counties_of(self.for_user))
        field = self.fields["county"]
        field.queryset = counties_of(self.for_user)
        if len(counties) == 1:
            self.initial.setdefault("county", counties[0].pk)
            field.initial = counties[0].pk
            field.widget = forms.HiddenInput()
        if self.instance.pk:
            field.disabled = True

    def refuse_older(self, refusal: Refused, standing: Iterable[str]) -> None:
        """Say who was quicker, and what stands otherwise than it is written here, a line each. The page adds where what stands can be opened.

        Plain lines: Wagtail shows markup in them as it is written.
        """
        self.is_older = True
        self.add_error(None, [refusal.message, *standing])


class KnowledgePointForm(OfCountyForm):
    opened_on = opened_on()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk and not self.is_bound:
            self.fields["opened_on"].initial = points.stamp_of(self.instance)
        self.fields["parent"].queryset = KnowledgePoint.objects.filter(county__in=counties_of(self.for_user)).exclude(pk=self.instance.pk)

    def clean(self):
        cleaned = super().clean()
        parent, county = cleaned.get("parent"), cleaned.get("county")
        if parent and county and parent.county_id != county.pk:
            self.add_error("parent", _("This knowledge point belongs to another county."))
        return cleaned

    def _get_validation_exclusions(self):
        """Whether the name is taken is judged by `is_written`, under the lock and in words, not by the constraints' names."""
        return super()._get_validation_exclusions() | {"county"}

    def _post_clean(self):
        super()._post_clean()
        if not self.errors:
            try:
                self.is_written()
            except Refused as refusal:
                self.refuse(refusal)

    def is_written(self) -> bool:
        """Whether what is posted stands already. In a transaction it locks the county's tree. Raises: Refused."""
        return points.is_written(self.instance, seen=self.cleaned_data.get("opened_on", ""), by=self.for_user)

    def refuse(self, refusal: Refused) -> None:
        """Say why it is not saved; of an older form who was quicker and what stands now. What was written here stays in the form."""
        if refusal.code != "edited":
            self.add_error({"below_itself": "parent", "name_taken": "name"}[refusal.code], refusal.message)
            return
        standing = KnowledgePoint.objects.select_related("parent").get(pk=self.instance.pk)
        lines = [
            _("What stands: %(field)s %(value)s") % {"field": self.fields[name].label, "value": getattr(standing, name) or "—"}
            for name in ("name", "parent")
            if getattr(standing, name) != getattr(self.instance, name)
        ]
        self.refuse_older(refusal, lines)


class QuestionForm(OfCountyForm):
    """One text field holds the options or answers, one a line, as the kind wants them; the kind judges the whole."""

    lines = forms.CharField(
        label=_("Options and answers"),
        widget=forms.Textarea(attrs={"rows": 8}),
        strip=False,
        help_text=_("One a line. How it is written for each kind stands beside."),
    )

    opened_on = opened_on()

    words = forms.CharField(label=_("tags"), required=False, help_text=_("Several with a semicolon between."))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["opened_on"].initial = self.instance.stamp
        self.initial["words"] = "；".join(self.instance.tags or [])
        self.fields["course_code"].widget.attrs |= {"list": "course-codes", "autocomplete": "off"}
        self.fields["point"].queryset = KnowledgePoint.objects.filter(county__in=counties_of(self.for_user))
        if self.instance.pk and self.instance.kind:
            try:
                lines = self.instance.item_kind.to_lines(self.instance.content, self.instance.key)
                self.initial["lines"] = "\n".join(line.replace("\n", BREAK) for line in lines)
            except (KeyError, TypeError, AttributeError):
                self.initial["lines"] = ""

    def clean(self):
        cleaned = super().clean()
        point, county = cleaned.get("point"), cleaned.get("county")
        if point and county and point.county_id != county.pk:
            self.add_error("point", _("This knowledge point belongs to another county."))
        since, until = cleaned.get("source_since"), cleaned.get("source_until")
        if since and until and until < since:
            self.add_error("source_until", _("the source ends before it is in force"))
        try:
            self.instance.tags = list(check_tags(re.split(r"[;；]", cleaned.get("words") or "")))
        except kinds.Wrong as wrong:
            self.add_error("words", str(wrong))
        stem = (cleaned.get("stem") or "").strip()
        if len(stem) > bank.LONGEST_STEM:
            self.add_error("stem", _("At most %(limit)d characters.") % {"limit": bank.LONGEST_STEM})
        if not cleaned.get("kind") or not stem or "lines" not in cleaned:
            return cleaned
        if county and images.missing(county, [stem, cleaned["lines"], cleaned.get("explanation") or ""]):
            self.add_error("stem", _("An image that is named here is not among the county's images: add it below the stem."))
        kind = kinds.of(cleaned["kind"])
        lines = [line.strip().replace(BREAK, "\n") for line in cleaned["lines"].splitlines() if line.strip() or kind.keeps_empty_lines]
        try:
            content, key = kind.from_lines(lines)
            kind.check(stem, content, key)
        except kinds.Wrong as wrong:
            self.add_error("lines", f"{wrong.field}：{wrong}" if wrong.field else str(wrong))
        else:
            if not self.instance.pk or kind.to_lines(content, key) != self._standing_lines(kind):
                self.instance.content, self.instance.key = content, key
        return cleaned

    def _standing_lines(self, kind) -> list[str] | None:
        """The lines of what stands: opening and saving a question unchanged changes nothing."""
        try:
            return kind.to_lines(self.instance.content, self.instance.key)
        except (KeyError, TypeError, AttributeError):
            return None

    def _post_clean(self):
        super()._post_clean()
        if not self.errors:
            try:
                bank.settle_status(self.instance, by=self.for_user, seen=self.cleaned_data.get("opened_on", ""))
            except Refused as refusal:
                self.refuse(refusal)

    def refuse(self, refusal: Refused) -> None:
        """Say why it is not saved. What somebody else saved meanwhile stands beside what was written here."""
        if refusal.code != "edited":
            self.add_error({"code_taken": "code", "no_source": "source"}.get(refusal.code, "status"), refusal.message)
            return
        standing = Question.objects.get(pk=self.instance.pk)
        lines = standing.item_kind.to_lines(standing.content, standing.key)
        beside = [str(standing.get_status_display()), str(standing.point or "—"), *standing.tags]
        beside += [str(Question._meta.get_field("is_reserved").verbose_name)] if standing.is_reserved else []
        self.refuse_older(
            refusal,
            [
                _("The stem that stands: %(stem)s") % {"stem": stems.plain(standing.stem)[:300]},
                _("The options and answers that stand: %(lines)s") % {"lines": " ¦ ".join(filter(None, lines))[:600]},
                _("What stands beside: %(facts)s") % {"facts": "、".join(beside)},
            ],
        )

    def save(self, commit=True):
        question = super().save(commit=False)
        return bank.write(question, by=self.for_user, seen=self.cleaned_data.get("opened_on", "")) if commit else question


class ChangeForm(forms.Form):
    """What to set in all the questions that were ticked; what is left empty stays as it is."""

    status = forms.ChoiceField(label=_("status"), required=False)
    difficulty = forms.TypedChoiceField(label=_("difficulty"), required=False, coerce=int, empty_value="")
    point = forms.ModelChoiceField(label=_("knowledge point"), queryset=KnowledgePoint.objects.none(), required=False, empty_label="—")
    course_code = forms.CharField(label=_("course"), max_length=20, required=False)
    is_reserved = forms.ChoiceField(label=_("for exams only"), required=False, choices=[("", "—"), ("1", _("Yes")), ("0", _("No"))])
    mark = forms.ChoiceField(label=Question._meta.get_field("mark").verbose_name, required=False)
    source = forms.CharField(label=Question._meta.get_field("source").verbose_name, max_length=200, required=False)
    source_until = forms.DateField(
        label=_("source in force until"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    tag = forms.CharField(label=_("add a tag"), max_length=LONGEST_TAG, required=False)

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["status"].choices = [("", "—"), *Question.Status.choices]
        for name in ("difficulty", "mark"):
            self.fields[name].choices = [("", "—"), *Question._meta.get_field(name).choices]
        self.fields["point"].queryset = KnowledgePoint.objects.filter(county__in=counties_of(user))

    def clean(self):
        cleaned = super().clean()
        if not self.errors and not any(cleaned.values()):
            raise forms.ValidationError(_("Nothing is to be changed: fill in at least one field."))
        return cleaned

    def facts(self) -> dict:
        """What was filled in, by the names of a question's fields."""
        given = {name: value for name, value in self.cleaned_data.items() if name != "tag" and value not in ("", None)}
        if "is_reserved" in given:
            given["is_reserved"] = given["is_reserved"] == "1"
        return given


class PoliciesWidget(forms.MultiWidget):
    """A list for each kind that can be marked in more than one way."""

    template_name = "quizzes/admin/policies.html"

    def __init__(self, several: list[kinds.ItemKind], attrs=None):
        self.several = several
        super().__init__({kind.key: forms.Select(choices=[(n, p.label) for n, p in kind.policies.items()]) for kind in several}, attrs)

    def decompress(self, value):
        value = value or {}
        return [value.get(kind.key) or next(iter(kind.policies)) for kind in self.several]

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        for kind, widget in zip(self.several, context["widget"]["subwidgets"], strict=True):
            widget["label"] = kind.label
        return context


class PoliciesField(forms.MultiValueField):
    """{kind: how it is marked} as one list a kind; only what differs from the usual is kept."""

    def __init__(self, **kwargs):
        self.several = [kind for kind in kinds.every() if len(kind.policies) > 1]
        fields = [forms.ChoiceField(choices=[(n, p.label) for n, p in kind.policies.items()], required=False) for kind in self.several]
        super().__init__(fields, require_all_fields=False, required=False, widget=PoliciesWidget(self.several), **kwargs)

    def compress(self, data_list):
        chosen = zip(self.several, data_list or [], strict=False)
        return {kind.key: policy for kind, policy in chosen if policy and policy != next(iter(kind.policies))}


class QuizForm(OfCountyForm):
    USUAL = ("most_uses", "rating_difference")  # an empty field means the usual figure
    KEPT = {
        "in_use": _("As it was reviewed with a published course. To change it, make a copy."),
        "in_review": _("As the reviewer reads it with the course. To change it, withdraw the submission, or make a copy."),
        "has_sittings": _("As it is for all who sit a published exam, until that is over. For another exam, make a copy."),
        "has_a_sitting": _("It has sittings and stays an exam. For practice, make a copy."),
    }

    opened_on = opened_on()
    kept = forms.CharField(widget=forms.HiddenInput(attrs={"autocomplete": "off"}), required=False, max_length=300)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk and not self.is_bound:
            self.fields["opened_on"].initial = quizzes.stamp_of(self.instance, self.formsets["draws"].get_queryset())
        self.fields["policies"] = PoliciesField(label=self.fields["policies"].label, help_text=self.fields["policies"].help_text)
        codes = set(
            Question.objects.filter(county__in=counties_of(self.for_user)).order_by().values_list("course_code", flat=True).distinct()
        )
        self.fields["further_banks"] = forms.MultipleChoiceField(
            label=self.fields["further_banks"].label,
            help_text=self.fields["further_banks"].help_text,
            required=False,
            widget=forms.CheckboxSelectMultiple,
            choices=[(code, code) for code in sorted(codes | set(self.instance.further_banks))],
        )
        if self.instance.pk:
            self.fields["key"].disabled = True  # lessons name the quiz by it
        for name in self.USUAL:
            self.fields[name].required = False
        self.why_kept: dict[str, Refused] = {}
        if self.instance.pk:
            self._keep_terms()

    def _keep_terms(self) -> None:
        """Show what cannot be changed now as it stands, with a line that says why and what to do instead.

        Of disabled fields a browser sends nothing. So the form says which it showed so, and those are read as they stand; what is sent
        nevertheless, or from a form that is older than the publication, is read as any other and refused.
        """
        if self.is_bound:
            kept = dict(each.partition(":")[::2] for each in self.data.get(self.add_prefix("kept"), "").split())
        else:
            self.why_kept = quizzes.kept_terms(quiz=self.instance, at=clock.now())
            kept = {name: refusal.code for name, refusal in self.why_kept.items()}
            if self.instance.is_exam and self.instance.sittings.exists():
                kept["is_exam"] = "has_a_sitting"
            self.fields["kept"].initial = " ".join(f"{name}:{code}" for name, code in sorted(kept.items()))
        for name in kept.keys() & quizzes.FIXED_FOR_COURSES & self.fields.keys():
            if not any(sent == name or sent.startswith(f"{name}_") for sent in self.data):  # policies come as one list a kind
                self.fields[name].disabled, self.fields[name].help_text = True, self.KEPT.get(kept[name], "")
        self.kept_draws = self.KEPT.get(kept.get("draws", ""), "")
        if self.kept_draws:
            for form in self.formsets["draws"].forms:
                for name in form.fields.keys() - {"id", "DELETE"}:
                    form.fields[name].disabled = form.add_prefix(name) not in self.data

    def clean_is_exam(self) -> bool:
        is_exam = self.cleaned_data["is_exam"]
        if not is_exam and self.instance.pk and (sitting := self.instance.sittings.first()):
            raise forms.ValidationError(
                _("“%(sitting)s” is a sitting of this exam: it stays an exam. Make another quiz for practice.") % {"sitting": sitting.title}
            )
        return is_exam

    def clean_most_uses(self) -> int:
        return self._or_usual("most_uses")

    def clean_rating_difference(self) -> int:
        return self._or_usual("rating_difference")

    def _or_usual(self, name: str) -> int:
        """What was written, or what is usual where the field was left empty."""
        value = self.cleaned_data[name]
        return Quiz._meta.get_field(name).default if value is None else value

    def clean(self):
        cleaned = super().clean()
        county = cleaned.get("county")
        draws = self.formsets["draws"]
        wanted = [form for form in draws.forms if form.is_valid() and form.cleaned_data and not form.cleaned_data.get("DELETE")]
        if draws.is_valid() and not wanted:
            self.add_error(None, _("Add at least one draw rule: without it there is no paper."))
        cells: dict[tuple, forms.ModelForm] = {}
        for form in wanted:
            point = form.cleaned_data.get("point")
            if point and county and point.county_id != county.pk:
                form.add_error("point", _("This knowledge point belongs to another county."))
            earlier = cells.setdefault((form.cleaned_data["kind"], form.cleaned_data.get("difficulty"), point), form)
            if earlier is form:
                continue
            if earlier.cleaned_data["points"] != form.cleaned_data["points"]:
                said = _(
                    "A rule above asks for the same kind, difficulty and point at %(points)s points each: the two contradict each other."
                )
                form.add_error("points", said % {"points": figure(earlier.cleaned_data["points"])})
            else:
                form.add_error("count", _("A rule above asks for the same kind, difficulty and point: write the number there."))
        if self.instance.pk:
            changed = {name for name, value in cleaned.items() if getattr(self.instance, name, value) != value}
            try:
                self.is_written()
            except Refused as refusal:
                self.refuse(refusal)
                return cleaned
            changed |= {"draws"} if draws.has_changed() else set()
            standing = Quiz.objects.get(pk=self.instance.pk)
            try:
                quizzes.refuse_other_terms(quiz=standing, changed=changed, at=clock.now())
                quizzes.refuse_unreviewed_terms(quiz=standing, changed=changed)
            except Refused as refusal:
                self.add_error(None, refusal.message)
        return cleaned

    def _as_posted(self) -> tuple[Quiz, list[DrawRule]]:
        """The quiz and its draws as this form has them; what is wrong with them is left out."""
        posted, columns = copy(self.instance), {field.name for field in Quiz._meta.concrete_fields}
        for name, value in self.cleaned_data.items():
            if name in columns:
                setattr(posted, name, value)
        draws = []
        for form in self.formsets["draws"].forms:
            given = {name: value for name, value in getattr(form, "cleaned_data", {}).items() if name not in ("DELETE", "id")}
            if given and not form.cleaned_data.get("DELETE"):
                draws.append(DrawRule(**given))
        return posted, draws

    def is_written(self) -> bool:
        """Whether what is posted stands already. In a transaction it locks the quiz.

        Raises: Refused, when somebody saved the quiz after this form was opened.
        """
        if not self.instance.pk:
            return False
        quiz, draws = self._as_posted()
        return quizzes.is_written(quiz=quiz, draws=draws, seen=self.cleaned_data.get("opened_on", ""), by=self.for_user)

    def refuse(self, refusal: Refused) -> None:
        """Say who was quicker and what stands now; what was written here stays in the form."""
        if refusal.code != "edited":
            self.add_error(None, refusal.message)
            return
        self.refuse_older(refusal, self._standing_otherwise())

    def _standing_otherwise(self) -> Iterator[str]:
        """What stands otherwise than it is written here, a line each."""
        standing, (posted, draws) = Quiz.objects.get(pk=self.instance.pk), self._as_posted()
        for name, field in self.fields.items():
            value = getattr(standing, name, None)
            if name in self.cleaned_data and value != getattr(posted, name, None):
                yield _("What stands: %(field)s %(value)s") % {"field": field.label, "value": _in_words(name, value)}
        rules = list(standing.draws.select_related("point").order_by("pk"))
        if quizzes.said(standing, rules, with_rows=False)[1] != quizzes.said(standing, draws, with_rows=False)[1]:
            several = "；".join(_draw_in_words(rule) for rule in rules)
            yield _("What stands: %(field)s %(value)s") % {"field": DrawRule._meta.verbose_name_plural, "value": several}


def _in_words(name: str, value: object) -> str:
    """A rule of a quiz, for reading."""
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, dict):
        return "、".join(f"{kinds.of(kind).label}：{kinds.of(kind).policies[policy].label}" for kind, policy in value.items()) or "—"
    return "、".join(value) or "—" if isinstance(value, list) else str(value)


def _draw_in_words(rule: DrawRule) -> str:
    parts = [f"{rule.get_kind_display()} × {rule.count}", figure(rule.points)]
    parts += [str(rule.get_difficulty_display())] if rule.difficulty else []
    return " · ".join([*parts, rule.point.name] if rule.point else parts)


class CopyForm(forms.Form):
    """Nothing to fill in: sent twice it makes one copy."""

    form_key = forms.CharField(widget=forms.HiddenInput, max_length=40, initial=form_key)


class DrawRuleForm(WagtailAdminModelForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "point" in self.fields and self.for_user is not None:
            self.fields["point"].queryset = KnowledgePoint.objects.filter(county__in=counties_of(self.for_user))


class UploadForm(forms.Form):
    """A file of questions, its format, and the county and course that it is for."""

    file = forms.FileField(label=_("File"), help_text=_("At most 30 MB; tables (xlsx, CSV) at most 10 MB."))
    format = forms.ChoiceField(
        label=_("Format"), required=False, help_text=_("Moodle exports GIFT (.txt) and Moodle XML; QTI comes as a zip.")
    )
    course_code = forms.CharField(
        label=_("Course"),
        required=False,
        max_length=20,
        help_text=_("Code of the course for questions that name none themselves."),
        widget=forms.TextInput(attrs={"list": "course-codes", "autocomplete": "off"}),
    )
    county = forms.ModelChoiceField(label=_("county"), queryset=None)

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["format"].choices = [("", _("told by its content")), *formats.choices()]
        counties = counties_of(user)
        self.fields["county"].queryset = counties
        if len(counties) == 1:
            self.fields["county"].initial = counties[0].pk
            self.fields["county"].widget = forms.HiddenInput()
