"""What pages of certificates say about renewal, and about what a certificate rests on."""

from django import template

from certificates.services import ladder, renewals
from core import clock
from people.permissions import READS_RECORDS, has_role

register = template.Library()


@register.simple_tag
def due_renewals(person) -> list[renewals.Path]:
    """What the person can renew now. One query where there is nothing."""
    return renewals.due(person, at=clock.now())


@register.simple_tag
def attests(person) -> bool:
    """Whether the person attests conditions of higher certificates for others."""
    return has_role(person, *ladder.ATTESTS)


@register.simple_tag
def reads_records(person) -> bool:
    """Whether the person reads others' records, and so the list of what runs out."""
    return has_role(person, *READS_RECORDS)


@register.simple_tag
def renewal_path(certificate) -> renewals.Path:
    """How a certificate stands to its renewal. Three queries at most."""
    return renewals.path_of(certificate, at=clock.now())


@register.simple_tag
def basis_of(certificate):
    """What a higher certificate rests on; nothing for one that a completion earned. One query."""
    return [] if certificate.completion_id else ladder.basis_of(certificate)
