"""Every page, as those who come to it, on a phone and on a desk: axe finds nothing, nothing is cut or left in English."""

import re
import time
from functools import cache, partial
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.urls import URLResolver, get_resolver, reverse

from core.errors import Refused
from tests.cast import PASSWORD
from tests.chromium import DESK, PHONE
from tests.remembered import remembered

STAYS_TRUE = 240  # seconds: what is under way in this world runs out
TEMPLATES = Path(__file__).parents[2] / "templates"

# Who looks at what. "name:key" is reversed with what tests.counties knows by that key; "?…" is a query,
# "=404" the status that is expected. What begins with "/" is an address that no page has.
WALK = {
    "visitor": [
        "home",
        "account_login",
        "activate",
        "forgotten_password",
        "account_inactive",
        "display",
        "verify",
        "shared_certificate:shared",
        "/certificates/shared/nobody-made-this/=404",
        "ledger",
        "verify_number:certificate",
        "verify_number:never_issued=404",
        "verify_number:certificate?on=2020-01-01",
        "verify_number:certificate?on=2998-01-01",
        "/verify/YAZWGK-01-2026-532325-99999-0/=422",
        "/nothing-here/=404",
    ],
    "learner": [
        "my_learning",
        "course_list",
        "course_list?q=没有这门课",
        "course:under_way",
        "course:done",
        "course:before",
        "course:barred",
        "lesson:lesson",
        "lesson:illustrated",
        "quiz:quiz",
        "attempt:running",
        "attempt_submit:running",
        "attempt_result:failed",
        "my_certificates",
        "certificate:certificate",
        "certificate_ladder",
        "certificate:suspended",
        "my_file",
        "my_claims",
        "leaves:learner",
        "hours_known:learner",
        "hours_known:learner?known_at=2020-01-01",
        "claim_new",
        "claim:claim",
        "claim:claim_refused",
        "claim:claim_once=404",
        "claim_list=403",
        "indicator_list",
        "indicator_version:general",
        "indicator_next:general=403",
        "unit_line:line",
        "unit_line:line?figure=在册人数",
        "periods",
        "period:frozen_period",
        "period_publicity:frozen_period",
        "appeals:frozen_period",
        "appeal_new:appeals_period",
        "appeal:appeal",
        "my_reminders",
        "search",
        "search?q=公开",
        "search?q=没有这个词",
        "my_account",
        "display",
        "account_change_password",
        "account_reauthenticate",
        "account_logout",
        "usersessions_list",
        "mfa_index",
        "mfa_activate_totp",
        "records=403",
        "/nothing-here/=404",
        "practice:done",  # whose bank is empty
        "practice:under_way=409",  # while its quiz is open
        "sittings",
        "sitting:now",
        "sitting:coming",
        "sitting:held",
        "attempt:sitting_it",
        "attempt_submit:sitting_it",
        "attempt_back:sitting_it",
        "attempt_slip:sat",
        "attempt_result:sat",
    ],
    "colleague": ["sitting:now", "attempt_slip:handed_in"],
    "other_hr": ["api_access", "webhook_list"],  # where nothing is yet
    "stranger": [
        "download_list",
        "my_learning",
        "course_list",
        "my_certificates",
        "my_file",
        "my_claims",
        "sittings",
    ],  # where nothing is yet
    "liaison": [
        "my_learning",
        "my_claims",
        "claim:claim_filed",
        "my_certificates",
        "certificate:running_out",
        "dashboard",
        "records",
        "records_units",
        "county_picture",
        "records_unit:bureau",
        "sittings",
        "sitting_watch:now",
        "sitting_watch:now?state=absent",
        "sitting_watch:held",
        "sitting_time:now",
        "sitting_slip:now",
        "watch_one:silent",
        "attempt_time:silent",
        "attempt_on_paper:silent",
        "attempt_on_paper:ended",
        "attempt_on_paper:brought",
        "watch_one:brought",
    ],
    "trainer": [
        "ladder_people",
        "ladder_person:compiler_of_learner",
        "practice:under_way",
        "exam_list",
        "paper_list:exam",
        "paper_list:written_exam",
        "paper:paper",
        "marking",
        "marking_task:essay",
        "remark_list",
        "remark_new:question",
        "remark:proposed",
        "quiz_analysis:exam",
        "quiz_analysis:written_exam",
        "sitting_analysis:held",
    ],
    "reviewer": [
        "my_learning",
        "course_list",
        "course:before",
        "my_account",
        "exam_list",
        "paper:paper",
        "remark:proposed",
        "remark:marked_again",
    ],
    "own_leader": [
        "my_learning",
        "dashboard",
        "my_reminders",
        "reminder:reminder",
        "records",
        "records_units",
        "person_list",
        "attempt_result:failed=404",
        "certificate:certificate",
    ],
    "hr": [
        "dashboard",
        "records",
        "records?q=没有这个人",
        "records_units",
        "claim_list",
        "claim_list?show=all",
        "claim:claim",
        "claim:claim_once",
        "claim:claim_filed",
        "indicator_list",
        "indicator_version:own_version",
        "indicator_next:own_version",
        "indicator_dry_run:own_version",
        "period_figures:period",
        "unit_line:line",
        "unit_line:line?figure=完成必修人数",
        "periods",
        "period_new",
        "period:frozen_period",
        "period:appeals_period",
        "period:appeals_period?compare=1",
        "period_preview:period",
        "period_publicity:appeals_period",
        "period_chain:frozen_period",
        "period_chain:frozen_period?show=open",
        "period_chain:appeals_period?prepare=1",
        "appeals:appeals_period",
        "appeal_new:appeals_period?for=YA10001",
        "appeal_new:appeals_period?for=nobody",
        "appeal:appeal",
        "reminder:reminder",
        "api_access",
        "api_access?show=all",
        "token_new",
        "token_revoke:key",
        "webhook_list",
        "webhook_new",
        "webhook:hook",
        "webhook:given_up",
        "webhook_act:stop_hook",
        "webhook_act:close_hook",
        "webhook_act:rotate_hook",
        "county_picture",
        "county_picture?sort=did&dir=best",
        "years_picture",
        "picture_file:units_picture",
        "hand_over_desk:results",
        "hand_over_give:to_give",
        "hand_over:given",
        "hand_over:given?show=all",
        "refusal:turned_down",
        "supplement:late",
        "records_unit:bureau",
        "export:records",
        "export:ledger",
        "export:claims",
        "export:people=422",
        "export:reminders=422",
        "download_list",
        "download:download",
        "reverse_completion:completion",
        "learning_file:learner",
        "attempt_result:failed",
        "correct_hours:learner",
        "claim_for:learner",
        "certificates_issued",
        "certificates_issued?q=没有这张证",
        "certificates_running_out",
        "certificates_running_out?q=没有这张证",
        "ladder_people",
        "ladder_person:compiler_of_learner",
        "ladder_conditions:compiler",
        "certificates_issued?state=suspended",
        "certificate:certificate",
        "certificate:suspended",
        "certificate:replaced",
        "certificate_suspend:certificate",
        "certificate_restore:suspended",
        "certificate_revoke:certificate",
        "certificate_batches",
        "certificate_batch:batch",
        "certificate_replace:certificate",
        "certificate_proposals",
        "certificate_proposals?decided",
        "certificate_proposal:to_revoke",
        "certificate_proposal:to_replace",
        "certificate_proposal:decided",
        "person_list",
        "person_list?q=没有这个人",
        "person:learner",
        "leaves:learner",
        "hours_known:learner",
        "leave_correct:leave",
        "leave_take_back:leave",
        "activation_codes",
        "roster_import",
        "unit_list",
        "unit_history:county",
        "unit_close:bureau",
        "unit_close:empty_unit",
        "person_attempts:learner",
        "sittings_manage",
        "sitting_new",
        "sitting_manage:now",
        "sitting_manage:draft",
        "sitting_manage:held",
        "sitting_edit:now",
        "sitting_edit:draft",
        "sitting_candidates:now",
        "sitting_candidates:now?q=没有这个人",
        "sitting_candidates:draft",
        "sitting_candidates:held",
        "sitting_marks:on_paper",
        "sitting_marks:entered",
        "marks_correct:entered",
        "marks_agree:held",
        "candidates_add:now",
        "sitting_rooms:now",
        "sitting_rooms:draft",
        "sitting_invigilators:now?q=讲",
        "sitting_invigilators:draft?q=没有这个人",
        "sitting_allowances:held",
        "sitting_allowances:now?q=云",
        "sitting_analysis:held",
        "sitting_analysis:now",
        "remark:proposed",
        "remark:marked_again",
    ],
    "auditor": [
        "my_learning",
        "dashboard",
        "records",
        "records_units",
        "records_unit:bureau",
        "person_list",
        "person:learner",
        "learning_file:learner",
        "certificates_issued",
        "hand_over_desk:results",
        "hand_over:given",
        "refusal:turned_down",
        "api_access",
        "webhook_list",
        "webhook:given_up",
        "audit_readings",
        "audit_readings?reader=没有这个人",
        "audit_roles",
        "audit_units",
        "audit_units?since=2031-01-01",
        "audit_accounts",
    ],
    "admin": [
        "audit_accounts",
        "my_learning",
        "course_list",
        "unit_list",
        "activation_codes",
        "roster_import",
        "person_list",
        "person:learner",
        "my_account",
        "system",
    ],
}
# The pages that are looked at in the dark and in big letters too.
MAIN = {
    "visitor": ["home", "account_login", "verify_number:certificate", "ledger"],
    "learner": [
        "my_learning",
        "course_list",
        "course:under_way",
        "lesson:lesson",
        "attempt:running",
        "attempt_result:failed",
        "my_certificates",
        "my_file",
        "sitting:coming",
        "attempt_slip:sat",
    ],
    "liaison": ["sitting_watch:now"],
    "trainer": ["marking_task:essay"],
    "hr": [
        "dashboard",
        "records",
        "records_units",
        "person:learner",
        "certificate:suspended",
        "certificate_revoke:certificate",
        "certificate_proposal:to_replace",
        "sitting_manage:now",
        "sitting_candidates:now",
        "sitting_analysis:held",
        "remark:proposed",
    ],
}
# The pages of who learns, that are looked at in English too.
IN_ENGLISH = {
    "visitor": MAIN["visitor"],
    "learner": [
        *MAIN["learner"],
        "course:before",
        "quiz:quiz",
        "certificate:certificate",
        "sittings",
        "my_claims",
        "my_account",
        "display",
    ],
}
MODES = {
    "360": (PHONE, "light.normal", WALK),
    "1280": (DESK, "light.normal", WALK),
    "360-big": (PHONE, "light.big", MAIN),
    "360-dark-big": (PHONE, "dark.big", MAIN),
    "1280-dark": (DESK, "dark.normal", MAIN),
    "360-en": (PHONE, "light.normal", IN_ENGLISH),
}
# Reached by the tests below, through a form or with a second factor.
BY_STEPS = {
    "attempt_ratings",
    "rating_correct",
    "roster_plan",
    "roster_result",
    "candidates_put",
    "mfa_authenticate",
    "mfa_reauthenticate",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "verify_file",  # tests/browser/test_checking.py
    "verify_pass",
}
NOT_PAGES = {
    # for programs
    "healthz", "readyz", "issuer_document", "status_list", "verify_json", "ledger_latest", "ledger_root", "ledger_program", "openapi-json", "api-root", "verify_file_json", "certificate_held", "replies",
    "list_completions", "list_certificates", "list_hours", "list_people", "list_units", "list_courses", "list_periods", "list_unit_results", "list_person_results", "list_hand_overs", "list_handed_rows", "list_higher_certificates",
    "get_completion", "get_certificate", "get_entry_of_hours", "get_person", "get_unit", "get_course", "get_period",
    "attempt_answer", "attempt_presence", "lesson_place", "sitting_door",
    # files
    "claim_evidence", "appeal_evidence", "period_package", "document", "wagtaildocs_serve", "picture", "certificate_pdf", "certificate_image", "certificate_badge", "shared_certificate_file", "certificate_batch_file", "certificate_proof", "roster_refused", "certificates_running_out_csv",
    "hand_over_package", "hand_over_rows", "unit_hours_known_csv", "unit_hours_known_xlsx",
    "my_archive_pdf", "my_archive_json", "archive_pdf", "archive_json",
    "mfa_download_recovery_codes", "candidates_export", "sitting_sheets", "paper_file", "quiz_analysis_file", "sitting_analysis_file", "bank_image",
    # only answer to a form, and lead to a page
    "course_enrol", "lesson_finish", "grant_role", "withdraw_role", "change_sign_in", "unit_reopen", "sitting_act", "certificate_batch_cancel", "marking_next",
    "certificate_share", "certificate_unshare", "marks_decide", "rating_decide", "remind", "hand_over_take_back", "supplement_make",
    "download_file",
    "download_cancel",
    "webhook_replay", "webhook_tell_again",
    # doors of allauth and Wagtail that lead to a page of ours or to none
    "account_signup", "account_email", "account_email_verification_sent", "account_confirm_email", "account_set_password",
    "account_reset_password", "account_reset_password_done", "account_reset_password_from_key", "account_reset_password_from_key_done",
    "account_confirm_login_code", "wagtailcore_login", "wagtaildocs_authenticate_with_password",
}  # fmt: skip

