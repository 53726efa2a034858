"""Who may sign in: activation codes, stopping and allowing sign-in, starting over after a lost password or phone."""

import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import audit
from core.errors import Refused
from people.models import ActivationCode, Person, Role, RoleGrant
from people.permissions import paths_of, reaches
from people.services.roles import GONE, HANDED_OVER_WITH_CARE, is_guarded

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without 0 O 1 I L: codes are read off paper
CODE_LENGTH = 12  # 59 bits
VALID_FOR = timedelta(days=14)
MAX_FAILURES = 5

STOPPED, ALLOWED = "people.sign_in_stopped", "people.sign_in_allowed"  # in the audit log

Held = dict[str, set[str]]  # the paths of the units over which somebody holds a role, by role


@dataclass(frozen=True)
class Made:
    """A fresh code; the only moment in which it can be read."""

    person: Person
    code: str
    expires_at: datetime


@transaction.atomic
def make_codes(*, people: Iterable[Person], by: Person, at: datetime) -> list[Made]:
    """One-time codes for those of these people who have no password yet and may sign in.

    An earlier code of the same person ends. Only HR or an administrator over the person's unit; those who
    are not the maker's to let in are passed over (`waiting_for_code`). Four queries and one trace, however many people.

    Raises:
        Refused: out_of_reach.
    """
    chosen, _guarded = waiting_for_code(people, by=by)
    for person in chosen:
        _require_reach(by, person, Role.HR, Role.ADMINISTRATOR)
    ActivationCode.objects.filter(person__in=chosen, used_at=None).delete()
    made = [Made(person, _new_code(), at + VALID_FOR) for person in chosen]
    ActivationCode.objects.bulk_create(
        [
            ActivationCode(person=each.person, digest=_digest(each.person, each.code), created_by=by, expires_at=each.expires_at)
            for each in made
        ],
        batch_size=500,
    )
    if made:
        audit.record(by, "people.codes_made", by=by, people=[each.person.employee_number for each in made])
    return made


def waiting_for_code(people: Iterable[Person], *, by: Person) -> tuple[list[Person], list[Person]]:
    """Those of these people who need a code, in two: whom `by` may let in, and whom only an administrator may.

    The latter are HR, reviewers, auditors and administrators (`roles.HANDED_OVER_WITH_CARE`): for an administrator of
    where they serve and of all units that these roles reach. One query.
    """
    waiting = [person for person in people if needs_code(person)]
    held = roles_held(waiting)
    chosen: list[Person] = []
    guarded: list[Person] = []
    for person in waiting:
        (guarded if _is_not_for(by, person, held[person.pk]) else chosen).append(person)
    return chosen, guarded


def handed_over_with_care(people: Iterable[Person]) -> list[Person]:
    """Those of these people whose account only an administrator hands over. One query."""
    people = list(people)
    held = roles_held(people)
    return [person for person in people if held[person.pk].keys() & set(HANDED_OVER_WITH_CARE)]


def roles_held(people: Iterable[Person]) -> dict[int, Held]:
    """The open roles of each of these people, by key, and the units that each reaches. One query."""
    held: dict[int, Held] = defaultdict(lambda: defaultdict(set))
    grants = RoleGrant.objects.filter(person__in=[person.pk for person in people], ends_on=None)
    for pk, role, path in grants.values_list("person", "role", "unit__path"):
        held[pk][role].add(path)
    return held


def needs_code(person: Person) -> bool:
    """Whether a code makes sense: no password yet, on the roster, allowed to sign in."""
    return person.is_active and person.status not in GONE and not person.has_usable_password()


