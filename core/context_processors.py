from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict:
    """What every page says about the site itself."""
    return {"DEMO": settings.DEMO, "SITE_NAME": settings.WAGTAIL_SITE_NAME}