# Text that a reader sees or hears, outside of what says that it is in another language: two words of which the second begins small.
ENGLISH = """() => {
  const sentence = /[A-Za-z]{2,}[,']? [a-z]{2,}/, found = [];
  const ours = (element) => element && !element.closest("[lang=en], script, noscript, style, code, [hidden]");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (sentence.test(walker.currentNode.data) && ours(walker.currentNode.parentElement)) found.push(walker.currentNode.data.trim());
  for (const element of document.querySelectorAll("[aria-label], [placeholder], [title], [alt]"))
    for (const name of ["aria-label", "placeholder", "title", "alt"])
      if (sentence.test(element.getAttribute(name) || "") && ours(element)) found.push(element.getAttribute(name));
  if (sentence.test(document.title)) found.push(document.title);
  return found;
}"""
# What our own catalogue says in Chinese: on a page in English nothing that is seen or heard says it. Names and courses stay as they are.
CHINESE = """said => {
  const known = new Set(said), found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (known.has(walker.currentNode.data.trim()) && !walker.currentNode.parentElement.closest("[lang|=zh], script")) found.push(walker.currentNode.data.trim());
  for (const element of document.querySelectorAll("[aria-label], [placeholder], [title], [alt]"))
    for (const name of ["aria-label", "placeholder", "title", "alt"])
      if (known.has((element.getAttribute(name) || "").trim())) found.push(element.getAttribute(name));
  return found;
}"""
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}