def activate(*, employee_number: str, code: str, password: str, at: datetime) -> Person:
    """Set the first password with a code, and return the person. The code is used up.

    A wrong code counts; after five the code is dead. The refusal does not tell which part was wrong.
    A code from before the person was given a role opens nothing unless its maker may still let them in. Locks the person's codes.

    Raises:
        Refused: code_wrong; code_superseded.
        ValidationError: the password breaks the rules; the code stays good.
    """
    wrong = Refused(
        _("The employee number and the code do not belong together, or the code has been used or is too old."), code="code_wrong"
    )
    with transaction.atomic():
        person = Person.objects.filter(employee_number__iexact=employee_number.strip()).select_related("unit").first()
        entry = None
        if person is not None and needs_code(person):
            entry = (
                ActivationCode.objects.select_for_update()
                .filter(person=person, used_at=None, expires_at__gt=at, failures__lt=MAX_FAILURES)
                .order_by("-pk")
                .first()
            )
        stranger = person or Person(employee_number=employee_number)
        fits = secrets.compare_digest(_digest(stranger, code), entry.digest if entry else "0" * 64)
        if entry is not None and person is not None and fits:
            if _is_not_for(entry.created_by, person, roles_held([person])[person.pk]):
                raise Refused(
                    _(
                        "Since this code was made you were given a role that reaches others: ask an administrator of all units that it reaches "
                        "for a new code."
                    ),
                    code="code_superseded",
                )
            validate_password(password, person)
            person.set_password(password)
            person.save(update_fields=["password"])
            entry.used_at = at
            entry.save(update_fields=["used_at"])
            audit.record(person, "people.activated", by=person)
            return person
        if entry is not None:
            entry.failures += 1
            entry.save(update_fields=["failures"])
    raise wrong


@transaction.atomic
def stop_sign_in(*, person: Person, by: Person, at: datetime) -> Person:
    """Nobody signs in as this person from now on, and open sessions end. Records stay.

    Raises:
        Refused: out_of_reach, power_beyond, own_account.
    """
    person = _locked(person)
    _require_hand(by, person)
    if person.pk == by.pk:
        raise Refused(_("You cannot stop your own sign-in."), code="own_account")
    if person.is_active:
        person.is_active = False
        person.save(update_fields=["is_active"])
        end_sessions(person)
        audit.record(person, STOPPED, by=by)
    return person


@transaction.atomic
def allow_sign_in(*, person: Person, by: Person, at: datetime) -> Person:
    """Take back a stop.

    Raises:
        Refused: out_of_reach, power_beyond; person_left — somebody who left comes back through the roster.
    """
    person = _locked(person)
    _require_hand(by, person)
    if person.status in GONE:
        raise Refused(_("%(name)s has left or retired; sign-in comes back with the roster.") % {"name": person.name}, code="person_left")
    if not person.is_active:
        person.is_active = True
        person.save(update_fields=["is_active"])
        audit.record(person, ALLOWED, by=by)
    return person


def stopped_by_hand(people: Sequence[int]) -> set[int]:
    """Which of these people, by key, an administrator stopped, and nobody allowed since: by the newest trace of each. One query."""
    return {pk for pk, action in audit.newest(Person, people, (STOPPED, ALLOWED)).items() if action == STOPPED}


@transaction.atomic
def start_over(*, person: Person, by: Person, at: datetime) -> Made:
    """After a lost password: the old one ends, sessions end, and a new code is made.

    Two-step sign-in stays as it is, so the code alone opens nothing for those who have it.

    Raises:
        Refused: out_of_reach, power_beyond, own_account, person_left.
    """
    person = _locked(person)
    _require_hand(by, person)
    if person.pk == by.pk:
        raise Refused(_("Change your own password on your account page."), code="own_account")
    if not person.is_active or person.status in GONE:
        raise Refused(_("%(name)s may not sign in.") % {"name": person.name}, code="person_left")
    person.password = make_password(None)
    person.save(update_fields=["password"])
    end_sessions(person)
    audit.record(person, "people.sign_in_reset", by=by)
    return make_codes(people=[person], by=by, at=at)[0]


@transaction.atomic
def remove_second_factor(*, person: Person, by: Person, at: datetime) -> int:
    """After a lost phone: two-step sign-in is taken off, sessions end; who needs it sets it up anew at the next sign-in.

    Returns how many authenticators went.

    Raises:
        Refused: out_of_reach, power_beyond, own_account.
    """
    from allauth.mfa.models import Authenticator

    person = _locked(person)
    _require_hand(by, person)
    if person.pk == by.pk:
        raise Refused(_("Another administrator has to do that for you."), code="own_account")
    gone, _detail = Authenticator.objects.filter(user=person).delete()
    if gone:
        end_sessions(person)
        audit.record(person, "people.second_factor_removed", by=by)
    return gone


