"""What the page of a certificate says about its link."""

from django import template
from django.urls import reverse

from certificates.badge import site
from certificates.models import Certificate, ShareLink
from core import clock

register = template.Library()


@register.simple_tag
def open_link(certificate: Certificate) -> ShareLink | None:
    """The link that leads to the certificate now. One query."""
    return ShareLink.objects.open(clock.now()).filter(certificate=certificate).first()


@register.simple_tag
def whole_address(link: ShareLink) -> str:
    """The link as it is given away."""
    return site() + reverse("shared_certificate", args=[link.key])