def faults(page, what: str) -> list[str]:
    """What axe finds once everything stands still, whether the page is wider than the screen, and what is left in the other language."""
    page.wait_for_function(
        "document.getAnimations().every(one => one.playState !== 'running' || one.effect.getTiming().iterations === Infinity)"
    )
    page.evaluate(axe_script())
    found = page.evaluate("options => axe.run(options).then(results => results.violations)", AXE)
    lines = [f"{v['id']} {v['nodes'][0]['html'][:160]} {v['nodes'][0]['failureSummary'][:160]}" for v in found]
    wide = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    if wide > 0:
        lines.append(f"{wide}px wider than the screen")
    if page.evaluate("document.documentElement.lang") == "en":
        lines += [f"in Chinese: {text}" for text in page.evaluate(CHINESE, said_in_chinese())]
    else:
        lines += [f"in English: {text}" for text in page.evaluate(ENGLISH)]
    return [f"{what}: {line}" for line in lines]


def follow(target) -> None:
    """Clicks and waits for the page that comes: a click returns before it, and axe would look at a page that is being left."""
    with target.page.expect_navigation():
        target.click()


@cache
def axe_script() -> str:
    from axe_playwright_python.sync_playwright import Axe

    return Axe().axe_script


@cache
def said_in_chinese() -> list[str]:
    """Every sentence and label of ours in Chinese, but for what a question has as an option."""
    with (TEMPLATES.parent / "locale/zh_Hans/LC_MESSAGES/django.mo").open("rb") as file:
        kept = GNUTranslations(file)._catalog
    return sorted({text for said, text in kept.items() if said and re.search(r"[\u4e00-\u9fff]", text)} - {"登记"})