def open_sessions(person: Person, *, at: datetime) -> list:
    """Where a person is signed in now, as allauth's UserSession rows, oldest first. Forgets those that are over.

    A session is over when it ran out, was ended, or carries another password than the present one.
    allauth's own list asks three times for each session; this asks twice, and once more to forget.
    """
    from allauth.usersessions.models import UserSession

    noted = list(UserSession.objects.filter(user=person).order_by("created_at", "pk"))
    stored = Session.objects.filter(session_key__in=[each.session_key for each in noted], expire_date__gt=at)
    hashes = [person.get_session_auth_hash(), *person.get_session_auth_fallback_hash()]
    alive = set()
    for session in stored:
        content = session.get_decoded()
        is_theirs = content.get(SESSION_KEY) == str(person.pk)
        if is_theirs and any(constant_time_compare(content.get(HASH_SESSION_KEY, ""), each) for each in hashes):
            alive.add(session.session_key)
    over = [each.pk for each in noted if each.session_key not in alive]
    if over:
        UserSession.objects.filter(pk__in=over).delete()
    return [each for each in noted if each.session_key in alive]


def end_sessions(person: Person) -> int:
    """End every open session of a person that allauth knows of; how many."""
    from allauth.usersessions.models import UserSession

    sessions = list(UserSession.objects.filter(user=person))
    for session in sessions:
        session.end()
    return len(sessions)


def lockout_message() -> str:
    """What the sign-in page says after too many failures, with the minutes of the setting."""
    from allauth.account import app_settings
    from allauth.core.internal.ratelimit import parse_rates

    by_account = [rate for rate in parse_rates(app_settings.RATE_LIMITS.get("login_failed")) if rate.per == "key"]
    minutes = int(max((rate.duration for rate in by_account), default=600) // 60)
    return ngettext(
        "Too many failed attempts: sign-in is locked for %(minutes)d minute. If you forgot the password, ask your administrator for a new activation code.",
        "Too many failed attempts: sign-in is locked for %(minutes)d minutes. If you forgot the password, ask your administrator for a new activation code.",
        minutes,
    ) % {"minutes": minutes}


def _is_not_for(by: Person | None, person: Person, held: Held) -> bool:
    return is_guarded(person=person, unit=person.unit, held=held, by=by, whose=HANDED_OVER_WITH_CARE) or _reaches_beyond(by, held)


def _reaches_beyond(by: Person | None, held: Held) -> bool:
    """Whether these roles have power over units that `by` does not administer: whoever opens the account would gain it."""
    if by is None or by.is_superuser:
        return False
    administered = tuple(paths_of(by, [Role.ADMINISTRATOR]))
    return any(not path.startswith(administered) for role in HANDED_OVER_WITH_CARE for path in held.get(role, ()))


def power_beyond(by: Person, person: Person, grants: Iterable[RoleGrant]) -> Refused | None:
    """Why `by`, an administrator of where the person serves, has no hand in their sign-in; None when nothing speaks against it.

    `grants` are the person's open ones, with their units.
    """
    held: Held = defaultdict(set)
    for grant in grants:
        held[grant.role].add(grant.unit.path)
    if not _reaches_beyond(by, held):
        return None
    return Refused(
        _("%(name)s holds a role over units that you do not administer: an administrator of those units has to do that.")
        % {"name": person.name},
        code="power_beyond",
    )


def _locked(person: Person) -> Person:
    return Person.objects.select_for_update(of=("self",), no_key=True).select_related("unit").get(pk=person.pk)


def _require_hand(by: Person, person: Person) -> None:
    """An administrator of where this person serves, and of wherever they have power.

    Raises:
        Refused: out_of_reach, power_beyond.
    """
    _require_reach(by, person, Role.ADMINISTRATOR)
    beyond = power_beyond(by, person, person.role_grants.filter(ends_on=None).select_related("unit"))
    if beyond is not None:
        raise beyond


def _require_reach(by: Person, person: Person, *wanted: str) -> None:
    if by.is_superuser:
        return
    if person.is_superuser or not reaches(by, person.unit, *wanted):
        raise Refused(_("%(name)s serves outside the units that you look after.") % {"name": person.name}, code="out_of_reach")


def _new_code() -> str:
    letters = "".join(secrets.choice(ALPHABET) for _position in range(CODE_LENGTH))
    return "-".join(letters[start : start + 4] for start in range(0, CODE_LENGTH, 4))


def _digest(person: Person, code: str) -> str:
    plain = re.sub(r"[^A-Z0-9]", "", code.upper())
    return salted_hmac("people.activation", f"{person.pk}:{plain}", algorithm="sha256").hexdigest()
