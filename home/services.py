"""Opening a county: what has to stand before its first course can be written."""

from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from wagtail.models import Page, Site

from certificates import services as certificates
from certificates.services import ladder
from core import clock
from courses.models import CataloguePage
from courses.services import catalogues, policies
from home.models import HomePage
from people.models import Person, Unit

SITE_TITLE = "政务公开学习与认证平台"


@transaction.atomic
def open_county(*, county: Unit, by: Person | None = None) -> CataloguePage:
    """Front page, credit policy, certificate kinds and the county's catalogue with its groups. Safe to run again."""
    ensure_home_page()
    ensure_site_address()
    policies.ensure_default()
    certificates.ensure_kinds(county)
    ladder.ensure_ladder(county, at=clock.now())
    return catalogues.open_catalogue(county=county, by=by)


def ensure_site_address() -> None:
    """Links in mails about pages lead to where the site is (SITE_URL): Wagtail takes them from its default site."""
    address = urlsplit(settings.WAGTAILADMIN_BASE_URL)
    port = address.port or (443 if address.scheme == "https" else 80)
    Site.objects.filter(is_default_site=True).update(hostname=address.hostname or "localhost", port=port)


def ensure_home_page() -> HomePage:
    """The front page as root of the default site, in the place of Wagtail's welcome page."""
    home = HomePage.objects.first()
    if home is not None:
        return home
    for welcome in Page.objects.filter(depth=2, slug="home"):
        welcome.delete()
    home = Page.get_first_root_node().add_child(instance=HomePage(title=SITE_TITLE, slug="home"))
    site, _made = Site.objects.update_or_create(
        is_default_site=True, defaults={"root_page": home, "site_name": SITE_TITLE, "hostname": "localhost"}
    )
    return site.root_page.specific