def address_of(entry: str, keys: dict[str, tuple]) -> tuple[str, int]:
    """The address of an entry of WALK and the status that its page has."""
    entry, _equals, status = entry.partition("=") if "?" not in entry else (entry, "", "")
    entry, mark, query = entry.partition("?")
    name, _colon, key = entry.partition(":")
    path = name if name.startswith("/") else reverse(name, args=keys[key] if key else ())
    return path + mark + query, int(status or 200)


def walk(page, base: str, entries: list[str], keys: dict[str, tuple]) -> list[str]:
    lines = []
    for entry in entries:
        path, status = address_of(entry, keys)
        response = page.goto(base + path)
        if response.status != status:
            lines.append(f"{entry}: {response.status}")
        elif page.url.partition("#")[0] != base + path and "%" not in page.url:
            lines.append(f"{entry}: led to {page.url}")
        else:
            lines += faults(page, entry)
    return lines


@pytest.fixture
def keys(cast, signing_keys):
    """A course in progress, a completion with its certificate, an attempt under way and one that is over; exams in every state."""
    return world(cast, int(time.time() / STAYS_TRUE))


@remembered(after=0)
def world(cast, _stretch: int) -> dict[str, tuple]:
    from tests.counties import courses_at_every_door, exams_in_full_swing, in_full_swing

    return in_full_swing(cast) | exams_in_full_swing(cast) | courses_at_every_door(cast)


