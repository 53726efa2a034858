"""What stands of the people whom a roster names: their postings, duties and roles."""

from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import F

from people.models import DutyAssignment, Person, Posting, RoleGrant
from people.services.roles import in_batches


@dataclass
class Standing:
    """One person as they stand: the main postings, the open one and the last closed one among them, open ones beside, and what is held in the open ones.

    Without a person: somebody whom the register does not know.
    """

    person: Person | None = None
    mains: list[Posting] = field(default_factory=list)
    current: Posting | None = None
    last: Posting | None = None
    beside: list[Posting] = field(default_factory=list)
    duties: dict[int, list[DutyAssignment]] = field(default_factory=dict)  # by open posting
    ended: list[str] = field(default_factory=list)  # duties that ended with the last posting, where none is open
    grants: list[RoleGrant] = field(default_factory=list)

    @property
    def open_postings(self) -> list[Posting]:
        return [*([self.current] if self.current else []), *self.beside]


def standings_of(people: list[Person]) -> dict[int, Standing]:
    """How these people stand, by key. Three queries, four where somebody has no open posting, in batches."""
    ids = [person.pk for person in people]
    mains, current, last, beside = postings_of(ids)
    held = duties_of([posting.pk for posting in [*current.values(), *(each for some in beside.values() for each in some)]])
    ended = _ended_with([posting.pk for pk, posting in last.items() if pk not in current])
    grants = _roles_of(ids)
    found = {}
    for person in people:
        one = Standing(person, mains.get(person.pk, []), current.get(person.pk), last.get(person.pk), beside.get(person.pk, []))
        one.grants = grants.get(person.pk, [])
        one.duties = {posting.pk: held.get(posting.pk, []) for posting in one.open_postings}
        if one.last is not None:
            one.ended = ended.get(one.last.pk, [])
        found[person.pk] = one
    return found


def postings_of(people: list[int]) -> tuple[dict[int, list[Posting]], dict[int, Posting], dict[int, Posting], dict[int, list[Posting]]]:
    """By person: the main postings, the open one among them, the last closed main one, and open ones beside."""
    mains: dict[int, list[Posting]] = defaultdict(list)
    current: dict[int, Posting] = {}
    last: dict[int, Posting] = {}
    beside: dict[int, list[Posting]] = defaultdict(list)
    for posting in in_batches(Posting.objects.select_related("unit").order_by("starts_on", "pk"), "person", people):
        if posting.is_main:
            mains[posting.person_id].append(posting)
        if posting.ends_on is None and posting.is_main:
            current[posting.person_id] = posting
        elif posting.ends_on is None:
            beside[posting.person_id].append(posting)
        elif posting.is_main and (posting.person_id not in last or posting.ends_on >= last[posting.person_id].ends_on):
            last[posting.person_id] = posting
    return mains, current, last, beside


def duties_of(postings: list[int]) -> dict[int, list[DutyAssignment]]:
    held: dict[int, list[DutyAssignment]] = defaultdict(list)
    for assignment in in_batches(DutyAssignment.objects.filter(ends_on=None).order_by("pk"), "posting", postings):
        held[assignment.posting_id].append(assignment)
    return held


def _ended_with(postings: list[int]) -> dict[int, list[str]]:
    """By closed posting: the duties that were held until its last day."""
    found: dict[int, list[str]] = defaultdict(list)
    until = DutyAssignment.objects.filter(ends_on=F("posting__ends_on")).order_by("pk")
    for assignment in in_batches(until, "posting", postings):
        found[assignment.posting_id].append(assignment.duty)
    return found


def _roles_of(people: list[int]) -> dict[int, list[RoleGrant]]:
    """By person: the roles that are open."""
    found: dict[int, list[RoleGrant]] = defaultdict(list)
    for grant in in_batches(RoleGrant.objects.filter(ends_on=None).select_related("unit", "granted_by").order_by("pk"), "person", people):
        found[grant.person_id].append(grant)
    return found
