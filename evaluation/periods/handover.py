"""Handing results over, and reconciling what the receiver says of them until nothing is left unexplained."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Max
from django.utils.translation import gettext as _

from core import audit
from core.errors import Refused
from core.uploads import MAX_REPLY as MAX_DOCUMENT
from evaluation.indicators import calculation as calculating
from evaluation.models import Calculation, HandOver, HandOverTakenBack, Period, PeriodStep, Receiver, Reply, ReplyRow, Seal, Settlement
from evaluation.periods import lines, package, replies, services
from evaluation.periods.permissions import runs
from people.models import Person

State = Period.State
Purpose = Calculation.Purpose
ROWS_AT_ONCE = 2000


# Writing


@transaction.atomic
def add_receiver(*, period: Period, name: str, public_key: str, by: Person, at: datetime) -> Receiver:
    """Agree on a receiver and the key of its answers. An open one of the same name with another key is closed: its answers stay.

    Raises:
        Refused: not HR of the county ("not_hr"), no name ("no_name"), no such key ("public_key").
    """
    _require_hr(period, by)
    name, key = name.strip(), replies.key_of(public_key)
    if not name:
        raise Refused(_("Say who receives the results."), code="no_name")
    _locked(period)
    standing = Receiver.objects.filter(county=period.county, name=name, closed_at=None).first()
    if standing is not None and standing.public_key == key:
        return standing
    if standing is not None:
        standing.closed_at = at
        standing.save(update_fields=["closed_at"])
    made = Receiver.objects.create(county=period.county, name=name, public_key=key, by=by, at=at)
    audit.record(made, "evaluation.receiver_agreed", by=by, name=name, public_key=key, replaces=standing.pk if standing else None)
    return made


@transaction.atomic
def hand_over(*, calculation: Calculation, receiver: Receiver, by: Person, at: datetime) -> HandOver:
    """Note that the rows of a calculation were given to a receiver. Doing so again returns what stands. Locks the period.

    The frozen rows come first; a supplementary list is given to whom the frozen rows were, by another officer than whoever made it: what
    is changed after the freeze takes two (冻结后任何改动走复核流程并留痕).

    Raises:
        Refused: not HR of the county ("not_hr"), taken back from this receiver ("taken_back"), another county's or a closed receiver
            ("receiver"), not the frozen calculation
            nor the newest supplementary list of it ("not_frozen"), a list by whoever made it ("second_officer"), or before the frozen
            rows ("frozen_first").
    """
    _require_hr(calculation.period, by)
    period = _locked(calculation.period)
    standing = HandOver.objects.filter(calculation=calculation, receiver=receiver).first()
    if standing is not None:
        _refuse_taken_back(receiver, standing)
        return standing
    if receiver.county_id != period.county_id or receiver.closed_at is not None:
        raise Refused(_("“%(name)s” receives nothing of this county any more.") % {"name": receiver.name}, code="receiver")
    frozen = package.standing_freeze(period)
    if frozen is None or calculation not in (frozen, newest_supplement(frozen)):
        raise Refused(_("Only what is frozen, and its newest supplementary list, is handed over."), code="not_frozen")
    require_second(calculation, by)
    _refuse_taken_back(receiver, *period.hand_overs.filter(receiver=receiver, calculation__number__gte=frozen.number))
    if calculation != frozen and not HandOver.objects.filter(calculation=frozen, receiver=receiver).exists():
        raise Refused(_("“%(name)s” has not been given the frozen results yet.") % {"name": receiver.name}, code="frozen_first")
    made = HandOver.objects.create(
        period=period,
        number=(period.hand_overs.aggregate(highest=Max("number"))["highest"] or 0) + 1,
        receiver=receiver,
        calculation=calculation,
        package_sha256=_sealed(calculation, at).sha256,
        rows=lines.how_many(calculation),
        by=by,
        at=at,
    )
    if period.state == State.FROZEN:
        number = period.steps_taken[-1].number + 1
        PeriodStep.objects.create(period=period, number=number, state=State.HANDED_OVER, calculation=frozen, by=by, at=at)
    audit.record(made, "evaluation.handed_over", by=by, receiver=receiver.name, rows=made.rows, package=made.package_sha256)
    return made


def receive(*, hand_over: HandOver, document: bytes, signature: str, by: Person, at: datetime) -> Reply:
    """Keep a receiver's signed answer and its verdicts, all or nothing. The same answer again returns what stands.

    Raises:
        Refused: not HR of the county ("not_hr"), the hand-over was taken back ("taken_back"), the receiver's key was replaced ("key_replaced"), too large ("too_large"), an answer
            of before, some of whose rows were answered anew since ("old_answer"), and all that `replies` refuses.
    """
    _require_hr(hand_over.period, by)
    if len(document) > MAX_DOCUMENT:
        raise Refused(_("The answer has more than %(limit)d MB.") % {"limit": MAX_DOCUMENT // 2**20}, code="too_large")
    replies.require_signed(document, signature=signature, public_key=hand_over.receiver.public_key)
    known = lines.keys_of(hand_over.calculation)
    answers = replies.read(document, hand_over=hand_over.name, package=hand_over.package_sha256, known=known)
    digest = hashlib.sha256(document).hexdigest()
    with transaction.atomic():
        HandOver.objects.select_for_update(of=("self",)).get(pk=hand_over.pk)
        standing = hand_over.replies.filter(sha256=digest).first()
        if standing is not None:
            _require_newest(standing)
            return standing
        if HandOverTakenBack.objects.filter(hand_over=hand_over).exists():
            raise Refused(
                _("%(name)s was taken back: no answer to it counts.") % {"name": hand_over.name},
                code="taken_back",
            )
        if Receiver.objects.select_for_update(of=("self",)).get(pk=hand_over.receiver_id).closed_at is not None:
            raise Refused(
                _("The key of “%(name)s” was replaced: no new answer counts under the old one. Hand the results over under the new key.")
                % {"name": hand_over.receiver.name},
                code="key_replaced",
            )
        reply = Reply.objects.create(
            hand_over=hand_over, sha256=digest, signature="".join(signature.split()), document=document, by=by, at=at
        )
        ReplyRow.objects.append([ReplyRow(reply=reply, key=one.key, verdict=one.verdict, reason=one.reason) for one in answers])
        verdicts = Counter(one.verdict for one in answers)
        audit.record(hand_over, "evaluation.reply_received", by=by, sha256=digest, **verdicts)
    return reply


@transaction.atomic
def settle(*, row: ReplyRow, words: str, by: Person, at: datetime) -> Settlement:
    """Explain how a refusal ended. One explanation for each refusal; a later answer to the row overtakes both. Locks the hand-over.

    Raises:
        Refused: not HR of the county ("not_hr"), no words ("no_words"), the row was not refused or answered anew since ("not_open").
    """
    given = HandOver.objects.select_for_update(of=("self",)).get(pk=row.reply.hand_over_id)
    _require_hr(given.period, by)
    if not words.strip():
        raise Refused(_("Say how it ended: why the row stands, or what was corrected."), code="no_words")
    newest = ReplyRow.objects.filter(reply__hand_over=given, key=row.key).order_by("-reply_id").first()
    if newest != row or row.verdict != ReplyRow.Verdict.REFUSED or Settlement.objects.filter(row=row).exists():
        raise Refused(_("This refusal is not open any more."), code="not_open")
    made = Settlement.objects.create(row=row, words=words.strip(), by=by, at=at)
    audit.record(given, "evaluation.refusal_settled", by=by, key=row.key, words=made.words)
    return made


@transaction.atomic
def take_back(*, hand_over: HandOver, words: str, by: Person, at: datetime) -> HandOverTakenBack:
    """Say that no answer comes to a hand-over any more. Answers that came stay, and so do refusals to be explained. Frozen rows
    that were taken back have to be given to somebody else. Locks the period and the hand-over.

    Raises:
        Refused: not HR of the county ("not_hr"), no words ("no_words"), no row without an answer ("not_open").
    """
    _require_hr(hand_over.period, by)
    if not words.strip():
        raise Refused(_("Say why no answer comes any more."), code="no_words")
    _locked(hand_over.period)
    given = (
        HandOver.objects.select_for_update(of=("self",)).select_related("period__county", "receiver", "calculation").get(pk=hand_over.pk)
    )
    if not account(given).unanswered:
        raise Refused(_("No row of this hand-over waits for an answer."), code="not_open")
    made = HandOverTakenBack.objects.create(hand_over=given, words=words.strip(), by=by, at=at)
    audit.record(given, "evaluation.hand_over_taken_back", by=by, receiver=given.receiver.name, words=made.words)
    return made


def supplement(*, period: Period, by: Person, at: datetime) -> Calculation:
    """Calculate the period anew from what is known now and keep the lines as a supplementary list, if any differs. Locks the period.

    Another officer has to hand it over (`hand_over`).

    Raises:
        Refused: not HR of the county ("not_hr"), nothing frozen ("not_frozen"), nothing differs from the frozen rows and the newest list ("no_difference").
    """
    _require_hr(period, by)

    def act() -> Calculation:
        services.hold(period)
        frozen = package.standing_freeze(period)
        if frozen is None:
            raise Refused(_("Nothing is frozen yet."), code="not_frozen")
        made = calculating.record(period=period, purpose=Purpose.SUPPLEMENT, by=by, at=at)
        last = Calculation.objects.filter(period=period, purpose=Purpose.SUPPLEMENT, number__gt=frozen.number, number__lt=made.number)
        if made.digest == (last.order_by("number").last() or frozen).digest:
            raise Refused(_("Calculated anew, every row is as it stands: there is nothing to add."), code="no_difference")
        audit.record(period, "evaluation.supplement", by=by, calculation=made.pk, digest=made.digest)
        return made

    return services.in_one_snapshot(act)


def _sealed(calculation: Calculation, at: datetime) -> Seal:
    """The seal of what is handed over: a frozen calculation has its own, a supplementary list is sealed when it is first given."""
    return Seal.objects.filter(calculation=calculation).first() or package.seal(calculation, at=at)


def _require_hr(period: Period, by: Person) -> None:
    if not runs(by, period):
        raise Refused(_("Only HR of the county does this."), code="not_hr")


def require_second(calculation: Calculation, by: Person) -> None:
    """Let pass what is frozen, and a supplementary list that somebody else made.

    Raises:
        Refused: "second_officer".
    """
    if calculation.purpose == Purpose.SUPPLEMENT and calculation.by_id == by.pk:
        raise Refused(
            _("A supplementary list is handed over by another officer of HR than the one who made it, %(name)s.") % {"name": by.name},
            code="second_officer",
        )


def _refuse_taken_back(receiver: Receiver, *given: HandOver) -> None:
    found = HandOverTakenBack.objects.filter(hand_over__in=given).select_related("hand_over__period__county").first()
    if found is not None:
        raise Refused(
            _(
                "%(name)s was taken back from “%(receiver)s”. If it is to be given to them again, agree on the receiver anew, with another key."
            )
            % {"name": found.hand_over.name, "receiver": receiver.name},
            code="taken_back",
        )


def _require_newest(standing: Reply) -> None:
    rows = ReplyRow.objects.filter(reply=standing)
    if rows.newest().count() != rows.count():  # type: ignore[attr-defined]
        raise Refused(
            _(
                "This very answer was given before, and some of its rows were answered anew since: the newer answer counts, and nothing was "
                "taken. If the older one is to count again, put a date or number into it, so that it is another document, and sign that."
            ),
            code="old_answer",
        )


def _locked(period: Period) -> Period:
    return Period.objects.select_for_update(of=("self",)).select_related("county", "version").get(pk=period.pk)


# Reading


def newest_supplement(frozen: Calculation) -> Calculation | None:
    """The newest supplementary list after a freeze, with who made it. One query."""
    later = Calculation.objects.select_related("by").filter(period=frozen.period_id, purpose=Purpose.SUPPLEMENT, number__gt=frozen.number)
    return later.order_by("number").last()


@dataclass(frozen=True)
class RowState:
    """Where one row of a hand-over stands: "accepted", "refused", "settled", "later" (a later hand-over's row was accepted), "moved"
    (the receiver's key was replaced, and the rows were given anew under the new one), "taken_back" (nobody answers it any more) or
    "unanswered"."""

    key: str
    state: str
    row: ReplyRow | None = None

    @property
    def is_open(self) -> bool:
        return self.state in ("refused", "unanswered")


@dataclass(frozen=True)
class Account:
    """One hand-over: how many rows stand where, and which of them were sent back or accepted with a later one.

    refused_rows: whether it is settled, by the key of each row that was sent back last.
    """

    hand_over: HandOver
    counts: Counter
    refused_rows: Mapping[str, bool]
    accepted_later: Set[str]
    moved: bool

    @property
    def taken_back(self) -> HandOverTakenBack | None:
        return getattr(self.hand_over, "taken_back", None)

    @property
    def accepted(self) -> int:
        return self.counts["accepted"] + self.counts["later"]

    @property
    def refused(self) -> int:
        """Explained or not."""
        return self.counts["refused"] + self.counts["settled"]

    @property
    def settled(self) -> int:
        return self.counts["settled"]

    @property
    def unanswered(self) -> int:
        return self.counts["unanswered"]

    @property
    def open(self) -> int:
        return self.counts["refused"] + self.counts["unanswered"]

    def open_keys(self) -> list[str]:
        """The keys of its open rows, those that were sent back first, of each units before people. Three queries at most, none
        where every row was answered."""
        refused = [key for key, settled in self.refused_rows.items() if not settled and key not in self.accepted_later]
        found = [] if self.moved else lines.in_order(refused)
        if self.unanswered:
            answered = ReplyRow.objects.filter(reply__hand_over=self.hand_over).order_by().values_list("key", flat=True)
            found += lines.in_order(lines.keys_of(self.hand_over.calculation) - set(answered) - self.accepted_later)
        return found

    def keys(self) -> list[str]:
        """The keys of all its rows, open ones first."""
        first = self.open_keys()
        return [*first, *lines.in_order(lines.keys_of(self.hand_over.calculation) - set(first))]

    def states(self, keys: Sequence[str]) -> list[RowState]:
        """Where these of its rows stand, in their order, with the newest answer to each. One query."""
        answers = ReplyRow.objects.filter(reply__hand_over=self.hand_over, key__in=keys).newest()  # type: ignore[attr-defined]
        newest = {row.key: row for row in answers.select_related("settlement__by", "reply").defer("reply__document")}
        return [RowState(key, self._state(key, newest.get(key)), newest.get(key)) for key in keys]

    def _state(self, key: str, row: ReplyRow | None) -> str:
        if row is not None and row.verdict == ReplyRow.Verdict.ACCEPTED:
            return "accepted"
        if self.moved:
            return "moved"
        if key in self.accepted_later:
            return "later"
        if row is None:
            return "taken_back" if self.taken_back else "unanswered"
        return "settled" if hasattr(row, "settlement") else "refused"

    def rows(self) -> Iterator[RowState]:
        """All its rows, open ones first. A query for each 2,000."""
        keys = self.keys()
        for start in range(0, len(keys), ROWS_AT_ONCE):
            yield from self.states(keys[start : start + ROWS_AT_ONCE])


@dataclass(frozen=True)
class Reconciliation:
    """What is left unexplained between a county and its receivers. `open` has to reach zero.

    differing: rows of the newest supplementary list that a receiver of the frozen rows has not been given. ungiven: the frozen
    rows themselves, while nobody has been given them.
    """

    frozen: Calculation
    newest: Calculation | None
    accounts: list[Account]
    ungiven: int
    differing: int

    @property
    def open(self) -> int:
        return self.ungiven + self.differing + sum(one.open for one in self.accounts)


def reconciliation(period: Period) -> Reconciliation | None:
    """How the hand-overs of what is frozen now stand; None before the freeze. Its queries grow neither with rows nor with hand-overs."""
    frozen = package.standing_freeze(period)
    if frozen is None:
        return None
    given = list(
        period.hand_overs.filter(calculation__number__gte=frozen.number).select_related(
            "receiver", "calculation", "period__county", "taken_back__by"
        )
    )
    accounts = _accounts(given, given)
    newest = newest_supplement(frozen)
    differing = 0
    if newest is not None:
        # By name: a receiver whose key was replaced is one with who has it now.
        ended = {one.receiver_id for one in given if hasattr(one, "taken_back")}  # they are given nothing any more
        receivers = {one.receiver.name for one in given if one.calculation_id == frozen.pk and one.receiver_id not in ended}
        lacking = receivers - {one.receiver.name for one in given if one.calculation_id == newest.pk}
        differing = len(lacking) * lines.how_many(newest) if lacking else 0
    whole = any(one.calculation_id == frozen.pk and not hasattr(one, "taken_back") for one in given)
    return Reconciliation(frozen, newest, accounts, ungiven=0 if whole else lines.how_many(frozen), differing=differing)


def account(given: HandOver) -> Account:
    """How one hand-over stands. One query less where `taken_back` was read with it."""
    later = HandOver.objects.filter(period=given.period_id, number__gt=given.number).select_related("receiver")
    return _accounts([given], [given, *later])[0]


def _accounts(wanted: list[HandOver], known: list[HandOver]) -> list[Account]:
    """Hand-overs, with the newest answer to each row. `known`: they and the hand-overs after them."""
    newest = ReplyRow.objects.filter(reply__hand_over__in=wanted).newest().order_by()  # type: ignore[attr-defined]
    taken = newest.filter(verdict=ReplyRow.Verdict.ACCEPTED)
    accepted = dict(taken.values("reply__hand_over").annotate(rows=Count("pk")).values_list("reply__hand_over", "rows"))
    refused: dict[int, dict[str, bool]] = {one.pk: {} for one in wanted}
    sent_back = newest.filter(verdict=ReplyRow.Verdict.REFUSED)
    for hand_over, key, settlement in sent_back.values_list("reply__hand_over", "key", "settlement"):
        refused[hand_over][key] = settlement is not None
    after = {one.pk: [other for other in known if other.number > one.number and other.receiver.name == one.receiver.name] for one in wanted}
    moved = {one.pk: any(other.calculation_id == one.calculation_id for other in after[one.pk]) for one in wanted}  # once for each key
    later = _accepted({one.pk: {other.pk for other in after[one.pk]} for one in wanted if not moved[one.pk]})
    already = taken.filter(key__in=set().union(*later.values())).values_list("reply__hand_over", "key")
    both = set(already) if any(later.values()) else set()
    found = []
    for one in wanted:
        accepted_later = {key for key in later.get(one.pk, ()) if (one.pk, key) not in both}
        accepted_later &= lines.keys_of(one.calculation) if accepted_later else set()
        counts = Counter(accepted=accepted.get(one.pk, 0), later=len(accepted_later))
        if not moved[one.pk]:
            counts.update("settled" if settled else "refused" for key, settled in refused[one.pk].items() if key not in accepted_later)
        rest = "moved" if moved[one.pk] else "taken_back" if hasattr(one, "taken_back") else "unanswered"
        counts[rest] = one.rows - counts.total()
        found.append(Account(one, counts, refused[one.pk], accepted_later, moved[one.pk]))
    return found


def _accepted(later: Mapping[int, Set[int]]) -> dict[int, set[str]]:
    """Of each hand-over the keys that later ones (by hand-over) accepted last. One query, none without later ones."""
    wanted = set().union(*later.values())
    if not wanted:
        return {}
    answers = ReplyRow.objects.filter(reply__hand_over__in=wanted).order_by("reply_id")
    found: dict[int, set[str]] = {one: set() for one in later}
    for hand_over, key, verdict in answers.values_list("reply__hand_over", "key", "verdict"):
        for one, others in later.items():
            if hand_over in others:
                (found[one].add if verdict == ReplyRow.Verdict.ACCEPTED else found[one].discard)(key)
    return found
