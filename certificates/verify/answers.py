"""What is said of a number: the printed facts with the name masked, what the certificate is worth now and on a day."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import F, OuterRef, Subquery
from django.utils.translation import gettext as _

from certificates import rules
from certificates.models import Certificate, State
from core import clock
from core.errors import Refused
from core.figures import figure
from core.prepared import Prepared
from core.text import mask_name

_SHOWN = (
    "number",
    "title",
    "text",
    "issuer",
    "person_name",
    "unit_name",
    "post_title",
    "course_code",
    "course_title",
    "edition_number",
    "hours",
    "score",
    "issued_on",
    "valid_until",
    "facts_digest",
    "salt",
    "version__digest",
    "renews__number",
    "replaces__number",
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Answer:
    """One certificate, as a stranger may see it.

    `since` is the day of the event that suspended, replaced or revoked it. With a day asked for (`on`), `state_on` is
    what it was worth at the end of that day, or None for a day to come, of which nobody knows what will become of it.
    `replaced_by`, `replaces`, `renewed_by` and `renews` are numbers. `is_as_issued` tells whether the facts still give the
    digest that was kept with them and in the ledger: a row that somebody edited is genuine to nobody.
    """

    facts: dict
    state: State
    since: date | None
    checked_at: datetime
    on: date | None
    state_on: State | None
    replaced_by: str | None
    replaces: str | None
    renewed_by: str | None
    renews: str | None
    is_as_issued: bool

    @property
    def number(self) -> str:
        return self.facts["number"]

    @property
    def is_good(self) -> bool:
        return self.state == State.VALID

    @property
    def is_in_future(self) -> bool:
        return self.on is not None and self.state_on is None

    def as_sent(self) -> dict:
        """For programs: docs/api.md. Names are added here, never taken away."""
        facts = self.facts
        return {
            "number": facts["number"],
            "status": self.state.value,
            "status_label": self.state.label,
            "status_since": self.since,
            "revoked_on": self.since if self.state == State.REVOKED else None,
            "checked_at": self.checked_at.isoformat(timespec="seconds"),
            "on": self.on,
            "status_on": self.state_on and self.state_on.value,
            "status_on_label": _("Nobody can know yet") if self.is_in_future else self.state_on and self.state_on.label,
            **{name: facts[name] for name in ("title", "name", "unit", "course", "course_code", "edition", "text", "issuer")},
            "hours": facts["hours"],
            "score": facts["score"],
            "issued_on": facts["issued_on"],
            "valid_until": facts["valid_until"],
            "replaced_by": self.replaced_by,
            "replaces": self.replaces,
            "renewed_by": self.renewed_by,
            "renews": self.renews,
        }


def _query(number):
    renewal = Certificate.objects.unfallen().filter(renews=OuterRef("pk")).order_by("-pk").values("number")[:1]
    return (
        Certificate.objects.with_state()
        .with_ledger()
        .filter(number=number)
        .annotate(replaced_by_number=F("replacement__number"), renewed_by_number=Subquery(renewal))
        .select_related("version", "renews", "replaces")
        .only(*_SHOWN)
    )


_numbered = Prepared(lambda number: _query(number))


def find(typed: str, *, on: date | None = None, at: datetime) -> Answer:
    """The certificate with a number, however it is typed. One query; a second one for a day before its newest event.

    Raises:
        Refused: "malformed", "wrong_check", or "not_found".
    """
    certificate = _numbered.first(rules.read_number(typed))
    if certificate is None:
        raise Refused(_("The number is well formed, but no certificate with it was ever issued here."), code="not_found")
    return about(certificate, on=on, at=at)


def about(certificate: Certificate, *, on: date | None, at: datetime) -> Answer:
    today = clock.today(at)
    state, decided = certificate.state_on(today), certificate.decided()
    return Answer(
        facts=shown(certificate),
        state=state,
        since=clock.today(decided[1]) if decided and state in (State.SUSPENDED, State.REPLACED, State.REVOKED) else None,
        checked_at=clock.local(at),
        on=on,
        state_on=None if on is None or on > today else certificate.state_on(on),
        replaced_by=certificate.replaced_by_number,  # type: ignore[attr-defined]
        replaces=certificate.replaces and certificate.replaces.number,
        renewed_by=certificate.renewed_by_number,  # type: ignore[attr-defined]
        renews=certificate.renews and certificate.renews.number,
        is_as_issued=certificate.is_as_issued,
    )


def shown(certificate: Certificate) -> dict:
    """Every fact that is printed, the name masked wherever it stands."""
    masked = mask_name(certificate.person_name)
    return {
        "number": certificate.number,
        "title": certificate.title,
        "name": masked,
        "unit": certificate.unit_name,
        "course": certificate.course_title,
        "course_code": certificate.course_code,
        "edition": certificate.edition_number,
        "text": certificate.text.replace(certificate.person_name, masked),
        "hours": figure(certificate.hours),
        "score": None if certificate.score is None else figure(certificate.score),
        "issuer": certificate.issuer,
        "issued_on": certificate.issued_on,
        "valid_until": certificate.valid_until,
    }


def read_day(typed: str) -> date | None:
    """The day that somebody asks for; None for none.

    Raises:
        Refused: it is no day ("date").
    """
    typed = typed.strip()
    if not typed:
        return None
    try:
        if not _DAY.fullmatch(typed):
            raise ValueError(typed)
        return date.fromisoformat(typed)
    except ValueError as fault:
        raise Refused(_("The day is not understood. Write it like 2026-06-30."), code="date") from fault
