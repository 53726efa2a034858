"""A stranger checks certificates: types, scans, drops files, and solves a sum where it is asked for."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from certificates import badge, paper
from certificates.models import StatusEvent
from certificates.verify import limits
from core import clock
from tests.browser.test_every_page import faults
from tests.certificates.conftest import a_completion, certificate, keys, kinds, private
from tests.certificates.paperwork import Keys, appended, written_anew
from tests.chromium import DESK, PHONE

__all__ = ["a_completion", "certificate", "keys", "kinds", "private"]
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
both_widths = pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["360", "1280"])


def a_file(data: bytes, name="证书.pdf", kind="application/pdf") -> dict:
    return {"name": name, "mimeType": kind, "buffer": data}


@both_widths
def test_a_number_is_typed_and_asked_about_on_a_day(viewport, certificate, open_page, live_server):
    page = open_page(viewport)
    page.goto(live_server.url + "/verify/")
    found = faults(page, "form")
    page.fill("#number", certificate.number[:-1] + "0")
    page.press("#number", "Enter")
    page.locator(".check-wrong_check").wait_for()
    page.fill("#number", certificate.number.lower().replace("-", " "))
    page.fill("#on", "2026-07-01")
    page.press("#number", "Enter")
    page.locator("#on-that-day").wait_for()
    assert "张*明" in page.inner_text("main") and "2026-07-01" in page.inner_text("#on-that-day")
    found += faults(page, "result")
    assert not found, "\n".join(found)


FILES = {
    "genuine": lambda c: (a_file(Keys.of_the_site().sign(paper.pdf(c))), "check-tone-good"),
    "appended": lambda c: (a_file(appended(Keys.of_the_site().sign(paper.pdf(c)))), "check-tone-bad"),
    "unsigned": lambda c: (a_file(paper.pdf(c)), "check-tone-warn"),
    "encrypted": lambda c: (a_file(written_anew(paper.pdf(c), password="x")), "check-tone-warn"),
    "badge": lambda c: (a_file(badge.file(c), "badge.json", "application/json"), "check-tone-good"),
    "changed badge": lambda c: (a_file(badge.file(c).replace(b"92.5", b"99.5"), "badge.json", "application/json"), "check-tone-bad"),
}


@both_widths
def test_files_are_chosen_and_the_answer_reads_well(viewport, certificate, open_page, live_server):
    page, found = open_page(viewport), []
    for name, make in FILES.items():
        limits.tally.clear()
        file, tone = make(certificate)
        page.goto(live_server.url + "/verify/")
        page.set_input_files("#file", file)
        page.click("#drop button")
        page.locator(f".{tone}").wait_for()
        if name != "changed badge":  # whose text is shown as it stands in the file
            assert "张小明" not in page.inner_text("main")
        found += faults(page, name)
    assert not found, "\n".join(found)


def test_a_revoked_certificate_with_a_genuine_file_is_not_taken_for_good(certificate, cast, open_page, live_server):
    StatusEvent.objects.create(certificate=certificate, kind="revoked", reason="查实替考", by=cast.hr, at=clock.now() - timedelta(days=1))
    page = open_page(PHONE)
    page.goto(live_server.url + "/verify/")
    page.set_input_files("#file", FILES["genuine"](certificate)[0])
    page.click("#drop button")
    page.locator(".check-tone-warn").wait_for()
    assert "已撤销" in page.inner_text("main") and page.locator(".check-tone-good, .check-valid").count() == 0
    found = faults(page, "revoked")
    page.goto(live_server.url + "/verify/")
    page.set_input_files("#file", FILES["genuine"](certificate)[0])
    page.fill("#file-on", "2026-07-01")
    page.click("#drop button")
    page.locator("#on-that-day").wait_for()
    then = page.inner_text("#on-that-day")
    assert "2026-07-01" in then and "有效" in then and page.locator(".check-tone-good").count() == 0
    found += faults(page, "revoked, and valid on a day")
    assert not found, "\n".join(found)


def test_a_file_is_dropped(certificate, open_page, live_server):
    page = open_page(DESK)
    page.goto(live_server.url + "/verify/")
    assert page.locator("#drop-help").is_visible()
    held = page.evaluate_handle(
        "text => { const held = new DataTransfer(); held.items.add(new File([text], 'badge.json', {type: 'application/json'})); return held; }",
        badge.file(certificate).decode(),
    )
    page.dispatch_event("#drop", "dragover", {"dataTransfer": held})
    assert "is-over" in page.get_attribute("#drop", "class")
    page.dispatch_event("#drop", "drop", {"dataTransfer": held})
    page.locator(".check-tone-good").wait_for()
    assert certificate.number in page.inner_text("main")


def test_a_file_that_is_too_large_or_empty_is_not_sent(open_page, live_server, db):
    page = open_page(PHONE)
    sent = []
    page.on("request", lambda request: sent.append(request.method) if request.method == "POST" else None)
    page.goto(live_server.url + "/verify/")
    for data, word in ((b"x" * (10 * 2**20 + 1), "没有上传"), (b"", "没有任何内容")):
        page.set_input_files("#file", a_file(data))
        page.click("#drop button")
        assert word in page.inner_text("#file-says")
    assert sent == []


A_READER_OF_CODES = """window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["qr_code"]; }
  async detect(picture) { return picture.width > 1 ? [{rawValue: window.code}] : []; }
};"""
A_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001000518d84e0000000049454e44ae426082"
)


def test_a_code_is_photographed_where_the_browser_can_read_one(certificate, open_page, live_server):
    from certificates import picture

    page = open_page(PHONE)
    page.add_init_script(A_READER_OF_CODES)
    page.goto(live_server.url + "/verify/")
    page.locator("#scan").wait_for(state="visible")
    found = faults(page, "scan")
    page.set_input_files("#scan input", a_file(A_PIXEL, "qr.png", "image/png"))
    page.locator("#file-says", has_text="二维码").wait_for()
    photograph = a_file(picture.png(certificate), "qr.png", "image/png")
    page.evaluate("window.code = 'https://elsewhere.example/verify/evil'")
    page.set_input_files("#scan input", photograph)
    page.locator("#file-says", has_text="二维码").wait_for()
    page.evaluate("number => { window.code = 'https://elsewhere.example/verify/' + number + '/' }", certificate.number)
    page.set_input_files("#scan input", photograph)
    page.wait_for_url(re.compile(re.escape(live_server.url + reverse("verify_number", args=[certificate.number]))))
    assert not found, "\n".join(found)


def test_where_the_browser_reads_no_codes_no_button_is_shown(open_page, live_server, db):
    page = open_page(PHONE)
    page.add_init_script("delete window.BarcodeDetector")
    page.goto(live_server.url + "/verify/")
    assert page.locator("#scan").is_hidden()


@both_widths
def test_past_the_limit_the_browser_solves_a_sum_and_goes_on(viewport, certificate, open_page, live_server, settings):
    settings.VERIFY_PER_MINUTE = settings.VERIFY_PER_HOUR = 1
    door = live_server.url + reverse("verify_number", args=[certificate.number])
    page = open_page(viewport)
    page.goto(door)
    assert page.goto(door + "?on=2026-07-01").status == 429
    page.locator("#on-that-day").wait_for()
    assert page.url == door + "?on=2026-07-01"
    assert page.goto(door).status == 200


@both_widths
def test_without_javascript_the_page_says_to_wait_and_the_forms_work(viewport, certificate, open_page, live_server, settings):
    page = open_page(viewport, java_script_enabled=False)
    page.goto(live_server.url + "/verify/")
    page.set_input_files("#file", FILES["badge"](certificate)[0])
    page.click("#drop button")
    page.locator(".check-tone-good").wait_for()
    settings.VERIFY_PER_MINUTE = settings.VERIFY_PER_HOUR = 1  # the minute may turn while the file is checked
    assert page.goto(live_server.url + reverse("verify_number", args=[certificate.number])).status == 429
    assert page.locator("#working").is_hidden() and "JavaScript" in page.inner_text("main")


@both_widths
def test_the_page_of_the_sum_reads_well(viewport, certificate, open_page, live_server, settings):
    settings.VERIFY_PER_MINUTE = settings.VERIFY_PER_HOUR = 1
    page = open_page(viewport)
    page.add_init_script("window.Worker = class { addEventListener() {} postMessage() {} }")  # which never comes to an end
    page.goto(live_server.url + reverse("verify_number", args=[certificate.number]))
    page.goto(live_server.url + reverse("verify_number", args=[certificate.number]))
    page.locator("#working").wait_for(state="visible")
    found = faults(page, "wait")
    assert not found, "\n".join(found)
