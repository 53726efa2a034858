"""The bank in the Wagtail admin: questions, knowledge points and quizzes."""

import secrets

import django_filters
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Avg, Count, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.menu import MenuItem
from wagtail.admin.panels import FieldPanel, FieldRowPanel, HelpPanel, InlinePanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import BooleanColumn, BulkActionsCheckboxColumn, Column
from wagtail.admin.views.bulk_action import BulkAction
from wagtail.admin.views.generic import CreateView, EditView
from wagtail.admin.viewsets.base import ViewSetGroup
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.admin.widgets.button import Button
from wagtail.permissions import register_permission_policy

from core import clock
from core.errors import Refused
from quizzes import exchange, media, stems, versions
from quizzes.forms import ChangeForm, CopyForm, DrawRuleForm, KnowledgePointForm, QuestionForm, QuizForm
from quizzes.models import AttemptItem, DrawRule, ItemMark, KnowledgePoint, Question, Quiz
from quizzes.permissions import AuthorPolicy, counties_of, is_author
from quizzes.rules import UNMARKED
from quizzes.services import bank, keys, papers, points, quizzes, readiness

for model in (Question, KnowledgePoint, Quiz):
    register_permission_policy(model, AuthorPolicy(model))


class OfCountyViewSet(ModelViewSet):
    """A listing of the user's county; what belongs to another county is not found, whichever page asks for it."""

    copy_view_enabled = False
    add_to_reference_index = False

    def get_urlpatterns(self):
        patterns = super().get_urlpatterns()
        for pattern in patterns:
            pattern.callback = self._kept_in_county(pattern.callback)
        return patterns

    def _kept_in_county(self, view):
        def guarded(request: HttpRequest, *args, **kwargs):
            if not is_author(request.user):
                raise PermissionDenied
            if "pk" in kwargs:
                found = self.model.objects.filter(pk=kwargs["pk"], county__in=counties_of(request.user))
                if not found.exists():
                    raise Http404
                self.refuse(found, request.user)
            return view(request, *args, **kwargs)

        return guarded

    def refuse(self, found, person) -> None:
        """Keep a row that is of the county from the person nevertheless. Raises Refused, which is a page of its own."""


class CountyPanel(FieldPanel):
    """Not even a heading for those who write for one county: there is nothing to choose. The form carries it along."""

    class BoundPanel(FieldPanel.BoundPanel):
        def classes(self):
            return [*super().classes(), *["w-hidden"] * self.bound_field.is_hidden]


class DrawsPanel(InlinePanel):
    """How the paper is drawn; of a quiz whose draws stay as they are, only shown, with the reason."""

    class BoundPanel(InlinePanel.BoundPanel):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.help_text = getattr(self.form, "kept_draws", "")

        def classes(self):
            return [*super().classes(), *["is-kept"] * bool(self.help_text)]  # nothing to add or to take away


class InCounty:
    """Listing views narrow their rows to the user's county."""

    def get_base_queryset(self):
        return self.annotated(super().get_base_queryset().filter(county__in=counties_of(self.request.user)))

    def annotated(self, rows):
        return rows


# ---- questions -----------------------------------------------------------------------------


