"""A holder renews a certificate, and a trainer attests what the platform cannot know: as they do it, on a phone."""

import pytest
from django.urls import reverse

from certificates.models import Attestation, Certificate
from certificates.services import ladder
from core import clock
from courses.models import CreditPolicy
from tests.certificates.conftest import a_policy, keys, kinds, private
from tests.certificates.test_ladder import LOWER, ROWS, finish, held
from tests.certificates.test_renewal_doors import NOW, ending
from tests.chromium import DESK, PHONE, fits

__all__ = ["ending", "keys", "kinds", "private"]
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_a_holder_renews_in_time_and_keeps_every_day(cast, ending, enter, open_page, live_server):
    page = enter(open_page(PHONE), cast.learner)
    page.goto(live_server.url + reverse("my_certificates"))
    assert "需要续证的证书" in page.inner_text("main") and ending.title in page.inner_text("[aria-labelledby=renewals]")
    fits(page)
    page.click("[aria-labelledby=renewals] a.btn")
    page.wait_for_url(live_server.url + reverse("course", args=[ending.completion.course_id]))
    page.get_by_role("button", name="再学一轮").click()
    page.wait_for_load_state()
    for lesson in ending.completion.course.current.lessons.all():
        page.goto(live_server.url + reverse("lesson", args=[ending.completion.course_id, lesson.slug]))
        page.get_by_role("button", name="我已学完本课").click()
        page.wait_for_load_state()

    new = Certificate.objects.get(renews=ending)
    page.goto(live_server.url + reverse("my_certificates"))
    cards = page.locator(".certificate-card")
    assert cards.count() == 2 and page.locator("[aria-labelledby=renewals]").count() == 0
    assert new.valid_until > ending.valid_until and {ending.valid_until.isoformat(), new.valid_until.isoformat()} <= {
        text for card in cards.all_inner_texts() for text in card.split()
    }, "the old one keeps its day"
    page.click(f"a[href='{reverse('certificate', args=[new.number])}'] >> nth=0")
    assert ending.number in page.inner_text("[aria-labelledby=renewal]")
    fits(page)
    page.goto(live_server.url + reverse("certificate", args=[ending.number]))
    page.get_by_role("link", name="查看", exact=True).click()
    page.wait_for_url(live_server.url + reverse("certificate", args=[new.number]))


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["360", "1280"])
def test_a_trainer_attests_and_takes_it_back(viewport, cast, kinds, private, enter, open_page, live_server):
    CreditPolicy.objects.filter(pk=a_policy().pk).update(bands=[{"over": 0, "over_included": False, "hours": "0.25"}])
    sets = {one.kind.key: one for one in ladder.ensure_ladder(cast.county, at=NOW)}
    for code in (*LOWER, "S01", "S02", "S03"):
        finish(cast.learner, code, cast.county, at=clock.now())
    assert held(cast.learner, "basic") and held(cast.learner, "compiler") is None
    page = enter(open_page(viewport), cast.trainer)
    page.goto(live_server.url + reverse("my_certificates"))
    page.get_by_role("link", name="为他人确认条件").click()
    page.select_option("#kind", str(sets["compiler"].kind_id))
    page.fill("#q", cast.learner.name)
    page.press("#q", "Enter")
    page.get_by_role("link", name=cast.learner.name).click()
    fits(page)
    evidence = page.locator(f"textarea#attest-{ROWS}")
    evidence.fill("第12号目录条目，6月3日评审")
    evidence.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("第12号目录条目，6月3日评审", exact=True).wait_for()
    certificate = held(cast.learner, "compiler")
    assert certificate is not None, "its last condition was met by it"
    fits(page)

    page.fill(f"#withdraw-{ROWS}", "条目退回重编")
    page.get_by_role("button", name="撤回确认").click()
    page.get_by_text("条目退回重编", exact=True).wait_for()
    assert list(Attestation.objects.values_list("is_met", "by")) == [(True, cast.trainer.pk), (False, cast.trainer.pk)]
    assert held(cast.learner, "compiler") == certificate, "that is for HR to decide"
    hr = enter(open_page(viewport), cast.hr)
    hr.goto(live_server.url + reverse("ladder_people"))
    assert certificate.number in hr.inner_text("[aria-labelledby=shaken]")
    fits(hr)
