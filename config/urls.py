"""Every door of the site, in one place."""

from django.urls import include, path
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.documents import urls as wagtaildocs_urls

from config.api import api, nothing_here
from core import views as core_views
from courses import media

urlpatterns = [
    path("healthz", core_views.healthz, name="healthz"),
    path("readyz", core_views.readyz, name="readyz"),
    path("", include("people.urls")),  # before allauth and the admin: it closes some of their doors
    path("admin/", include(wagtailadmin_urls)),
    path("documents/<int:document_id>/<path:filename>", media.document, name="document"),  # before Wagtail's, which knows no ranges
    path("documents/", include(wagtaildocs_urls)),
    path("accounts/", include("allauth.urls")),
    path("", include("courses.urls")),
    path("", include("quizzes.urls")),
    path("", include("certificates.urls")),
    path("", include("home.urls")),
    path("", include("evaluation.urls")),
    path("api/v1/", nothing_here),
    path("api/v1/", api.urls),
    path("api/v1/<path:address>", nothing_here),
]
