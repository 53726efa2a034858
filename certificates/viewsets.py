"""Certificate kinds in the Wagtail admin: each county's own, with a preview of the paper."""

from django.http import Http404
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel, MultiFieldPanel, ObjectList
from wagtail.snippets.views import snippets

from certificates.forms import CertificateKindForm
from certificates.models import CertificateKind
from certificates.permissions import KindPolicy

RENEWAL_FIELDS = ["renewal_window_days", "renewal_grace_days", "renewal_course", "reminder_days"]


class _OfMyCounty:
    """A kind of another county is not found, whatever its address."""

    def get_object(self, *args, **kwargs):
        found = super().get_object(*args, **kwargs)
        if not KindPolicy(CertificateKind).user_has_permission_for_instance(self.request.user, "view", found):
            raise Http404
        return found


class _Edit(_OfMyCounty, snippets.EditView):
    pass


class _Delete(_OfMyCounty, snippets.DeleteView):
    pass


class _Usage(_OfMyCounty, snippets.UsageView):
    pass


class _History(_OfMyCounty, snippets.HistoryView):
    pass


class CertificateKindViewSet(snippets.SnippetViewSet):
    model = CertificateKind
    icon = "doc-full"
    menu_label = _("Certificate kinds")
    menu_name = "certificate-kinds"
    add_to_admin_menu = True
    menu_order = 320
    copy_view_enabled = False
    list_display = ["title", "key", "county", "issuer", "category", "validity_months"]
    list_per_page = 50
    edit_view_class = _Edit
    delete_view_class = _Delete
    usage_view_class = _Usage
    history_view_class = _History
    edit_handler = ObjectList(
        [
            MultiFieldPanel([FieldPanel("county"), FieldPanel("key")], heading=_("What courses name")),
            MultiFieldPanel(
                [FieldPanel("title"), FieldPanel("wording"), FieldPanel("issuer"), FieldPanel("validity_months")],
                heading=_("What is printed"),
            ),
            MultiFieldPanel([FieldPanel("number_prefix"), FieldPanel("category")], heading=_("Numbering")),
            MultiFieldPanel([FieldPanel(name) for name in RENEWAL_FIELDS], heading=_("Renewal")),
        ],
        base_form_class=CertificateKindForm,
    )

    def get_queryset(self, request):
        return CertificateKind.objects.visible_to(request.user).select_related("county")