@pytest.fixture
def desk_of(cast, open_page, enter):
    """`desk_of("hr", PHONE)`: the page of somebody of the cast, signed in; of "visitor": nobody."""

    def opened(who, viewport, look="light.normal", **options):
        page = open_page(viewport, **options)
        page.context.add_cookies([{"name": "look", "value": look, "url": "http://localhost"}])
        return page if who == "visitor" else enter(page, getattr(cast, who))

    return opened


def names_of(patterns) -> set[str]:
    """The names of all addresses below these patterns, the Wagtail admin's left out."""
    found = set()
    for pattern in patterns:
        if not isinstance(pattern, URLResolver):
            found.add(pattern.name)
        elif str(pattern.pattern) != "admin/":
            found |= names_of(pattern.url_patterns)
    return found - {None}


def test_every_address_is_walked_or_is_no_page():
    walked = {entry.partition("?")[0].partition("=")[0].partition(":")[0] for entries in WALK.values() for entry in entries}
    walked = {name for name in walked if not name.startswith("/")} | BY_STEPS
    known = names_of(get_resolver().url_patterns)

    assert known - walked - NOT_PAGES == set(), "put them into WALK, or say in NOT_PAGES that they are none"
    assert walked - known == set()
    assert NOT_PAGES - known == set()
    assert walked & NOT_PAGES == set()
    assert [entry for who in MAIN for entry in MAIN[who] if entry not in WALK[who]] == []


def in_a_browser(test):
    for mark in (pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)):
        test = mark(test)
    return test


both_widths = pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["360", "1280"])


@in_a_browser
@pytest.mark.parametrize(("mode", "who"), [(mode, who) for mode, (_viewport, _look, pages) in MODES.items() for who in pages])
def test_axe_finds_nothing_on_any_page(mode, who, keys, desk_of, live_server):
    viewport, look, pages = MODES[mode]
    page = desk_of(who, viewport, look)
    if mode.endswith("-en"):
        page.context.add_cookies([{"name": "django_language", "value": "en", "url": "http://localhost"}])
    found = walk(page, live_server.url, pages[who], keys)
    assert not mode.endswith("-en") or page.evaluate("document.documentElement.lang") == "en"
    assert not found, "\n".join(found)


# What is kept on paper, and what must stand there. Records lie across.
PRINTED = {
    "my_file": ("learner", ["张小明", "YA10001", "学时", "已完成"]),
    "learning_file:learner": ("hr", ["张小明", "YA10001", "学时", "已完成"]),
    "records": ("hr", ["张小明", "学时"]),
    "records_units": ("hr", ["应训人数"]),
    "records_unit:bureau": ("own_leader", ["张小明"]),
    "period_publicity:frozen_period": ("hr", ["姚安县"]),
    "certificates_issued": ("hr", ["YAZWGK-01"]),
    "certificate:certificate": ("learner", ["张小明", "YAZWGK-01"]),
    "attempt_result:failed": ("learner", ["分"]),
    "lesson:lesson": ("learner", ["第"]),
    "sitting_candidates:now": ("hr", ["张小明"]),
}
A4 = {"upright": {"width": 672, "height": 980}, "across": {"width": 1001, "height": 657}}  # between the margins of @page, in CSS pixels
ON_PAPER = r"""() => {
  const found = [], main = document.querySelector("main"), width = document.documentElement.clientWidth;
  const said = (element) => element.outerHTML.slice(0, 120);
  for (const one of document.querySelectorAll("nav, header.site-header, footer.site-footer, .tabbar, .crumbs, .btn, button, .filters"))
    if (one.checkVisibility()) found.push("no use on paper: " + said(one));
  for (const one of main.querySelectorAll("*")) {
    if (!one.checkVisibility() || one.closest(".visually-hidden, svg, math")) continue;
    const box = one.getBoundingClientRect(), style = getComputedStyle(one);
    if (box.width > 2 && box.right > width + 1) found.push("beyond the paper: " + said(one));
    if (style.overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1 && one.clientWidth) found.push("cut off: " + said(one));
    const [red, green, blue] = style.color.match(/[\d.]+/g).map(Number);
    const speaks = [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (speaks && 0.3 * red + 0.6 * green + 0.1 * blue > 150) found.push("too pale for paper: " + said(one));
  }
  return found;
}"""


