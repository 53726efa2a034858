"""HR watches a batch of certificates: the page goes on by itself until the package can be downloaded, and what is in it is right."""

import csv
import io
import re
import zipfile

import pypdf
import pytest
from django.urls import reverse

from certificates import services
from certificates.services import batches
from core import clock
from tests.cast import NOON
from tests.certificates.conftest import a_completion, certificate, keys, kinds, private
from tests.chromium import DESK, PHONE

__all__ = ["certificate", "keys", "kinds", "private"]
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_a_batch_shows_how_far_it_has_come_and_ends_with_its_package(cast, certificate, enter, open_page, live_server):
    services.issue(completion=a_completion(cast.colleague), at=NOON)
    year = clock.year_of(NOON)
    batch = batches.order(kind="pack", unit=cast.county, year=year, by=cast.hr, at=clock.now(), then=lambda pk: None, purpose="年终归档")
    page = enter(open_page(PHONE), cast.hr)
    page.goto(live_server.url + reverse("certificate_batch", args=[batch.pk]))
    assert "处理中" in page.inner_text("#batch") and "0 / 2" in page.inner_text("#batch")

    batches.run(batch.pk)

    page.get_by_role("link", name=re.compile("下载")).wait_for()
    assert "2 / 2" in page.inner_text("#batch") and page.get_attribute("#batch progress", "value") == "2"
    assert page.locator("#batch[hx-get]").count() == 0


def test_the_package_that_is_downloaded_holds_each_paper_where_it_belongs_and_each_is_genuine(
    cast, certificate, enter, open_page, live_server
):
    suspended = services.issue(completion=a_completion(cast.colleague), at=NOON)
    services.suspend(certificate=suspended, by=cast.hr, reason="核查", at=clock.now())
    page = enter(open_page(DESK), cast.hr)
    page.goto(live_server.url + reverse("certificate_batches"))
    page.check("input[name=kind][value=pack]")
    page.select_option("#id_year", str(clock.year_of(NOON)))
    page.fill("#id_purpose", "年终归档")
    page.click("main form button.btn-primary")
    page.wait_for_url(re.compile(r"/batches/\d+/"))
    batches.run(int(re.search(r"/batches/(\d+)/", page.url)[1]))

    with page.expect_download() as held:
        page.get_by_role("link", name="下载").click()
    with zipfile.ZipFile(held.value.path()) as package:
        listed = list(csv.DictReader(io.StringIO(package.read("清单.csv").decode("utf-8-sig"))))
        papers = {line["证书编号"]: package.read(line["文件"]) for line in listed}
        assert sorted(package.namelist()) == sorted(["清单.csv", *(line["文件"] for line in listed)]), "nothing beside what is listed"

    folders = {line["证书编号"]: line["文件"].split("/")[0] for line in listed}
    assert folders == {certificate.number: certificate.unit_name.replace(" ", " "), suspended.number: "已暂停"}
    for one in (certificate, suspended):
        text = re.sub(r"\s", "", pypdf.PdfReader(io.BytesIO(papers[one.number])).pages[0].extract_text())
        assert one.number in text and one.person_name in text
        page.goto(live_server.url + "/verify/")
        page.set_input_files("#file", {"name": "证书.pdf", "mimeType": "application/pdf", "buffer": papers[one.number]})
        page.click("#drop button")
        page.locator(".check-tone-good" if one == certificate else ".check-tone-warn").wait_for()
        assert one.number in page.inner_text("main")
    assert "已暂停" in page.inner_text("main"), "genuine, and of no worth for now"
