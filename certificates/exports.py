"""What leaves as a file."""

from datetime import date

from django.utils.translation import gettext as _

from certificates.services.renewals import Path, judged
from core.exports import Column, Exporter


def running_out(certificates, *, day: date) -> Exporter:
    """The certificates of `renewals.running_out` or `run_out`, in their order."""
    columns = [
        Column(_("Number"), lambda c: c.number, 34),
        Column(_("Certificate"), lambda c: c.title, 24),
        Column(_("Employee number"), lambda c: c.employee_number, 12),
        Column(_("Name"), lambda c: c.person_name, 12),
        Column(_("Unit"), lambda c: c.unit_name, 30),
        Column(_("Valid until"), lambda c: c.valid_until, 12),
        Column(_("Days left"), lambda c: (c.valid_until - day).days, 8),
        Column(_("Renewal opens"), lambda c: path(c, day).opens_on, 12),
        Column(_("Renewal possible until"), lambda c: path(c, day).closes_on, 12),
        Column(_("Renewal course"), lambda c: c.renewal_code, 12),
        Column(_("Renewal begun"), lambda c: _("yes") if c.is_begun else _("no"), 8),
        Column(_("Reminded at"), lambda c: c.reminded_at, 20),
    ]
    return Exporter(_("Certificates running out %(day)s") % {"day": day.isoformat()}, columns, certificates.iterator(chunk_size=1000))


def path(certificate, day: date) -> Path:
    """How one of them stands to its renewal: it is the newest of its line that stands, so nothing but what renewed it has to be read."""
    line = [*certificate.renewals.all(), *(certificate.replaces.renewals.all() if certificate.replaces else ())]
    return judged(certificate, line, day)