def faults_on_paper(page, paper: str = "upright") -> list[str]:
    page.emulate_media(media="print")
    page.set_viewport_size(A4[paper])
    return page.evaluate(ON_PAPER)


@in_a_browser
@pytest.mark.parametrize("entry", PRINTED)
def test_what_is_printed_has_all_of_it_and_nothing_that_only_a_screen_needs(entry, keys, desk_of, live_server):
    who, words = PRINTED[entry]
    page = desk_of(who, DESK, "dark.big")
    page.goto(live_server.url + address_of(entry, keys)[0])
    is_wide = page.evaluate("document.body.classList.contains('wide-paper')")
    found = faults_on_paper(page, "across" if is_wide else "upright")

    assert not found, "\n".join(found)
    assert [word for word in words if word not in page.inner_text("main")] == []
    assert page.inner_text("h1").strip()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@in_a_browser
@both_widths
def test_the_pages_of_a_roster_from_the_file_to_the_codes(viewport, cast, desk_of, live_server):
    page = desk_of("hr", viewport)
    rows = f"工号,姓名,单位,任现职时间\nYA90001,王新来,{cast.bureau.name},2026-03-01\nYA90002,,{cast.bureau.name},2026-03-01\n"
    page.goto(live_server.url + reverse("roster_import"))
    page.set_input_files("input[type=file]", {"name": "花名册.csv", "mimeType": "text/csv", "buffer": rows.encode()})
    follow(page.get_by_role("button", name="查看导入计划"))
    found = faults(page, "plan")
    assert "王新来" in page.text_content("main")
    page.check("input[name=skip]")
    page.get_by_role("button", name="执行").click()
    page.wait_for_url("**/result/")
    found += faults(page, "result")
    page.goto(f"{live_server.url}{reverse('activation_codes')}?unit={cast.bureau.code}")
    found += faults(page, "codes")
    page.get_by_role("button", name="生成并显示发放单").click()
    page.get_by_role("cell", name="YA90001").wait_for()
    found += faults(page, "sheet of codes") + faults_on_paper(page)
    assert not found, "\n".join(found)


@in_a_browser
@both_widths
def test_the_pages_that_show_a_key_and_a_secret_once(viewport, cast, keys, desk_of, live_server):
    page = desk_of("hr", viewport)
    page.goto(live_server.url + reverse("token_new"))
    page.get_by_role("button", name="生成密钥").click()
    page.locator(".error-summary").wait_for()
    found = faults(page, "what a key lacks")
    page.fill("input[name=name]", "县考评系统（虚构）")
    page.check("input[name=scopes][value=completions]")
    page.get_by_role("button", name="生成密钥").click()
    page.locator("#once").wait_for()
    assert page.input_value("#once").startswith("gzk_")
    found += faults(page, "the key")
    page.goto(live_server.url + address_of("webhook_act:rotate_hook", keys)[0])
    page.get_by_role("button", name="生成新密钥").click()
    page.locator("#once").wait_for()
    assert page.input_value("#once").startswith("whsec_")
    found += faults(page, "the secret")
    assert not found, "\n".join(found)


