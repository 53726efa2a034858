"""Certificate kinds in the Wagtail admin: each county's own, with a live preview of the paper, approved by two, in versions."""

import json
from functools import partial

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest
from django.urls import path, reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.panels import FieldPanel, FieldRowPanel, HelpPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import LiveStatusTagColumn
from wagtail.admin.widgets.button import Button
from wagtail.models import Revision, WorkflowState
from wagtail.snippets.views import snippets
from wagtail.snippets.views.chooser import ChooseResultsView, ChooseView, SnippetChooserViewSet

from certificates import templates_desk
from certificates.forms import CertificateKindForm
from certificates.models import CertificateKind
from certificates.models.review import refuse_changed, refuse_decided, seen_in
from certificates.preview import unfit

RENEWAL_FIELDS = ["renewal_window_days", "renewal_grace_days", "renewal_course", "reminder_days"]


class _Previewing:
    """The preview says what is wrong, where Wagtail's would only say that something is."""

    def validate_form(self, form):
        """What cannot be printed is kept as well: the page tells why."""
        return super().validate_form(form) or self.request.method == "POST"

    def error_response(self):
        form = self.get_form(self._get_form_data(self._get_form_state()))
        super().validate_form(form)
        return unfit(self.request, form)


class _PreviewOnEdit(_Previewing, snippets.PreviewOnEditView):
    pass


class _PreviewOnCreate(_Previewing, snippets.PreviewOnCreateView):
    pass


class _WithVersions:
    """A way from the template to its versions and to its county's pictures."""

    @cached_property
    def header_more_buttons(self):
        viewset = CertificateKind.snippet_viewset
        return [
            *super().header_more_buttons,
            Button(_("Versions"), url=reverse(viewset.get_url_name("versions"), args=[self.object.pk]), icon_name="history", priority=60),
            Button(_("Pictures"), url=reverse(viewset.get_url_name("pictures")), icon_name="image", priority=70),
        ]


class _Edit(_WithVersions, snippets.EditView):
    def save_instance(self):
        """The form is saved before it is approved: not over words that came after it was opened."""
        if self.action == "workflow-action" and self.workflow_action == "approve":
            CertificateKind.hold(self.object.pk)
            loaded = self.request.POST.get("loaded_revision_id", "")
            opened = self.object.revisions.filter(pk=loaded).first() if loaded.isdecimal() else None
            refuse_changed(self.object, seen_in(opened))
        return super().save_instance()

    def workflow_action_action(self):
        """What Wagtail does, but told in words where somebody decided while this one was being saved."""
        waiting = self.object.current_workflow_task_state
        refuse_decided(waiting)
        more = json.loads(self.request.POST.get("workflow-action-extra-data", "{}"))
        if self.workflow_action == "approve":
            more["seen"] = seen_in(self.new_revision)
        waiting.task.specific.on_action(waiting, self.request.user, self.workflow_action, **more)

    @transaction.atomic
    def cancel_workflow_action(self):
        CertificateKind.hold(self.object.pk)
        refuse_decided(self.object.current_workflow_task_state)
        return super().cancel_workflow_action()


class _NamesWhatIsSeen:
    """The window that asks for an approval carries which draft it was opened on."""

    def get_form_class(self):
        form = super().get_form_class()
        if self.action_name != "approve" or form is None:
            return form
        return partial(form, initial={"seen": seen_in(self.object.latest_revision)})


class _Decide(_NamesWhatIsSeen, snippets.WorkflowActionView):
    pass


class _AskForDecision(_NamesWhatIsSeen, snippets.CollectWorkflowActionDataView):
    pass


class _Index(snippets.IndexView):
    @cached_property
    def header_more_buttons(self):
        pictures = Button(
            _("Pictures"), url=reverse(CertificateKind.snippet_viewset.get_url_name("pictures")), icon_name="image", priority=70
        )
        return [*super().header_more_buttons, pictures]

    def get_context_data(self, *args, **kwargs):
        """What the column of states asks of each row, looked up here for all of them in two queries."""
        context = super().get_context_data(*args, **kwargs)
        kinds = {str(kind.pk): kind for kind in context["object_list"]}
        of_these = {"base_content_type": ContentType.objects.get_for_model(CertificateKind), "object_id__in": list(kinds)}
        scheduled = {revision.object_id: revision for revision in Revision.objects.filter(**of_these, approved_go_live_at__isnull=False)}
        states = WorkflowState.objects.active().filter(**of_these)
        for key, kind in kinds.items():
            kind.scheduled_revision = scheduled.get(key)
            kind._current_workflow_states = [state for state in states if state.object_id == key]
        return context


