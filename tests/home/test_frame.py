"""The frame of every page: modes, menu, weight, error pages, the public frame that touches nothing."""

import gzip
import posixpath
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import include, path, reverse
from django.utils.html import strip_tags

from core.errors import Refused
from core.look import Look

pytestmark = pytest.mark.django_db
LIMIT = 300_000  # bytes, packed or not


def raising(error):
    def view(request):
        raise error

    return view


urlpatterns = [
    path("boom/", raising(RuntimeError("broken"))),
    path("forbidden/", raising(PermissionDenied)),
    path("odd/", raising(SuspiciousOperation("odd"))),
    path("refused/", raising(Refused("这门课程已经截止报名。", code="closed"))),
    path("public/", lambda request: render(request, "base_public.html")),
    path("plain/", lambda request: HttpResponse("plain")),
    path("", include("config.urls")),
]


@pytest.fixture
def odd_urls(settings):
    settings.ROOT_URLCONF = __name__


# ---- weight --------------------------------------------------------------------------------


def parts_of(html: str) -> set[str]:
    """Every static file that a page asks for, and those that its style sheets ask for."""
    found = {name.split("#")[0] for name in re.findall(r'(?:src|href)="/static/([^"]+)"', html)}
    for name in [name for name in found if name.endswith(".css")]:
        folder = name.rsplit("/", 1)[0]
        css = Path(finders.find(name)).read_text()
        found |= {posixpath.normpath(f"{folder}/{target}") for target in re.findall(r'url\("?(\.\./[^")]+)"?\)', css)}
    return found


@pytest.mark.parametrize("address", ["home", "account_login", "verify"])
def test_a_visitors_first_page_stays_under_300_kb(client, cast, address):
    html = client.get(reverse(address)).content.decode()
    names = parts_of(html)
    assert "css/site.css" in names

    weight = len(gzip.compress(html.encode())) + sum(len(gzip.compress(Path(finders.find(name)).read_bytes())) for name in names)

    assert weight < LIMIT / 3, f"{weight} bytes: {sorted(names)}"
    unpacked = len(html.encode()) + sum(len(Path(finders.find(name)).read_bytes()) for name in names)
    assert unpacked < LIMIT, f"{unpacked} bytes unpacked: {sorted(names)}"


def test_pages_ask_nothing_of_other_servers(client, cast):
    html = client.get("/").content.decode()

    assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', html) == []


# ---- modes ---------------------------------------------------------------------------------


DARK = re.compile(r'href="/static/css/dark\.css" media="([^"]+)"')


def test_the_cookie_is_applied_by_the_server(client, cast):
    client.cookies["look"] = "dark.big"
    page = client.get("/").content.decode()

    assert '<html lang="zh-Hans" class="big-text">' in page
    assert DARK.findall(page) == ["screen"]  # never on paper


def test_without_a_choice_the_device_decides(client, cast):
    page = client.get("/").content.decode()

    assert '<html lang="zh-Hans">' in page
    assert DARK.findall(page) == ["screen and (prefers-color-scheme: dark)"]


def test_light_by_choice_is_light_on_a_dark_device(client, cast):
    client.cookies["look"] = "light.normal"

    assert DARK.findall(client.get("/").content.decode()) == []


@pytest.mark.parametrize("cookie", ["", ".", "purple.huge", "<script>", "dark", ".big", "a.b.c"])
def test_a_damaged_cookie_does_no_harm(client, cast, cookie):
    client.cookies["look"] = cookie

    page = client.get("/")

    assert page.status_code == 200 and "<script>alert" not in page.content.decode()
    assert Look.read({"look": cookie}).theme in ("auto", "light", "dark")


def test_a_form_sets_one_mode_and_keeps_the_other(client, cast):
    response = client.post(reverse("display"), {"theme": "dark", "next": "/verify/"})
    assert response.status_code == 302 and response.url == "/verify/"
    assert response.cookies["look"].value == "dark.normal"
    assert response.cookies["look"]["httponly"] and response.cookies["look"]["samesite"] == "Lax"

    assert client.post(reverse("display"), {"size": "big"}).cookies["look"].value == "dark.big"
    assert client.post(reverse("display"), {"theme": "auto", "size": "nonsense"}).cookies["look"].value == "auto.big"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"])
def test_the_form_leads_to_no_other_site(client, target):
    assert client.post(reverse("display"), {"theme": "dark", "next": target}).url == "/"
    assert target not in client.get(reverse("display"), {"next": target}).content.decode()