@in_a_browser
@both_widths
def test_the_pages_of_a_list_of_candidates_from_the_paste_to_the_room(viewport, cast, keys, desk_of, live_server):
    page = desk_of("hr", viewport)
    page.goto(live_server.url + address_of("candidates_add:draft", keys)[0])
    page.fill("textarea[name=list-text]", "YA10001 三号考场 01\nYA10002 三号考场 02\nYA99999 三号考场 03")
    follow(page.locator("section:has(#h-list) button"))
    found = faults(page, "plan")
    page.get_by_role("button", name="写入名单").click()
    page.wait_for_url("**/put/")
    found += faults(page, "plan that was refused")
    page.check("input[name=skip]")
    page.get_by_role("button", name="写入名单").click()
    page.wait_for_url("**/candidates/")
    follow(page.locator("tr", has_text=cast.learner.name).get_by_role("link"))
    found += faults(page, "allowance")
    page.goto(live_server.url + address_of("sitting_rooms:draft", keys)[0])
    found += faults(page, "rooms")
    assert "三号考场" in page.text_content("main")
    assert not found, "\n".join(found)


@in_a_browser
@both_widths
def test_the_pages_behind_the_forms_of_practice_and_of_the_watch(viewport, keys, desk_of, live_server):
    page = desk_of("trainer", viewport)
    page.goto(live_server.url + address_of("practice:under_way", keys)[0])
    page.click("main form .btn-primary")
    page.get_by_role("link", name="下一题").wait_for()
    found = faults(page, "feedback")
    candidate = desk_of("colleague", viewport)
    candidate.goto(live_server.url + address_of("attempt_slip:handed_in", keys)[0])
    code = candidate.inner_text(".quiz-slip-code").split()[-1]
    page = desk_of("liaison", viewport)
    for typed, word in [(code, "有效"), ("123-AAAA-BBBB-CCCC", "没有"), ("", "请先")]:
        page.goto(live_server.url + address_of("sitting_slip:now", keys)[0])
        page.fill("#code", typed)
        page.click("main form button")
        page.locator("[role=status] .callout").wait_for()
        assert word in page.inner_text("[role=status]")
        found += faults(page, f"slip {typed}")
    assert not found, "\n".join(found)


@in_a_browser
@both_widths
def test_the_pages_of_what_markers_gave_and_of_its_correction(viewport, cast, desk_of, live_server):
    from tests.counties import marked_essay

    task = marked_essay(cast)
    page = desk_of("hr", viewport)
    result = live_server.url + reverse("attempt_result", args=[task.submission.attempt_id])
    page.goto(result)
    found = faults(page, "result of an essay")
    follow(page.get_by_role("link", name="各评卷人评分"))
    found += faults(page, "ratings")
    follow(page.get_by_role("link", name="更正得分"))
    found += faults(page, "correction")
    page.fill("input[name=points-0]", "999")
    page.click("main form .btn-primary")
    page.locator("#errors").wait_for()
    found += faults(page, "a mistake in the correction")
    page.fill("input[name=points-0]", "1")
    page.fill("textarea[name=reason]", "漏看了一段")
    page.click("main form .btn-primary")
    page.locator(".callout.is-warn").wait_for()
    page = desk_of("reviewer", viewport)
    page.goto(live_server.url + reverse("remark_list"))
    found += faults(page, "what waits")
    page.locator(".callout.is-warn a").first.click()
    page.get_by_role("button", name="同意更正").wait_for()
    found += faults(page, "decision")
    page.get_by_role("button", name="同意更正").click()
    page.get_by_text("漏看了一段").first.wait_for()
    found += faults(page, "decided")
    assert not found, "\n".join(found)


# Where nothing is yet: what a new county finds of exams.
NEW_COUNTY = {"trainer": ["exam_list", "marking", "remark_list"], "hr": ["sittings_manage", "sitting_new", "person_attempts:learner"]}


@in_a_browser
@both_widths
def test_empty_pages_of_exams_say_what_to_do_first(viewport, cast, desk_of, live_server):
    for who, entries in NEW_COUNTY.items():
        page = desk_of(who, viewport)
        for entry in entries:
            found = walk(page, live_server.url, [entry], {"learner": (cast.learner.pk,)})
            assert page.locator(".empty").is_visible(), entry
            assert not found, "\n".join(found)


@in_a_browser
@both_widths
def test_the_pages_of_two_step_sign_in(viewport, cast, open_page, enter, live_server):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    TOTP.activate(cast.hr, generate_totp_secret())
    codes = RecoveryCodes.activate(cast.hr)
    page = enter(open_page(viewport), cast.hr)
    assert page.url == live_server.url + reverse("mfa_authenticate")
    found = faults(page, "mfa_authenticate")
    page.fill("input[name=code]", codes.get_unused_codes()[0])
    page.press("input[name=code]", "Enter")
    page.wait_for_url(lambda url: "2fa" not in url)
    page.goto(live_server.url + reverse("mfa_view_recovery_codes"))  # which asks for the password again
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/recovery-codes/")
    for name in ("mfa_index", "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_deactivate_totp", "mfa_reauthenticate"):
        page.goto(live_server.url + reverse(name))
        assert page.url == live_server.url + reverse(name)
        found += faults(page, name)
    assert not found, "\n".join(found)


