"""HR watches a batch of certificates: the page goes on by itself until the package can be downloaded."""

import re

import pytest
from django.urls import reverse

from certificates import services
from certificates.services import batches
from core import clock
from tests.cast import NOON
from tests.certificates.conftest import a_completion, certificate, keys, kinds, private
from tests.chromium import PHONE

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