def test_the_language_is_kept_and_only_known_ones_are_taken(client, cast):
    client.post(reverse("display"), {"language": "en"})
    assert '<html lang="en"' in client.get("/").content.decode()

    assert "django_language" not in client.post(reverse("display"), {"language": "xx"}).cookies


def test_modes_are_set_only_by_our_own_forms():
    strict = Client(enforce_csrf_checks=True)

    assert strict.post(reverse("display"), {"theme": "dark"}).status_code == 403


# ---- menu ----------------------------------------------------------------------------------

MENUS = {
    "learner": set(),
    "liaison": {"dashboard", "records", "records_units"},
    "own_leader": {"dashboard", "records", "records_units"},
    "hr": {"dashboard", "records", "records_units", "person_list"},
    "auditor": {"dashboard", "records", "records_units", "audit_readings"},
    "admin": {"person_list", "wagtailadmin_home", "audit_accounts"},
    "trainer": {"wagtailadmin_home"},
    "reviewer": {"wagtailadmin_home"},
}
MANAGING = {"dashboard", "records", "records_units", "person_list", "wagtailadmin_home", "audit_readings", "audit_accounts"}


@pytest.mark.parametrize("who", MENUS)
def test_the_menu_shows_what_the_roles_open_and_nothing_else(sign_in, cast, who):
    html = sign_in(getattr(cast, who)).get(reverse("display")).content.decode()
    nav = html[html.index('class="site-nav"') : html.index("</nav>", html.index('class="site-nav"'))]

    for name in ("my_learning", "course_list", "my_certificates"):
        assert f'href="{reverse(name)}"' in nav
    assert {name for name in MANAGING if f'href="{reverse(name)}"' in nav} == MENUS[who]


@pytest.mark.parametrize("who", MENUS)
def test_every_entry_of_the_menu_opens(sign_in, cast, who):
    client = sign_in(getattr(cast, who))
    if MENUS[who] & {"wagtailadmin_home"}:
        from courses.services import catalogues

        catalogues.open_catalogue(county=cast.county)

    for name in MENUS[who]:
        assert client.get(reverse(name)).status_code == 200, name


def test_one_entry_is_current_the_nearest_one(sign_in, cast):
    html = sign_in(cast.hr).get(reverse("records_units")).content.decode()
    nav = html[html.index('class="site-nav"') : html.index("</nav>", html.index('class="site-nav"'))]

    assert nav.count("aria-current") == 1
    assert f'href="{reverse("records_units")}" aria-current="page"' in nav


def test_the_menu_costs_one_query(sign_in, cast, django_assert_num_queries):
    client = sign_in(cast.hr)
    client.get(reverse("display"))

    with django_assert_num_queries(3):  # session, person, role grants
        client.get(reverse("display"))


def test_signing_out_is_a_form(sign_in, cast):
    html = sign_in(cast.learner).get(reverse("display")).content.decode()

    assert f'<form method="post" action="{reverse("account_logout")}">' in html


# ---- the public frame ----------------------------------------------------------------------


def test_the_public_frame_reads_neither_session_nor_person_nor_token(odd_urls, sign_in, cast, django_assert_num_queries):
    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(f"the public frame asked for {name}")

    request = RequestFactory().get("/public/")
    request.session = request.user = Untouchable()

    html = render_to_string("base_public.html", request=request)

    assert "csrfmiddlewaretoken" not in html and "site-footer" in html
    with django_assert_num_queries(0):
        response = Client().get("/public/")
    assert response.status_code == 200 and not response.cookies


def test_the_demo_says_that_it_is_one(client, cast, settings):
    assert "demo-banner" not in client.get("/").content.decode()
    settings.DEMO = True
    assert "demo-banner" in client.get("/").content.decode()


# ---- error pages ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address, status, words",
    [
        ("/forbidden/", 403, "没有查看此页的权限"),
        ("/nothing-here/", 404, "没有找到这个页面"),
        ("/odd/", 400, "无法识别这次请求"),
        ("/refused/", 409, "这门课程已经截止报名。"),
    ],
)
@pytest.mark.parametrize("who", [None, "learner", "hr"])
def test_an_error_says_what_happened_and_the_way_on(odd_urls, client, sign_in, cast, who, address, status, words):
    if who:
        sign_in(getattr(cast, who))

    page = client.get(address)

    assert page.status_code == status
    text = page.content.decode()
    assert words in text and 'href="/"' in text


def test_a_stale_form_says_that_nothing_was_changed(cast):
    page = Client(enforce_csrf_checks=True).post(reverse("display"), {"theme": "dark"})

    assert page.status_code == 403 and "没有任何改动" in page.content.decode()


