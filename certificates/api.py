"""The door for other systems of the county: does this person hold this certificate?"""

from datetime import date
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema
from pydantic import BeforeValidator

from certificates import ledger, rules
from certificates.models import Certificate, CertificateKind, State
from core import clock
from people.api import PLAIN, PROBLEMS, CallsAMinute, Problem, Token, refuse_strange_parameters, written_as_a_day
from people.models import ApiToken, Person, ReadingOfOthers
from people.services import readings

router = Router()


class HeldIn(Schema):
    employee_number: Annotated[str, Field(min_length=1, max_length=32, pattern=PLAIN)] = Field(description="工号, as it is now.")
    kind: Annotated[str, Field(min_length=1, max_length=40, pattern=PLAIN)] = Field(description="Key of the kind of certificate.")
    on: Annotated[date, BeforeValidator(written_as_a_day)] | None = Field(None, description="A day up to today; today when left out.")


class HeldOut(Schema):
    """`holds` is false as well for somebody whom this token does not reach, or who does not exist: the answers are alike."""

    holds: bool = Field(description="Whether a certificate of this kind was in force at the end of that day; today: whether it is now.")
    number: str | None = Field(description="Its number: the one that is valid longest, where there are several.")
    valid_until: date | None = Field(description="Last day of validity; null without a certificate, and where validity has no end.")
    on: date = Field(description="The day that was asked for.")


@router.get(
    "/held",
    response={200: HeldOut, **PROBLEMS},
    auth=Token(ApiToken.Scope.CERTIFICATES),
    throttle=[CallsAMinute()],
    operation_id="certificate_held",
    summary="Whether a person holds a certificate",
    url_name="certificate_held",
)
def held(request: HttpRequest, response: HttpResponse, wanted: Query[HeldIn]):
    """Whether somebody who serves in the token's unit, or below it, holds a valid certificate of a kind.

    Suspended, replaced, revoked and expired ones do not count, nor does one whose record was edited since it was issued. Ask in the
    moment of the decision and keep no answer: a certificate may be suspended a minute later. With `If-None-Match` an unchanged answer is 304. Each call is logged for the auditor.
    """
    refuse_strange_parameters(request, HeldIn.model_fields)
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    at = clock.now()
    today = clock.today(at)
    on = wanted.on or today
    if on > today:
        raise Problem(422, _("That day is still to come: nobody knows what will become of a certificate until then."), code="future")
    county = token.unit.county_path
    if not CertificateKind.objects.filter(key=wanted.kind, county__path=county).exists():
        raise Problem(404, _("The county has no kind of certificate with the key “%(key)s”.") % {"key": wanted.kind}, code="kind")
    person = Person.objects.filter(employee_number=wanted.employee_number, unit__path__startswith=token.unit.path).first()
    found = _in_force(person, wanted.kind, county, on) if person else None
    readings.record(
        reader=token.owner,
        kind=ReadingOfOthers.Kind.API,
        what="certificate held",
        unit=token.unit,
        subject=person,
        rows=1 if found else 0,
        request=request,
        at=at,
        filters={"person": wanted.employee_number, "kind": wanted.kind, "on": wanted.on and on.isoformat(), "token": token.prefix},
    )
    answer = {"holds": found is not None, "number": found and found.number, "valid_until": found and found.valid_until, "on": on}
    tag = f'"{rules.digest({name: value and str(value) for name, value in answer.items()})[:32]}"'
    # To be asked again each time, in the moment of the decision: a tag saves the body, never the question.
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept-Language", "ETag": tag}
    unchanged = get_conditional_response(request, etag=tag, response=HttpResponse(headers=headers))
    if unchanged is not None and unchanged.status_code == 304:
        return unchanged
    for name, value in headers.items():
        response[name] = value
    return answer


def _in_force(person: Person, kind: str, county_path: str, on: date) -> Certificate | None:
    """Of a person's certificates of a kind, issued in the county, the one that was in force on a day and lasts longest."""
    held = Certificate.objects.filter(person=person, kind__key=kind, kind__county__path=county_path)
    held = held.with_state().with_ledger().select_related("version", "renews", "replaces")  # what the digest covers
    in_force = [certificate for certificate in held if certificate.state_on(on) == State.VALID and certificate.is_as_issued]
    in_force.sort(key=lambda certificate: (certificate.valid_until or date.max, certificate.issued_at), reverse=True)
    return next((certificate for certificate in in_force if ledger.is_as_chained(certificate.pk)), None)  # whose it is, and of which kind
