"""Keys with which programs pull records."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from core import audit
from core.errors import Refused
from people.models import ApiToken, Person, Role, Unit
from people.models.unit import history_follows
from people.permissions import reaches

PREFIX = "gzk_"
NOTE_USE_EVERY = timedelta(minutes=1)
LONGEST = timedelta(days=366)


@transaction.atomic
def create(
    *, owner: Person, name: str, scopes: list[str], unit: Unit, expires_at: datetime, at: datetime | None = None, form_key: str = ""
) -> tuple[ApiToken, str]:
    """Make a token over a unit's subtree; the key comes back once and is nowhere kept, only its digest.

    A token reaches no further than its owner: see `may_hold`. `form_key` is made by the form: sent twice it makes one token.
    Locks the row of the owner.

    Raises:
        Refused: scope_unknown, out_of_reach, expiry, sent_before (this form has made one already).
    """
    from core import clock

    at = at or clock.now()
    Person.objects.select_for_update(no_key=True).only("pk").get(pk=owner.pk)
    if form_key and ApiToken.objects.filter(owner=owner, form_key=form_key).exists():
        raise Refused(
            _("This form was sent before, and its key was shown then. Revoke that one if you did not keep it, and make another."),
            code="sent_before",
        )
    unknown = [scope for scope in scopes if scope not in ApiToken.Scope.values]
    if unknown or not scopes:
        raise Refused(
            _("Unknown scope: %(scope)s. Known are: %(known)s.")
            % {"scope": "、".join(unknown) or "—", "known": "、".join(ApiToken.Scope.values)},
            code="scope_unknown",
        )
    if not owner.is_active:
        raise Refused(_("%(name)s may not sign in and so holds no token.") % {"name": owner.name}, code="out_of_reach")
    check_may_hold(owner, unit)
    if not at < expires_at <= at + LONGEST:
        raise Refused(_("A token ends within a year at the latest."), code="expiry")
    key = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        owner=owner,
        name=name[:80],
        prefix=key[:12],
        digest=digest_of(key),
        scopes=sorted(set(scopes)),
        unit=unit,
        expires_at=expires_at,
        form_key=form_key,
    )
    audit.record(token, "people.token_made", by=owner, token=name, unit=unit.code, scopes=token.scopes)
    return token, key


def authenticate(key: str, *, scope: str, at: datetime) -> ApiToken | None:
    """The token behind a key when it holds now, has the scope, and its owner still reaches its unit; else None.

    One query and the owner's grants; the time of use is written at most once a minute.
    """
    if not key.startswith(PREFIX) or len(key) > 100:
        return None
    token = (
        ApiToken.objects.select_related("owner", "unit")
        .annotate(history_follows=history_follows("unit__path"))
        .filter(digest=digest_of(key))
        .first()
    )
    if token is None or token.revoked_at is not None or token.expires_at <= at or scope not in token.scopes:
        return None
    if not may_hold(token.owner, token.unit):
        return None
    if token.last_used_at is None or at - token.last_used_at >= NOTE_USE_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=at)
        token.last_used_at = at
    return token


@transaction.atomic
def revoke(*, token: ApiToken, at: datetime, by: Person | None = None) -> ApiToken:
    """End a token now. Calling it again changes nothing. Its owner may, and whoever may hold one there; nobody: the machine's operator.

    Raises:
        Refused: out_of_reach.
    """
    token = ApiToken.objects.select_for_update(of=("self",)).select_related("unit").get(pk=token.pk)
    if by is not None and by.pk != token.owner_id:
        check_may_hold(by, token.unit)
    if token.revoked_at is None:
        token.revoked_at = at
        token.save(update_fields=["revoked_at"])
        audit.record(token, "people.token_revoked", by=by, token=token.name)
    return token


def may_hold(person: Person, unit: Unit) -> bool:
    """Whether a person may hold a key over a unit, or have a program told of it: HR over the unit who may sign in, or a superuser.

    An administrator looks after people, not their records, and holds none.
    """
    return person.is_active and reaches(person, unit, Role.HR)


def check_may_hold(person: Person, unit: Unit) -> None:
    """Raises: Refused: out_of_reach, unless the person may hold a key over the unit."""
    if not may_hold(person, unit):
        raise Refused(_("%(name)s is not HR over “%(unit)s”.") % {"name": person.name, "unit": unit.name}, code="out_of_reach")


def digest_of(key: str) -> str:
    """SHA-256 of a key: enough, because a key carries 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()