def answer_with(body: str, route) -> None:
    route.fulfill(body=body, content_type="text/html; charset=utf-8")


@in_a_browser
@both_widths
def test_the_pages_that_say_sorry(viewport, cast, open_page, live_server, rf):
    request = rf.get("/broken/")
    request.user = AnonymousUser()
    page = open_page(viewport)
    names = [path.name for path in TEMPLATES.glob("*.html") if re.match(r"\d{3}|refused|offline", path.name)]
    assert {"400.html", "403.html", "403_csrf.html", "404.html", "405.html", "429.html", "500.html", "refused.html"} <= set(names)
    found = []
    for name in names:
        body = render_to_string(name, {"refusal": Refused("今天不行。", code="no")}, request=request)
        page.route(f"**/{name}/", partial(answer_with, body))
        page.goto(f"{live_server.url}/{name}/")
        found += faults(page, name)
    assert not found, "\n".join(found)


# Who fills in what, wrongly; what stands in the fields after the page came back. Passwords and files never come back.
MISTAKES = {
    "account_login": ("visitor", {"login": "YA10001", "password": "Wrong-2031"}, ["login"]),
    "activate": (
        "visitor",
        {"employee_number": "YA10001", "code": "XXXX", "password1": "a", "password2": "b"},
        ["employee_number", "code"],
    ),
    "account_change_password": ("learner", {"oldpassword": "Wrong-2031", "password1": "a", "password2": "b"}, []),
    "correct_hours:learner": ("hr", {"hours": "999", "reason": "签到表"}, ["hours", "reason"]),
    "claim_for:learner": ("hr", {"title": "州培训", "hours": "7.5", "filing_reason": "产假在家"}, ["title", "hours", "filing_reason"]),
    "reverse_completion:completion": ("hr", {"reason": "查实替学"}, ["reason"]),
    "certificate_revoke:certificate": ("hr", {"reason": "查实替考"}, ["reason"]),
    "certificate_suspend:certificate": ("hr", {"reason": " "}, []),
    "certificate_replace:certificate": ("hr", {"person_name": "", "unit_name": "教体局", "reason": "错字"}, ["unit_name", "reason"]),
    "unit_close:empty_unit": ("hr", {"on": "2999-01-01", "basis": "县委编委文件"}, ["on", "basis"]),
    "records": ("hr", {"since": "2026-12-31", "until": "2026-01-01"}, ["since", "until"]),
    "sitting_new": ("hr", {"title": "补考", "late_entry_minutes": "10"}, ["title", "late_entry_minutes"]),
    "sitting_time:now": ("liaison", {"minutes": "700", "reason": "停电"}, ["minutes", "reason"]),
    "remark_new:question": ("trainer", {"reason": "题干有歧义"}, ["reason"]),
    "marking_task:essay": ("trainer", {"points-0": "9", "points-1": "3", "comment": "写得好"}, ["points-0", "comment"]),
    "roster_import": ("hr", {}, []),
}


@in_a_browser
@pytest.mark.parametrize("entry", MISTAKES)
def test_a_form_says_what_is_wrong_and_keeps_what_was_typed(entry, keys, desk_of, live_server):
    who, typed, kept = MISTAKES[entry]
    page = desk_of(who, PHONE)
    page.goto(live_server.url + address_of(entry, keys)[0])
    page.evaluate("for (const part of document.querySelectorAll('main details, main form')) { part.open = true; part.noValidate = true; }")
    for name, value in typed.items():
        page.fill(f"main [name={name}]", value)
    with page.expect_navigation():
        page.evaluate("document.querySelector('main form .btn').click()")
    summary = page.locator(".error-summary")
    assert summary.is_visible() and summary.locator("li").count() >= 1
    assert {name: page.input_value(f"main [name={name}]") for name in kept} == {name: typed[name] for name in kept}
    found = faults(page, entry)
    assert not found, "\n".join(found)
