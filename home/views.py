"""The doors that see everything: front page, my learning, dashboard, search, display."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.views.decorators.http import require_http_methods, require_safe

from core import look
from core.look import Look
from home.models import HomePage


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """What a visitor reads first; who is signed in goes on to what is due."""
    if request.user.is_authenticated:
        return redirect("my_learning")
    page = HomePage.objects.live().only("intro").first()
    return render(request, "home/front.html", {"intro": page.intro if page else ""})


def _safe_next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return wanted if safe else "/"


@require_http_methods(["GET", "HEAD", "POST"])
def display(request: HttpRequest) -> HttpResponse:
    """Colours, text size and language, each kept in a cookie; back to the page it was asked from."""
    back = _safe_next(request)
    if request.method != "POST":
        return render(request, "home/display.html", {"next_after_display": back})
    response = HttpResponseRedirect(back)
    cookie = {"max_age": look.MAX_AGE, "samesite": "Lax", "secure": request.is_secure(), "httponly": True}
    wanted = Look.read(request.COOKIES).changed(theme=request.POST.get("theme", ""), size=request.POST.get("size", ""))
    response.set_cookie(look.COOKIE, str(wanted), **cookie)
    language = request.POST.get("language", "")
    if check_for_language(language) and language in dict(settings.LANGUAGES):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, **cookie)
    return response


@login_required
@require_safe
def my_learning(request: HttpRequest) -> HttpResponse:
    return render(request, "home/my_learning.html", {})


@login_required
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "home/dashboard.html", {})


@login_required
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    return render(request, "home/search.html", {})