class QuestionFilterSet(WagtailFilterSet):
    """Two queries for the choices, whatever the bank holds."""

    course_code = django_filters.ChoiceFilter(label=gettext_lazy("course"), choices=[])
    point = django_filters.ChoiceFilter(label=gettext_lazy("knowledge point"), choices=[], method="at_or_below")
    tag = django_filters.ChoiceFilter(label=gettext_lazy("tag"), choices=[], method="with_tag")

    class Meta:
        model = Question
        fields = ["course_code", "kind", "difficulty", "status", "mark", "point", "tag"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        counties = counties_of(self.request.user)
        used = list(Question.objects.filter(county__in=counties).order_by().values_list("course_code", "tags").distinct())
        codes = sorted({code for code, _tags in used})
        tags = sorted({tag for _code, several in used for tag in several})
        self.points = {point.pk: point for point in KnowledgePoint.objects.filter(county__in=counties)}
        self.ways = points.ways(self.points)
        self.filters["course_code"].extra["choices"] = [(code, code) for code in codes]
        self.filters["tag"].extra["choices"] = [(tag, tag) for tag in tags]
        in_order = sorted(self.ways.items(), key=lambda entry: entry[1])
        self.filters["point"].extra["choices"] = [(str(pk), " / ".join(names)) for pk, names in in_order]

    def at_or_below(self, rows, name, value):
        return rows.filter(point__in=points.below(int(value), self.ways, self.points))

    def with_tag(self, rows, name, value):
        return rows.tagged(value)


def _facility(question: Question) -> str:
    return "" if question.facility is None else f"{round(question.facility * 100)} %"


class QuestionIndexView(InCounty, ModelViewSet.index_view_class):
    is_file = False

    def search_queryset(self, rows):
        return rows.holding(self.search_query) if self.is_searching else rows

    @cached_property
    def exams(self) -> list[keys.Exam]:
        """What the user sits now: a page lists nothing of its banks and says so, a file with something of them is refused."""
        return keys.exams_of(self.request.user, at=clock.now())

    def get_base_queryset(self):
        rows = super().get_base_queryset()
        return rows if self.is_file or self.is_export else rows.outside(bank for exam in self.exams for bank in exam.banks)

    def get_queryset(self):
        rows = super().get_queryset()
        if self.is_file or self.is_export:
            keys.refuse_who_sits_on(rows.banks(), person=self.request.user, at=clock.now())
        return rows

    def annotated(self, rows):
        uses = AttemptItem.objects.filter(question=OuterRef("pk")).order_by().values("question").annotate(n=Count("pk")).values("n")
        marks = (
            ItemMark.objects.standing()
            .filter(item__question=OuterRef("pk"))
            .order_by()
            .values("item__question")
            .annotate(m=Avg("fraction"))
            .values("m")
        )
        return rows.select_related("point").annotate(
            times_used=Coalesce(Subquery(uses, output_field=IntegerField()), 0), facility=Subquery(marks)
        )

    @cached_property
    def columns(self):
        return [BulkActionsCheckboxColumn("bulk_actions", obj_type="question"), *super().columns]

    def _get_title_column(self, *args, **kwargs):
        return super()._get_title_column(*args, **kwargs, get_title_id=lambda question: f"question_{question.pk}_title")

    @cached_property
    def header_more_buttons(self):
        alike = Button(_("Questions that are alike"), url=reverse("questions:similar"), icon_name="copy", priority=85)
        return [*super().header_more_buttons, exchange.export_button(self.request, reverse("questions:export")), alike]


class RefusesInTheForm:
    """What is refused while it is written is said in the form, and what was typed stays there."""

    def form_valid(self, form):
        try:
            with transaction.atomic():
                return super().form_valid(form)
        except Refused as refusal:  # somebody was quicker between the check and the lock
            form.refuse(refusal)
            self.is_valid(form)  # it is not any more: says so above the form
            return self.form_invalid(form)

    def form_invalid(self, form):
        if form.is_older and self.produced_error_message:
            said, address = _("Open it as it stands, and bring in there what is still missing."), self.get_edit_url()
            self.produced_error_message = format_html('{} <a href="{}" target="_blank">{}</a>', self.produced_error_message, address, said)
        return super().form_invalid(form)


class SaysWhatIsAlike(RefusesInTheForm):
    """Saving a question tells of others whose stem is much the same (of no bank that one is asked of now), and when it has become a draft."""

    def save_instance(self):
        was = Question.objects.filter(pk=self.object.pk).first() if getattr(self, "object", None) else None
        question = super().save_instance()
        if was and was.status == Question.Status.REVIEWED and question.status == Question.Status.DRAFT:
            messages.warning(self.request, _("The content changed: the question is a draft until somebody else has reviewed it."))
        if question.course_code not in bank.known_courses(question.county):
            messages.warning(self.request, bank.no_such_course(question.course_code, 1))
        kept = keys.banks_kept_from(self.request.user, at=clock.now())
        for other, share in bank.similar_to(question):
            if (other.county_id, other.course_code) in kept:
                continue
            said = _("Its stem is %(share)s %% the same as that of %(code)s: %(stem)s")
            messages.warning(self.request, said % {"share": int(share * 100), "code": other.code, "stem": stems.plain(other.stem)[:60]})
        if question.status == Question.Status.REVIEWED and question.mark == UNMARKED:
            messages.warning(
                self.request, _("It is marked M: reviewed or not, no paper draws it before it was checked and marked V, S or D.")
            )
        for line in readiness.shaken_by([question], at=clock.now(), also={(was.county_id, was.course_code)}) if was else []:
            messages.error(self.request, line)
        return question


class QuestionCreateView(SaysWhatIsAlike, CreateView):
    pass


class QuestionEditView(SaysWhatIsAlike, EditView):
    @cached_property
    def header_more_buttons(self):
        kept = Button(_("Versions"), url=reverse("questions:versions", args=[self.object.pk]), icon_name="history", priority=60)
        return [*super().header_more_buttons, kept]


class QuestionExportView(exchange.Exporting, QuestionIndexView):
    is_file = True


class QuestionViewSet(OfCountyViewSet):
    model = Question
    name = "questions"
    icon = "help"
    menu_label = gettext_lazy("Questions")
    list_per_page = 30
    index_view_class = QuestionIndexView
    add_view_class = QuestionCreateView
    edit_view_class = QuestionEditView
    index_template_name = "quizzes/admin/questions.html"
    list_display = [
        "code",
        Column("stem", label=gettext_lazy("stem"), classname="is-stem", accessor=lambda q: Truncator(stems.plain(q.stem)).chars(80)),
        "course_code",
        Column("kind", label=gettext_lazy("kind"), accessor=lambda q: q.get_kind_display(), sort_key="kind"),
        Column("difficulty", label=gettext_lazy("difficulty"), accessor=lambda q: q.get_difficulty_display(), sort_key="difficulty"),
        Column("point", label=gettext_lazy("knowledge point"), accessor=lambda q: q.point.name if q.point else ""),
        Column("status", label=gettext_lazy("status"), accessor=lambda q: q.get_status_display(), sort_key="status"),
        Column("times_used", label=gettext_lazy("Times used"), sort_key="times_used"),
        Column("facility", label=gettext_lazy("Answered right"), accessor=_facility, sort_key="facility"),
    ]
    list_export = ["code", "course_code", "kind", "difficulty", "stem", "status", "version", "times_used"]
    filterset_class = QuestionFilterSet
    search_fields = ["code", "stem", "explanation", "source"]
    ordering = ["code"]
    edit_handler = ObjectList(
        [
            HelpPanel(template="quizzes/admin/question_help.html"),
            HelpPanel(template="quizzes/admin/question_facts.html"),
            FieldRowPanel([FieldPanel("code"), FieldPanel("course_code")]),
            FieldRowPanel([FieldPanel("kind"), FieldPanel("difficulty"), FieldPanel("point")]),
            FieldRowPanel([FieldPanel("words"), FieldPanel("is_reserved")]),
            FieldPanel("stem"),
            HelpPanel(template="quizzes/admin/question_images.html"),
            FieldPanel("lines"),
            FieldPanel("explanation"),
            FieldRowPanel([FieldPanel("source"), FieldPanel("source_since"), FieldPanel("source_until")]),
            FieldRowPanel([FieldPanel("mark"), FieldPanel("status")]),
            CountyPanel("county"),
        ],
        base_form_class=QuestionForm,
    )

    def refuse(self, found, person):
        keys.refuse_who_sits_on(found.banks(), person=person, at=clock.now())

    def get_urlpatterns(self):
        return [
            *super().get_urlpatterns(),
            path("preview/", preview_question, name="preview"),
            path("similar/", similar_questions, name="similar"),
            path("images/", media.upload, name="images"),
            path("<int:pk>/versions/", self._kept_in_county(versions_of_question), name="versions"),
            path("<int:pk>/versions/<int:number>/", self._kept_in_county(version_of_question), name="version"),
            path("export/", self.construct_view(QuestionExportView, **self.get_index_view_kwargs()), name="export"),
        ]


def similar_questions(request: HttpRequest) -> HttpResponse:
    """Pairs of questions whose stems are much alike, for each county of the author; none of a bank that the author is asked of in an exam now."""
    if not is_author(request.user):
        raise PermissionDenied
    exams = keys.exams_of(request.user, at=clock.now())  # type: ignore[arg-type]
    kept = {one for exam in exams for one in exam.banks}
    pairs = [
        (one, two, int(share * 100))
        for county in counties_of(request.user)
        for one, two, share in bank.similar(county)
        if not kept & {(county.pk, one.course_code), (county.pk, two.course_code)}
    ]
    return render(request, "quizzes/admin/similar.html", {"pairs": pairs, "exams": exams})


def preview_question(request: HttpRequest) -> HttpResponse:
    """What a question looks like, before and after an attempt, as the posted form has it. Nothing is written."""
    if not is_author(request.user):
        raise PermissionDenied
    if request.method != "POST":
        return redirect("questions:index")
    data, counties = request.POST.copy(), counties_of(request.user)
    if not data.get("county"):  # the form of a question that stands does not send it
        standing = Question.objects.filter(county__in=counties, code=data.get("code", "")).first()
        data["county"] = str(standing.county_id if standing else counties.values_list("pk", flat=True)[0])
    county = int(data["county"]) if data["county"].isdecimal() else None
    if county is not None:
        keys.refuse_who_sits_on([(county, data.get("course_code", "").strip())], person=request.user, at=clock.now())  # type: ignore[arg-type]
    instance = Question(county_id=county)
    form_class = QuestionViewSet.edit_handler.bind_to_model(Question).get_form_class()
    # Neither the code of a question that stands nor who may call it reviewed is an error here.
    data["code"], data["status"] = f"preview-{secrets.token_hex(6)}", Question.Status.DRAFT
    form = form_class(data, instance=instance, for_user=request.user)
    context = (
        papers.preview(form.instance)
        if form.is_valid()
        else {"wrong": " ".join(error for errors in form.errors.values() for error in errors)}
    )
    return render(request, "quizzes/admin/question_preview.html", context)


def versions_of_question(request: HttpRequest, pk: int) -> HttpResponse:
    """The versions of a question: who, when, what changed, how many attempts saw each."""
    question = get_object_or_404(Question, pk=pk)
    return render(request, "quizzes/admin/versions.html", {"question": question, "versions": versions.of(question)})


def version_of_question(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """One version, read-only: as learners saw it, what is right, and the explanation."""
    question = get_object_or_404(Question, pk=pk)
    several = versions.of(question)
    version = next((one for one in several if one.number == number), None)
    if version is None:
        raise Http404
    context = {"question": question, "version": version, "newest": several[0].number, "reading": versions.reading(question, number)}
    return render(request, "quizzes/admin/version.html", context)


class ChangeQuestions(BulkAction):
    """Set facts of many questions at once: the listing's ticks lead here."""

    display_name = gettext_lazy("Change")
    action_type = "change"
    aria_label = gettext_lazy("Change the ticked questions")
    template_name = "quizzes/admin/change_questions.html"
    models = [Question]

    @classmethod
    def get_queryset(cls, model, object_ids):
        return model.objects.filter(pk__in=[pk for pk in object_ids if str(pk).isdecimal()]).select_related("county")

    def dispatch(self, request):
        if not is_author(request.user):
            raise PermissionDenied
        ticked = self.get_queryset(Question, request.GET.getlist("id"))
        keys.refuse_who_sits_on(ticked.banks(), person=request.user, at=clock.now())
        return super().dispatch(request)

    def get_all_objects_in_listing_query(self, parent_id):
        """What the listing shows on all its pages: its address, with search and filters, comes along."""
        asked = self.request.GET
        kept = keys.banks_kept_from(self.request.user, at=clock.now())
        rows = Question.objects.visible_to(self.request.user).outside(kept).holding(asked.get("q", ""))
        filters = QuestionFilterSet(asked, queryset=rows, request=self.request)
        return filters.qs.values_list("pk", flat=True) if filters.is_valid() else []

    def check_perm(self, question):
        return AuthorPolicy(Question).user_has_permission_for_instance(self.request.user, "change", question)

    def get_form(self, form_class=None):
        return ChangeForm(self.request.POST if self.request.method == "POST" else None, user=self.request.user)

    def get_execution_context(self):
        return {"form": self.cleaned_form, "request": self.request}

    @classmethod
    def execute_action(cls, objects, *, form, request, **kwargs):
        changed, refused = bank.change(
            questions=[question.pk for question in objects],
            by=request.user,
            at=clock.now(),
            tag=form.cleaned_data["tag"].strip(),
            **form.facts(),
        )
        for refusal in refused[:10]:
            messages.warning(request, refusal.message)
        if len(refused) > 10:
            messages.warning(request, _("And %(count)d more were left as they were.") % {"count": len(refused) - 10})
        unchecked = sum(one.code in set(changed) and one.mark == UNMARKED for one in objects)
        if unchecked and form.cleaned_data["status"] == Question.Status.REVIEWED:
            said = _("%(count)d of them are marked M: reviewed or not, no paper draws them before they were checked and marked V, S or D.")
            messages.warning(request, said % {"count": unchecked})
        for line in readiness.shaken_by([one for one in objects if one.code in set(changed)], at=clock.now()) if changed else []:
            messages.error(request, line)
        return len(changed), 0

    def get_success_message(self, changed, _children):
        return _("%(count)d questions changed.") % {"count": changed}


# ---- knowledge points and quizzes ----------------------------------------------------------


class KnowledgePointIndexView(InCounty, ModelViewSet.index_view_class):
    def annotated(self, rows):
        return rows.select_related("parent").annotate(question_count=Count("questions"))


class SavesOnce(RefusesInTheForm):
    """What stands already as it was sent is not written again: no second trace."""

    def save_instance(self):
        return self.form.instance if self.form.is_written() else super().save_instance()


class KnowledgePointCreateView(SavesOnce, CreateView):
    pass


class KnowledgePointEditView(SavesOnce, EditView):
    pass


class KnowledgePointViewSet(OfCountyViewSet):
    model = KnowledgePoint
    name = "knowledge-points"
    icon = "tag"
    menu_label = gettext_lazy("Knowledge points")
    index_view_class = KnowledgePointIndexView
    add_view_class = KnowledgePointCreateView
    edit_view_class = KnowledgePointEditView
    list_display = [
        "name",
        Column("parent", label=gettext_lazy("parent"), accessor=lambda p: p.parent.name if p.parent else ""),
        Column("question_count", label=gettext_lazy("Questions"), sort_key="question_count"),
    ]
    search_fields = ["name"]
    ordering = ["name"]
    edit_handler = ObjectList([FieldPanel("name"), FieldPanel("parent"), CountyPanel("county")], base_form_class=KnowledgePointForm)


class WarnsOfLacks(SavesOnce):
    """Saving a quiz says at once what its bank cannot serve."""

    def save_instance(self):
        quiz = super().save_instance()
        for line in papers.missing_for(Quiz.objects.get(pk=quiz.pk)):
            messages.warning(
                self.request, _("The bank of %(course)s cannot serve this: %(line)s") % {"course": "、".join(quiz.banks), "line": line}
            )
        if said := readiness.earns_nothing(quiz):
            messages.warning(self.request, said)
        return quiz


class QuizCreateView(WarnsOfLacks, CreateView):
    pass


class QuizEditView(WarnsOfLacks, EditView):
    def get(self, request, *args, **kwargs):
        page = super().get(request, *args, **kwargs)  # drawn later, with the message
        if said := readiness.earns_nothing(self.object):
            messages.warning(request, said)
        if "draws" in (why := page.context_data["form"].why_kept):
            copied = messages.button(reverse("quizzes:copy_of", args=[self.object.pk]), _("Copy"))
            messages.info(request, why["draws"].message, buttons=[copied])
        return page

    @cached_property
    def header_more_buttons(self):
        """Where else this quiz is worked on: its analysis, and an exam's papers."""
        quiz = self.object
        buttons = [Button(_("Analysis"), url=reverse("quiz_analysis", args=[quiz.key]), icon_name="view", priority=70)]
        if quiz.is_exam:
            buttons.append(Button(_("Exam papers"), url=reverse("paper_list", args=[quiz.key]), icon_name="doc-full", priority=60))
        copied = Button(_("Copy"), url=reverse("quizzes:copy_of", args=[quiz.pk]), icon_name="copy", priority=80)
        return [*super().header_more_buttons, *buttons, copied]


def copy_quiz(request, pk: int):
    """Ask, and make a copy of a quiz: what decides a pass of a published course is changed in a copy."""
    quiz = get_object_or_404(Quiz.objects.filter(county__in=counties_of(request.user)), pk=pk)
    form = CopyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = quizzes.copy(quiz=quiz, by=request.user, at=clock.now(), form_key=form.cleaned_data["form_key"])
        messages.success(request, _("Copied as %(key)s. Change it here, then put it into the lesson.") % {"key": made.key})
        return redirect("quizzes:edit", made.pk)
    context = {"quiz": quiz, "form": form, "header_title": _("Copy"), "page_title": _("Copy"), "header_icon": "copy"}
    return render(request, "quizzes/admin/copy_quiz.html", context)


class QuizIndexView(InCounty, ModelViewSet.index_view_class):
    def annotated(self, rows):
        return rows.annotate(attempt_count=Count("attempts"))


class QuizViewSet(OfCountyViewSet):
    model = Quiz
    name = "quizzes"
    icon = "tasks"
    menu_label = gettext_lazy("Quizzes")
    index_view_class = QuizIndexView
    add_view_class = QuizCreateView
    edit_view_class = QuizEditView
    list_display = [
        "title",
        *(
            Column(name, classname="desk-only", label=Quiz._meta.get_field(name).verbose_name, sort_key=name)
            for name in ("key", "course_code", "minutes", "pass_percent", "attempts_allowed")
        ),
        BooleanColumn("is_exam", classname="desk-only", label=gettext_lazy("Exam"), sort_key="is_exam"),
        Column("attempt_count", label=gettext_lazy("Times sat"), sort_key="attempt_count"),
    ]
    search_fields = ["title", "key", "course_code"]
    ordering = ["course_code", "key"]
    edit_handler = ObjectList(
        [
            FieldPanel("title"),
            FieldRowPanel([FieldPanel("key"), FieldPanel("course_code")]),
            FieldPanel("further_banks"),
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("minutes"), FieldPanel("attempts_allowed"), FieldPanel("pass_percent")]),
                    FieldRowPanel([FieldPanel("shuffle_questions"), FieldPanel("shuffle_options")]),
                    FieldPanel("policies"),
                ],
                heading=gettext_lazy("Rules"),
            ),
            MultiFieldPanel(
                [FieldPanel("is_exam"), FieldRowPanel([FieldPanel("most_uses"), FieldPanel("rating_difference")])],
                heading=gettext_lazy("Exam"),
            ),
            DrawsPanel(
                "draws",
                heading=gettext_lazy("draw rules"),
                label=gettext_lazy("draw rule"),
                panels=[
                    FieldRowPanel([FieldPanel("kind"), FieldPanel("count"), FieldPanel("points")]),
                    FieldRowPanel([FieldPanel("difficulty"), FieldPanel("point")]),
                ],
            ),
            CountyPanel("county"),
        ],
        base_form_class=QuizForm,
    )

    def get_urlpatterns(self):
        return [*super().get_urlpatterns(), path("copy/<int:pk>/", self._kept_in_county(copy_quiz), name="copy_of")]


DrawRule.base_form_class = DrawRuleForm


# ---- the menu ------------------------------------------------------------------------------


class AuthorsItem(MenuItem):
    """A door that only those open who work on the bank."""

    def is_shown(self, request):
        return is_author(request.user)


class BankGroup(ViewSetGroup):
    """The bank as one entry of the menu."""

    items = (QuestionViewSet, KnowledgePointViewSet, QuizViewSet, exchange.ImportViewSet)
    menu_label = gettext_lazy("Question bank")
    menu_icon = "help"
    menu_order = 150

    def get_submenu_items(self):
        """Also what is done with the bank outside the admin: the papers of exams, marking, and marking again."""
        doors = [
            AuthorsItem(_("Exam papers"), reverse("exam_list"), name="exam-papers", icon_name="doc-full", order=900),
            AuthorsItem(_("Marking"), reverse("marking"), name="marking", icon_name="edit", order=901),
            MenuItem(_("Re-markings"), reverse("remark_list"), name="re-markings", icon_name="history", order=902),
        ]
        return [*super().get_submenu_items(), *doors]
