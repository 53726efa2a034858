"""How much anybody may ask the public check, so that nobody reads out a county's certificates by their numbers.

Asking costs points: a number 1, a file 10; and 20 more a file that takes as much time or memory as one may, or a number
that is well formed but was never issued, because honest people type what stands on a paper and its check character
catches their slips. An address may spend VERIFY_PER_MINUTE
and VERIFY_PER_HOUR points, all addresses together VERIFY_ALL_PER_HOUR. Whoever is past that solves a sum (`work`) and
gets a pass for a few more, or waits.

Points are counted in the process, exactly; every 20 of them are brought to the shared cache, from which the process
learns what the others counted. So a page costs no query, and a limit may be overrun by 20 points for each process.
"""

import ipaddress
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from certificates.verify import work
from core import clock
from core.errors import Refused
from people.services.readings import address_of

NUMBER, FILE, MISS = 1, 10, 20  # points; a miss costs NUMBER as well
TOGETHER = 20  # points that are brought to the shared cache at a time
COOKIE = "verify_pass"
PASS_POINTS, PASS_SECONDS = 30, 600
_PURPOSE = "certificates.verify.pass"
MINUTE, HOUR = 60, 3600
EVERYBODY = "*"  # no address


@dataclass(frozen=True)
class Blocked:
    """No more just now: seconds until it goes on by itself, and how hard a sum is asked for instead."""

    seconds: int
    bits: int


class Tally:
    """Points by key and span of time, in this process."""

    MOST = 50_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: dict[tuple[str, int, int], int] = {}
        self._brought: dict[tuple[str, int, int], tuple[int, int]] = {}  # what of them the shared cache has; what others brought

    def add(self, key: str, points: int, *, now: float, span: int, is_shared: bool, together: int = TOGETHER) -> int:
        """Points spent under a key in the present span, these included, as far as this process knows."""
        slot = (key, span, int(now) // span)
        with self._lock:
            if len(self._own) > self.MOST:
                self._forget_the_past(now)
            own = self._own[slot] = self._own.get(slot, 0) + points
            brought, others = self._brought.get(slot, (0, 0))
            due = own - brought if is_shared and own - brought >= together else 0
            if due:
                self._brought[slot] = (own, others)
        if due:
            total = _bring(slot, due, span)
            others = max(0, total - own)
            with self._lock:
                self._brought[slot] = (self._brought[slot][0], others)
        return own + others

    def _forget_the_past(self, now: float) -> None:
        kept = {slot: points for slot, points in self._own.items() if slot[2] == int(now) // slot[1]}
        self._own = kept if len(kept) <= self.MOST else {}
        self._brought = {slot: known for slot, known in self._brought.items() if slot in self._own}

    def clear(self) -> None:
        with self._lock:
            self._own.clear()
            self._brought.clear()


tally = Tally()


def _bring(slot: tuple[str, int, int], points: int, span: int) -> int:
    """Add points in the cache that all processes share: what all of them brought. Two at once may count as one: a limit, not a ledger."""
    key = "verify:" + salted_hmac("certificates.verify.limits", repr(slot), algorithm="sha256").hexdigest()[:32]
    try:
        return cache.incr(key, points)
    except ValueError:  # the first of them
        cache.add(key, points, 2 * span)
        return points


def spend(request: HttpRequest, points: int) -> Blocked | None:
    """Count a request that costs points, on its address or, where that has none left, on the pass that it brought.

    No query, but at every 20th point of an address.
    """
    if not settings.VERIFY_PER_MINUTE:
        return None
    now = clock.now().timestamp()
    who = caller(request)
    blocked = _over(who, points, now)
    if blocked and _pass_pays(request, points, now):
        return None
    return blocked


def missed(request: HttpRequest) -> None:
    """Count a number that was never issued, or a file that cost as much as a file may."""
    if settings.VERIFY_PER_MINUTE:
        now = clock.now().timestamp()
        who = caller(request)
        if _over(who, MISS, now) and COOKIE in request.COOKIES:
            _pass_pays(request, MISS, now)


def sum_for(request: HttpRequest, blocked: Blocked) -> dict[str, str]:
    """The sum that the caller may solve instead of waiting."""
    return work.make(address=caller(request), bits=blocked.bits, now=clock.now().timestamp())


def redeem(request: HttpRequest, sent: Mapping[str, str]) -> str:
    """The value of the cookie that a solved sum earns. Each sum once.

    Raises:
        Refused: as `work.solved` says, or it was handed in before ("work_used").
    """
    now = clock.now().timestamp()
    name, expires = work.solved(sent, address=caller(request), now=now)
    if not cache.add(f"verify:solved:{name}", 1, int(expires - now) + 60):
        raise Refused(_("This was used already. Please open the check again."), code="work_used")
    tally.add(f"passes:{caller(request)}", 1, now=now, span=HOUR, is_shared=True, together=1)
    return signing.TimestampSigner(salt=_PURPOSE).sign(name)


def caller(request: HttpRequest) -> str:
    """The address that points are counted on; of IPv6 the first 64 bits, which one household has to itself."""
    address = address_of(request) or ""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))


def _over(who: str, points: int, now: float) -> Blocked | None:
    minute = tally.add(who, points, now=now, span=MINUTE, is_shared=False)
    if minute > settings.VERIFY_PER_MINUTE:
        return Blocked(_left(now, MINUTE), _bits(who, now))
    if settings.VERIFY_PER_HOUR and tally.add(who, points, now=now, span=HOUR, is_shared=True) > settings.VERIFY_PER_HOUR:
        return Blocked(_left(now, HOUR), _bits(who, now))
    if settings.VERIFY_ALL_PER_HOUR and tally.add(EVERYBODY, points, now=now, span=HOUR, is_shared=True) > settings.VERIFY_ALL_PER_HOUR:
        return Blocked(_left(now, HOUR), _bits(who, now))
    return None


def _left(now: float, span: int) -> int:
    return span - int(now) % span


def _bits(who: str, now: float) -> int:
    """One bit harder for each pass that the address earned in this hour: the first is quick, a reader of many pays."""
    return work.LEAST + tally.add(f"passes:{who}", 0, now=now, span=HOUR, is_shared=True, together=1)


def _pass_pays(request: HttpRequest, points: int, now: float) -> bool:
    try:
        name = signing.TimestampSigner(salt=_PURPOSE).unsign(request.COOKIES.get(COOKIE, ""), max_age=PASS_SECONDS)
    except signing.BadSignature:
        return False
    # A pass lives for less than an hour; one that lives across its turn is worth its points once more.
    return tally.add(f"pass:{name}", points, now=now, span=HOUR, is_shared=True, together=1) <= PASS_POINTS
