"""People, one's own account, and the auditor's pages. Included at the root, before allauth's own doors."""

from django.urls import path, reverse_lazy
from django.views.generic import RedirectView

from people.views import account, admin_account, audit, imports, leaves, staff, units

urlpatterns = [
    path("people/", staff.person_list, name="person_list"),
    path("people/codes/", staff.codes, name="activation_codes"),
    path("people/units/", units.unit_list, name="unit_list"),
    path("people/units/<int:pk>/close/", units.unit_close, name="unit_close"),
    path("people/units/<int:pk>/reopen/", units.unit_reopen, name="unit_reopen"),
    path("people/units/<int:pk>/history/", units.unit_history, name="unit_history"),
    path("people/import/", imports.roster_import, name="roster_import"),
    path("people/import/<int:pk>/", imports.roster_plan, name="roster_plan"),
    path("people/import/<int:pk>/refused.xlsx", imports.roster_refused, name="roster_refused"),
    path("people/import/<int:pk>/result/", imports.roster_result, name="roster_result"),
    path("people/<int:pk>/", staff.person, name="person"),
    path("people/<int:pk>/roles/", staff.grant_role, name="grant_role"),
    path("people/<int:pk>/roles/<int:grant_pk>/withdraw/", staff.withdraw_role, name="withdraw_role"),
    path("people/<int:pk>/sign-in/", staff.change_sign_in, name="change_sign_in"),
    path("people/<int:pk>/leaves/", leaves.leave_list, name="leaves"),
    path("people/<int:pk>/leaves/<int:leave_pk>/correct/", leaves.leave_correct, name="leave_correct"),
    path("people/<int:pk>/leaves/<int:leave_pk>/take-back/", leaves.leave_take_back, name="leave_take_back"),
    path("account/", account.my_account, name="my_account"),
    path("audit/readings/", audit.readings, name="audit_readings"),
    path("audit/roles/", audit.role_log, name="audit_roles"),
    path("audit/units/", audit.unit_log, name="audit_units"),
    path("audit/accounts/", audit.account_log, name="audit_accounts"),
    path("accounts/sessions/", account.MySessions.as_view(), name="usersessions_list"),
    path("accounts/activate/", account.activate, name="activate"),
    # allauth's doors that have no place here: nobody signs up, mail addresses come from the roster,
    # and the way back in leads through HR.
    path("accounts/password/reset/", account.forgotten, name="forgotten_password"),
    path("accounts/password/reset/<path:rest>", RedirectView.as_view(url=reverse_lazy("forgotten_password"))),
    path("accounts/password/set/", RedirectView.as_view(pattern_name="account_change_password")),
    path("accounts/signup/", RedirectView.as_view(pattern_name="account_login")),
    path("accounts/email/", RedirectView.as_view(pattern_name="my_account")),
    path("accounts/confirm-email/", RedirectView.as_view(pattern_name="account_login")),
    path("accounts/confirm-email/<path:rest>", RedirectView.as_view(url=reverse_lazy("account_login"))),
    # Wagtail's own sign-in knows neither the lock-out nor the second factor.
    path("admin/login/", RedirectView.as_view(pattern_name="account_login", query_string=True)),
    path("admin/account/", admin_account.own_settings),
    # Its user management writes past the roster, the roles and their traces: people are looked after here.
    path("admin/users/", RedirectView.as_view(url=reverse_lazy("person_list"))),
    path("admin/users/<path:rest>", RedirectView.as_view(url=reverse_lazy("person_list"))),
    path("admin/bulk/people/person/<path:rest>", RedirectView.as_view(url=reverse_lazy("person_list"))),
    path("admin/password_reset/", RedirectView.as_view(url=reverse_lazy("forgotten_password"))),
    path("admin/password_reset/<path:rest>", RedirectView.as_view(url=reverse_lazy("forgotten_password"))),
]