def test_a_crash_shows_a_page_that_needs_nothing(odd_urls, cast, django_assert_num_queries):
    client = Client(raise_request_exception=False)

    with django_assert_num_queries(0):
        page = client.get("/boom/")

    text = page.content.decode()
    assert page.status_code == 500 and "系统出了点问题" in text and "broken" not in text
    for name in re.findall(r'href="/static/([^"]+)"', text):
        assert finders.find(name)


def test_the_page_for_too_many_tries_tells_to_wait(cast):
    assert "十分钟" in render_to_string("429.html", request=RequestFactory().get("/"))


def test_who_was_signed_out_when_a_button_was_pressed_is_told_to_press_it_again(client, cast):
    address = reverse("marking_next")
    assert client.post(address)["Location"].endswith(f"?next={address}")
    client.force_login(cast.trainer)

    page = client.get(address)

    assert page.status_code == 405 and page["Allow"] == "POST" and "再按一次按钮" in page.text


# ---- includes ------------------------------------------------------------------------------


def test_a_refused_form_lists_its_errors_and_ties_them_to_their_fields():
    from django import forms

    class Sample(forms.Form):
        name = forms.CharField(label="姓名", help_text="与花名册一致")
        kind = forms.ChoiceField(label="类型", choices=[("a", "甲"), ("b", "乙")], widget=forms.RadioSelect)
        agreed = forms.BooleanField(label="同意")
        note = forms.CharField(label="备注", required=False, widget=forms.Textarea)
        unit = forms.ChoiceField(label="单位", choices=[("1", "教育局")])
        file = forms.FileField(label="文件", required=False)
        key = forms.CharField(widget=forms.HiddenInput)

    html = render_to_string("includes/form.html", {"form": Sample({"name": "", "note": "留着<b>"}), "refusal": Refused("名额已满。")})

    assert 'role="alert"' in html and "名额已满。" in html
    assert '<a href="#id_name">姓名</a>' in html
    assert 'aria-invalid="true"' in html and 'id="id_name_error"' in html
    assert re.search(r'<input[^>]*name="name"[^>]*aria-describedby="[^"]*id_name_helptext', html)
    for label in ("姓名", "备注", "单位", "文件"):
        assert re.search(rf'<label class="form-label" for="id_\w+">{label}', html), label
    assert "<fieldset" in html and "<legend>类型" in html
    assert "留着&lt;b&gt;" in html
    assert 'class="form-select is-invalid"' in html or "form-select" in html


def test_pages_keep_the_other_parameters():
    from django.core.paginator import Paginator

    request = RequestFactory().get("/records/?q=张&page=2")
    html = render_to_string("includes/pagination.html", {"page": Paginator(range(100), 10).get_page(2)}, request=request)

    assert "page=3" in html and "page=1" in html and html.count("q=%E5%BC%A0") == 2 and "第 2 页，共 10 页" in html
    assert "<nav" not in render_to_string("includes/pagination.html", {"page": Paginator(range(5), 10).get_page(1)}, request=request)


@pytest.mark.parametrize("value, whole, expected", [(0, 0, 0), (1, 3, 33), (3, 3, 100), (999, 1000, 99), (7, 5, 100), (-1, 5, 0)])
def test_a_share_is_whole_and_never_rounded_up_to_done(value, whole, expected):
    from core.templatetags.look import percent_of

    assert percent_of(value, whole) == expected


@pytest.mark.parametrize(
    "value, words", [("7.50", "7.5"), ("10.00", "10"), ("0.25", "0.25"), ("0.00", "0"), ("100", "100"), ("-1.50", "-1.5"), (None, "")]
)
def test_hours_carry_no_idle_zeros(value, words):
    from decimal import Decimal

    from core.templatetags.look import figure

    assert figure(Decimal(value) if value else value) == words


def test_what_is_found_is_marked_and_escaped():
    from core.templatetags.look import highlight

    assert highlight("安全生产<b>", ["安全", "全生"]) == "<mark>安全生</mark>产&lt;b&gt;"
    assert highlight("ＧＢ／Ｔ 1.1", ["gb"]) == "<mark>ＧＢ</mark>／Ｔ 1.1"
    assert highlight("甲", []) == "甲"


@pytest.mark.parametrize(("language", "name"), [("en", "Menu of 张小明"), ("zh-hans", "个人菜单 张小明")])
def test_the_menu_of_the_account_is_called_by_words_with_a_blank(cast, sign_in, language, name):
    visitor = sign_in(cast.learner)
    visitor.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    summary = re.search(r"<summary>.*?</summary>", visitor.get(reverse("my_account")).text, re.S).group()
    assert re.sub(r"\s+", " ", strip_tags(summary)).strip() == name
