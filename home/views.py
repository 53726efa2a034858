"""The doors that see everything: front page, my learning, dashboard, search, display."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from wagtail.rich_text import expand_db_html

from core import clock, look
from core.errors import Refused
from core.look import Look
from core.sanitize import clean
from core.text import squeeze
from courses.models import Course
from courses.services import policies
from evaluation import ahead, pictures, reminders
from evaluation.permissions import tops_of, units_in_reach
from home import board, desk, finding, system, waiting
from home.models import HomePage
from people.models import ReadingOfOthers, Role, Unit
from people.models.unit import record_names
from people.permissions import READS_RECORDS, paths_of, require_role, units_of
from people.services import readings
from quizzes.services import own_sittings


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """What a visitor reads first; who is signed in goes on to what is due."""
    if request.user.is_authenticated:
        return redirect("my_learning")
    page = HomePage.objects.live().only("intro").first()
    return render(request, "home/front.html", {"intro": clean(expand_db_html(page.intro)) if page and page.intro else ""})


def _came_from(request: HttpRequest) -> str:
    """The path of our own page that the link was on; the footer's link is the same on all pages."""
    referer = urlsplit(request.headers.get("Referer", ""))
    if referer.netloc != request.get_host() or referer.path == request.path:
        return ""
    return f"{referer.path}?{referer.query}" if referer.query else referer.path


def _safe_next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or _came_from(request) or "/"
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
@never_cache
@require_safe
def my_learning(request: HttpRequest) -> HttpResponse:
    """What is due, what is next, exams that are near, hours against target; for who leads a unit, how it stands."""
    at = clock.now()
    led = tops_of(units_of(request.user, Role.LEADER, Role.LIAISON))
    strips = []
    history = policies.shown()
    if led:
        overview = ahead.Overview(led, year=clock.year_of(at), at=at, history=history)
        strips = [overview.standings[unit.path] for unit in led]
    names = record_names([*led, *([request.user.unit] if request.user.unit else [])])
    for row in strips:
        row.place = names[row.unit.pk]
    exams = own_sittings.near(person=request.user, at=at)
    mine = desk.of(request.user, at=at, history=history)
    context = {
        "desk": mine,
        "place": names.get(request.user.unit_id, ""),
        "strips": strips,
        "made_at": overview.made_at if led else None,
        "exams": exams,
        "work": waiting.for_person(request.user, at=at),
        "reminder": reminders.standing_for(request.user, missing=mine.required - mine.required_done, at=at),
    }
    return render(request, "home/my_learning.html", context)


@login_required
@never_cache
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """Who is behind in my units. The names shown are logged."""
    require_role(request.user, *READS_RECORDS)
    asked = request.GET.get("unit", "")
    at = clock.now()
    found = board.of(request.user, unit_pk=int(asked) if asked.isdecimal() and len(asked) < 19 else None, at=at)
    if found is None:
        raise Http404
    readings.record(
        reader=request.user,
        kind=ReadingOfOthers.Kind.READ,
        what="dashboard: people behind",
        unit=found.unit,
        filters={"year": found.year},
        rows=len(found.behind),
        request=request,
    )
    context = {
        "board": found,
        "work": waiting.for_person(request.user, at=at),
        "rank": pictures.rank_of(found.unit, year=found.year, at=at) if found.unit else None,
        "may_remind": found.unit is not None and found.total.behind > 0 and reminders.may_remind(request.user, found.unit),
        "at_once": reminders.AT_ONCE,
    }
    return render(request, "home/dashboard.html", context)


@login_required
@require_POST
def remind(request: HttpRequest, pk: int) -> HttpResponse:
    """Remind those of a unit who are behind; back to its board."""
    unit = get_object_or_404(units_in_reach(request.user), pk=pk)
    try:
        sent = reminders.remind(unit=unit, by=request.user, at=clock.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        words = ngettext("%(n)d person was reminded.", "%(n)d people were reminded.", sent.now) % {"n": sent.now}
        if sent.before:
            words += ngettext(" %(n)d had been reminded today already.", " %(n)d had been reminded today already.", sent.before) % {
                "n": sent.before
            }
        messages.success(request, words)
    return redirect(f"{reverse('dashboard')}?unit={unit.pk}")


@login_required
@never_cache
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Courses and lessons that hold every word of the query."""
    query = squeeze(request.GET.get("q", ""))[:60]
    return render(request, "home/search.html", {"query": query, "finds": finding.search(request.user, query)})


def _administered_by(user) -> QuerySet[Course]:
    if user.is_superuser:
        return Course.objects.all()
    return Course.objects.filter(county__path__in={path[: Unit.steplen] for path in paths_of(user, [Role.ADMINISTRATOR])})


@login_required
@never_cache
@require_safe
def system_state(request: HttpRequest) -> HttpResponse:
    """What works and what waits, for administrators: the parts of the system and the gauges of reconcile."""
    require_role(request.user, Role.ADMINISTRATOR)
    return render(request, "home/system.html", {"state": system.of(at=clock.now(), courses=_administered_by(request.user))})
