"""One's own account: first sign-in, the account page, the way back in."""

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.core.internal import ratelimit
from allauth.usersessions.views import ListUserSessionsView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET
from django.views.generic.edit import FormView

from core import clock
from core.errors import Refused
from people.forms import ActivateForm
from people.models import Posting
from people.models.unit import record_names
from people.permissions import POWERFUL, grants_of, has_role
from people.services import accounts
from people.views.staff import label_units


@sensitive_post_parameters()
@never_cache
def activate(request: HttpRequest) -> HttpResponse:
    """Employee number, code from the sheet and a new password: signed in."""
    if request.user.is_authenticated:
        return redirect("my_account")
    form = ActivateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        allowed = ratelimit.consume(
            request, app="allauth.account", action="login_failed", key=f"activate:{given['employee_number'].casefold()}"
        )
        if not allowed:
            form.add_error(None, accounts.lockout_message())
            return _activate_page(request, form, 429)
        try:
            person = accounts.activate(
                employee_number=given["employee_number"], code=given["code"], password=given["password1"], at=clock.now()
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
        except ValidationError as error:
            allowed.rollback()
            form.add_error("password1", error)
        else:
            allowed.rollback()
            messages.success(request, _("Welcome, %(name)s. Your account is ready.") % {"name": person.name})
            record_authentication(request, person, method="password", username=person.employee_number)
            return perform_login(request, Login(user=person, redirect_url=reverse("my_account")))
    return _activate_page(request, form, 422 if form.errors else 200)


def _activate_page(request: HttpRequest, form: ActivateForm, status: int) -> HttpResponse:
    return render(request, "account/activate.html", {"form": form}, status=status)


@require_GET
def forgotten(request: HttpRequest, **ignored) -> HttpResponse:
    """How to get back in. By people, not by mail: county mail is not everybody's, and HR knows the faces."""
    return render(request, "account/forgotten.html")


class MySessions(ListUserSessionsView):
    """allauth's list of one's sessions and its “end the others”, in a number of queries that does not grow with them."""

    def get_context_data(self, **kwargs) -> dict:
        sessions = accounts.open_sessions(self.request.user, at=clock.now())
        # Past allauth's own: it would ask for each session again.
        return FormView.get_context_data(self, sessions=sessions, session_count=len(sessions), show_last_seen_at=False, **kwargs)


@login_required
@require_GET
def my_account(request: HttpRequest) -> HttpResponse:
    """What the site knows about me, and what I may change."""
    from allauth.mfa.models import Authenticator
    from allauth.usersessions.models import UserSession

    me = request.user
    label_units([me], [])
    grants = grants_of(me)
    names = record_names([grant.unit for grant in grants])
    for grant in grants:
        grant.place = names[grant.unit_id]
    kinds = set(Authenticator.objects.filter(user=me).values_list("type", flat=True))
    return render(
        request,
        "account/my_account.html",
        {
            "me": me,
            "grants": grants,
            "postings": list(Posting.objects.filter(person=me).select_related("unit")[:10]),
            "second_factor": Authenticator.Type.TOTP in kinds,
            "second_factor_due": has_role(me, *POWERFUL) and Authenticator.Type.TOTP not in kinds,
            "sessions": UserSession.objects.filter(user=me).count(),
        },
    )
