"""Opening a county: all that its first course needs, or nothing and the reason."""

import pytest
from django.core.management import CommandError, call_command
from wagtail.models import Site

from certificates.models import CertificateKind
from courses.models import CataloguePage, CreditPolicy
from home import services
from home.models import HomePage
from people.models import Unit
from tests.conftest import wagtails_ground


def test_a_county_opens_with_its_catalogue_and_kinds(cast, capsys):
    call_command("open_county", "532325")
    assert CataloguePage.objects.count() == 1 and CertificateKind.objects.filter(county=cast.county).count() == 6
    assert "姚安县人民政府" in capsys.readouterr().out


def test_a_county_that_could_number_no_certificate_is_not_opened_and_nothing_is_written(db):
    wagtails_ground()
    Unit.add_root(code="YA", name="姚安县人民政府", kind=Unit.Kind.COUNTY)
    with pytest.raises(CommandError) as refused:  # exit status 1
        call_command("open_county", "YA")
    assert "YA" in str(refused.value) and "GB/T 2260" in str(refused.value) and refused.value.returncode == 1
    for model in (HomePage, CreditPolicy, CertificateKind, CataloguePage):
        assert not model.objects.exists()


def test_links_in_mails_lead_to_the_address_of_the_site(cast, settings):
    for address in ("https://kaohe.example.cn", "http://127.0.0.1:8102"):
        settings.WAGTAILADMIN_BASE_URL = address
        services.open_county(county=cast.county)
        assert Site.objects.get(is_default_site=True).root_url == address
