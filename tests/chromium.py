"""A real browser (Debian's Chromium) against the product on a local port."""

import os
import shutil
import time

import pytest

# Playwright's loop runs in this thread; the tests' own database calls are plain blocking ones.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}


def until(page, expression: str, argument=None, seconds: float = 15) -> None:
    """Waits until this is true in the page.

    Playwright's own `wait_for_function` asks again by the page's `eval`, which our Content-Security-Policy forbids: it works
    only where nothing has to be waited for.
    """
    from playwright.sync_api import Error

    end = time.monotonic() + seconds
    while True:
        try:
            if page.evaluate(expression, argument):
                return
        except Error as error:  # the page went to another while it was asked
            if "context was destroyed" not in str(error) or time.monotonic() > end:
                raise
        assert time.monotonic() < end, f"never true at {page.url}: {expression}"
        page.wait_for_timeout(50)


def fits(page) -> None:
    """Nothing is wider than the screen. It waits for the page: one that is still on its way has no document to measure."""
    until(page, "document.readyState === 'complete' && document.documentElement.scrollWidth <= innerWidth")


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium on this machine (make test installs it)")
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """`open_page(PHONE)` gives a page of its own visitor; script errors and policy violations fail the test at its end.

    The visitor wants no motion: a smooth scroll lasts as long as a busy machine lets it.
    """
    contexts, complaints = [], []

    def make(viewport=DESK, **options):
        context = browser.new_context(viewport=viewport, locale="zh-CN", accept_downloads=True, reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda message: complaints.append(f"{page.url}: {message.text}") if "Content Security Policy" in message.text else None,
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == [], complaints


@pytest.fixture
def enter(live_server):
    """Sign somebody in as a person does: number and password."""
    from tests.cast import PASSWORD

    def sign_in(page, person, password=PASSWORD):
        page.goto(f"{live_server.url}/accounts/login/")
        page.fill("input[name=login]", person.employee_number)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        return page

    return sign_in
