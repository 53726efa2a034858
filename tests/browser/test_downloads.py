"""HR orders a large export on a phone, waits for it on the page, and fetches the file."""

from pathlib import Path

import pytest
from django.urls import reverse

from evaluation import downloads, tasks
from evaluation.models import Download
from people.models import ReadingOfOthers
from tests.chromium import PHONE, fits
from tests.evaluation import rows

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_an_export_is_ordered_on_a_phone_waited_for_and_fetched(cast, enter, open_page, live_server, monkeypatch, settings, tmp_path):
    settings.PRIVATE_ROOT = str(tmp_path)
    monkeypatch.setattr(downloads, "AT_ONCE", 0)
    monkeypatch.setattr(tasks.write_download, "delay", lambda pk: None)
    rows.policy()
    rows.complete(cast.learner, rows.course(cast.county, "P01", title="政务公开基础"))
    page = enter(open_page(PHONE), cast.hr)
    page.goto(live_server.url + reverse("export", args=["records"]))
    fits(page)

    page.get_by_role("button", name="生成文件").click()  # without a purpose nothing leaves
    page.locator(".error-summary").wait_for()
    page.select_option("select[name=purpose]", "evaluation")
    page.check("input[name=format][value=csv]")
    page.uncheck("input[name=columns][value=score]")
    page.get_by_role("button", name="生成文件").click()
    page.wait_for_url("**/downloads/*/")
    fits(page)
    assert "生成中" in page.inner_text("#download") and "0 / 1" in page.inner_text("#download")

    downloads.run(Download.objects.get().pk)

    link = page.get_by_role("link", name="下载文件")
    link.wait_for()
    with page.expect_download() as waiting:
        link.click()
    text = Path(waiting.value.path()).read_text("utf-8-sig")
    assert cast.learner.name in text and "成绩" not in text.splitlines()[0]
    assert ReadingOfOthers.objects.get(kind="export").filters["purpose"] == "年度考评"
