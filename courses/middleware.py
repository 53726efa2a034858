"""A submitted page is decided once."""

from collections.abc import Callable

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from wagtail.models import Page

from core.errors import Refused


class DecidedOnce:
    """A decision about a submitted page is taken with the page held, whole or not at all; a second one at the same moment finds it taken.

    Wagtail's editor writes the page as it was when the request came, and then decides: of two approvals the later wrote its older page over
    the published one. Stands last, so that every other middleware has looked at the request.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable, args: tuple, kwargs: dict) -> HttpResponse | None:
        where = request.resolver_match.view_name if request.method == "POST" and request.resolver_match else ""
        from_editor = where == "wagtailadmin_pages:edit" and bool(request.POST.get("action-workflow-action"))
        if not from_editor and where != "wagtailadmin_pages:workflow_action":
            return None
        try:
            with transaction.atomic():
                page = Page.objects.select_for_update(of=("self",)).filter(pk=kwargs.get("page_id")).first()
                if from_editor and page is not None and page.current_workflow_state is None:
                    messages.warning(
                        request, _("This has been decided already, perhaps by a second click. Nothing was changed by this one.")
                    )
                    return redirect("wagtailadmin_pages:edit", page.pk)
                return view(request, *args, **kwargs)
        except Refused as refusal:
            return render(request, "refused.html", {"refusal": refusal}, status=409)