class _OwnKinds:
    def get_object_list(self):
        return CertificateKind.objects.visible_to(self.request.user)


class _Choose(_OwnKinds, ChooseView):
    pass


class _ChooseResults(_OwnKinds, ChooseResultsView):
    pass


class _Chooser(SnippetChooserViewSet):
    choose_view_class = _Choose
    choose_results_view_class = _ChooseResults


class CertificateKindViewSet(snippets.SnippetViewSet):
    model = CertificateKind
    icon = "doc-full"
    menu_label = gettext_lazy("Certificate templates")
    menu_name = "certificate-kinds"
    add_to_admin_menu = True
    menu_order = 320
    copy_view_enabled = False
    list_display = ["title", "key", "county", "validity_months", LiveStatusTagColumn()]
    list_per_page = 50
    index_view_class = _Index
    edit_view_class = _Edit
    create_template_name = "certificates/admin/kind_create.html"
    edit_template_name = "certificates/admin/kind_edit.html"
    workflow_action_view_class = _Decide
    collect_workflow_action_data_view_class = _AskForDecision
    preview_on_edit_view_class = _PreviewOnEdit
    preview_on_add_view_class = _PreviewOnCreate
    chooser_viewset_class = _Chooser
    edit_handler = ObjectList(
        [
            HelpPanel(template="certificates/admin/kind_help.html"),
            MultiFieldPanel([FieldRowPanel([FieldPanel("county"), FieldPanel("key")])], heading=gettext_lazy("What courses name")),
            MultiFieldPanel(
                [
                    FieldPanel("title"),
                    FieldPanel("wording"),
                    FieldPanel("issuer"),
                    FieldPanel("validity_months"),
                ],
                heading=gettext_lazy("What is printed"),
            ),
            MultiFieldPanel(
                [FieldPanel("language"), FieldPanel("title_en"), FieldPanel("wording_en"), FieldPanel("issuer_en")],
                heading=gettext_lazy("English beside the Chinese"),
            ),
            MultiFieldPanel(
                [FieldRowPanel([FieldPanel(f"signatory_{number}"), FieldPanel(f"signatory_{number}_post")]) for number in (1, 2, 3)],
                heading=gettext_lazy("Signatories"),
                help_text=gettext_lazy("Printed names with their posts, up to three; they are no signatures."),
            ),
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("orientation"), FieldPanel("qr_place")]),
                    FieldRowPanel([FieldPanel("accent"), FieldPanel("ink")]),
                    HelpPanel(template="certificates/admin/picture_help.html"),
                    FieldRowPanel([FieldPanel("seal"), FieldPanel("background")]),
                    FieldPanel("marks_seal_place"),
                ],
                heading=gettext_lazy("How it looks"),
            ),
            MultiFieldPanel([FieldRowPanel([FieldPanel("number_prefix"), FieldPanel("category")])], heading=gettext_lazy("Numbering")),
            MultiFieldPanel([FieldPanel(name) for name in RENEWAL_FIELDS], heading=gettext_lazy("Renewal")),
        ],
        base_form_class=CertificateKindForm,
    )

    def get_queryset(self, request):
        return CertificateKind.objects.visible_to(request.user).select_related("county")

    def get_urlpatterns(self):
        patterns = [
            *super().get_urlpatterns(),
            path("versions/<int:pk>/", templates_desk.versions, name="versions"),
            path("versions/<int:pk>/<int:number>.png", templates_desk.version_picture, name="version_picture"),
            path("pictures/", templates_desk.pictures, name="pictures"),
            path("pictures/<int:picture>/", templates_desk.picture_file, name="picture_file"),
        ]
        for pattern in patterns:
            pattern.callback = _kept_in_county(pattern.callback)
        return patterns


def _kept_in_county(view):
    """A kind of another county is not found, whichever of its pages is asked for; and nobody else comes in at all."""

    def guarded(request: HttpRequest, *args, **kwargs):
        if not templates_desk.rules_kinds(request.user):
            raise PermissionDenied
        if "pk" in kwargs:
            pk = str(kwargs["pk"])
            if not (pk.isdecimal() and CertificateKind.objects.visible_to(request.user).filter(pk=pk).exists()):
                raise Http404
        return view(request, *args, **kwargs)

    return guarded
