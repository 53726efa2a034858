"""A thousand people in one exam: each saves an answer every 15 seconds and gives a sign of life every 20, invigilators look
every 10, over real connections to gunicorn on PostgreSQL; then 300 more begin within ten seconds. The generator shares the machine.

`python -m bench.exam` runs it alone; `python -m bench` beside the other figures.
"""

import asyncio
import os
import random
import re
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from urllib.parse import quote

from bench import crowd
from bench.client import Reply, Unreachable, Visitor

PEOPLE = int(os.environ.get("BENCH_EXAM_PEOPLE", "1000"))
SECONDS = int(os.environ.get("BENCH_EXAM_SECONDS", "60"))
ITEMS = 50
STARTERS, WITHIN = 300, 10
SAVE_EVERY, SIGN_EVERY, LOOK_EVERY = 15, 20, 10
INVIGILATORS = 10
TARGET = 0.150


@dataclass
class Seat:
    """One person who sits: where answers go, and what can be answered."""

    visitor: Visitor
    attempt: int
    items: list[tuple[int, object]]
    device: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    known: dict[int, int] = field(default_factory=dict)  # the number of the answer that the page shows, by item


@dataclass
class Load:
    """What was measured, by name, and what went wrong."""

    times: dict[str, list[float]] = field(default_factory=dict)
    wrong: Counter = field(default_factory=Counter)
    under_way: set[asyncio.Task] = field(default_factory=set)
    paces: list[asyncio.Task] = field(default_factory=list)

    def repeat(self, seconds: float, act: Callable[[], Awaitable]) -> None:
        """Begin the act every so many seconds, from a random moment on, whether the last one has ended or not."""
        self.paces.append(asyncio.create_task(self._pace(seconds, act)))

    async def _pace(self, seconds: float, act: Callable[[], Awaitable]) -> None:
        await asyncio.sleep(random.random() * seconds)
        while True:
            task = asyncio.ensure_future(act())
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)
            await asyncio.sleep(seconds)

    async def stop(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        for pace in self.paces:
            pace.cancel()
        await asyncio.gather(*self.under_way)

    async def ask(self, name: str, request, expected: int | None = 200) -> Reply | None:
        try:
            reply = await request
        except Unreachable as error:
            self.wrong[f"{name}: {error}"[:120]] += 1
            return None
        self.times.setdefault(name, []).append(reply.seconds)
        if expected is not None and reply.status != expected:
            self.wrong[f"{name}: {reply.status}"] += 1
        return reply

    def quantiles(self, name: str) -> tuple[float, float, float]:
        """p50, p95, p99 in milliseconds."""
        found = statistics.quantiles(self.times[name], n=100, method="inclusive")
        return found[49] * 1000, found[94] * 1000, found[98] * 1000


def sit_down(host: str, port: int) -> tuple[list[Seat], list[Visitor], list[Visitor], int]:
    """Those who sit already, those who will begin, the invigilators, and the sitting."""
    from core import clock
    from quizzes.services import sittings

    unit = crowd.county(items=ITEMS)
    made = crowd.people(unit, PEOPLE + STARTERS + INVIGILATORS)
    watching, sitting_people = made[:INVIGILATORS], made[INVIGILATORS:]
    sitting = crowd.sitting(made[0], sitting_people, opens_at=clock.now() + timedelta(seconds=5), minutes=90)
    for person in watching[1:]:
        sittings.appoint(sitting=sitting, person=person, by=made[0], at=clock.now())
    keys = crowd.sessions(made)
    visitors = [Visitor(host, port, key) for key in keys]
    at = sitting.opens_at
    seats = []
    for person, visitor in zip(sitting_people[:PEOPLE], visitors[INVIGILATORS:], strict=False):
        attempt = sittings.enter(person=person, sitting=sitting, at=at)
        items = [(item.pk, item.item_kind.right(item.shown, item.key)) for item in attempt.items.all()]
        seats.append(Seat(visitor, attempt.pk, items))
    return seats, visitors[INVIGILATORS + PEOPLE :], visitors[:INVIGILATORS], sitting.pk


async def _answer(seat: Seat, load: Load, name: list[str]) -> None:
    item, response = random.choice(seat.items)
    token, base = f"{seat.device}.{uuid.uuid4().hex[:24]}", seat.known.get(item, 0)
    body = {"item": item, "response": response, "token": token, "base": base, "late": False}
    reply = await load.ask(name[0], seat.visitor.post_json(f"/attempts/{seat.attempt}/answers/", body))
    if reply is not None and reply.status == 200:
        seat.known[item] = reply.json()["seq"]


def _sign(seat: Seat, load: Load):
    return load.ask("sign of life", seat.visitor.post_json(f"/attempts/{seat.attempt}/presence/", {"unacknowledged": 0, "events": []}))


def _look(visitor: Visitor, sitting: int, room: int, load: Load):
    path = f"/sittings/{sitting}/watch/" + (f"?room=%E7%AC%AC{room}%E8%80%83%E5%9C%BA" if room else "")
    return load.ask("watch, one room" if room else "watch, all rooms", visitor.get(path, htmx=True))


async def _begin(visitor: Visitor, sitting: int, load: Load) -> None:
    await asyncio.sleep(random.random() * WITHIN)
    came = time.perf_counter()
    entered = await load.ask("ask to enter", visitor.post(f"/sittings/{sitting}/"), expected=None)
    if entered is not None and entered.status == 409:  # told to wait, as the page does by itself
        wait, token = re.search(rb'data-turn-in="(\d+)"', entered.body), re.search(rb'name="turn" value="([^"]+)"', entered.body)
        assert wait and token, "refused without a turn"
        await asyncio.sleep(int(wait[1]) / 1000 + 0.1)
        body = b"turn=" + quote(token[1].decode()).encode()
        entered = await load.ask("enter", visitor.post(f"/sittings/{sitting}/", body), expected=302)
    load.times.setdefault("from the wish to enter until let in", []).append(time.perf_counter() - came)
    if entered is not None and entered.status == 302:
        await load.ask("attempt page after entering", visitor.get(entered.headers["location"]))


async def drive(seats: list[Seat], starters: list[Visitor], invigilators: list[Visitor], sitting: int) -> Load:
    """First the answers alone, then the same with all who begin. Each answer is measured from the first byte sent to the last received."""
    load = Load()
    name = ["warm-up"]
    for seat in seats:
        load.repeat(SAVE_EVERY, partial(_answer, seat, load, name))
        load.repeat(SIGN_EVERY, partial(_sign, seat, load))
    for room, visitor in enumerate(invigilators):
        load.repeat(LOOK_EVERY, partial(_look, visitor, sitting, room, load))
    await asyncio.sleep(SAVE_EVERY)
    name[0] = "save"
    await asyncio.sleep(SECONDS)
    name[0] = "save while others begin"
    await asyncio.gather(*[_begin(visitor, sitting, load) for visitor in starters])
    await load.stop()
    return load


def measure(host: str, port: int) -> tuple[list[tuple[str, str, str, bool]], list[str]]:
    """Rows for the table of figures, and further lines to read. Needs Django set up and the server running."""
    from django.db import connection, connections

    started = time.perf_counter()
    seats, starters, invigilators, sitting = sit_down(host, port)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    connections.close_all()
    notes = [f"exam: {len(seats)} people with {ITEMS} items each sat down in {time.perf_counter() - started:.0f} s"]
    load = asyncio.run(drive(seats, starters, invigilators, sitting))
    rows = []
    for name, words in [
        ("save", f"exam: save, {len(seats)} people, every {SAVE_EVERY} s"),
        ("save while others begin", f"exam: save while {len(starters)} begin in {WITHIN} s"),
    ]:
        p50, p95, p99 = load.quantiles(name)
        wrong = sum(n for what, n in load.wrong.items() if what.startswith(f"{name}:"))
        figure = f"p50 {p50:.0f} p95 {p95:.0f} p99 {p99:.0f} ms" + (f" ({wrong} failed)" if wrong else "")
        rows.append((words, figure, f"p95 <= {TARGET * 1000:.0f} ms", p95 <= TARGET * 1000 and not wrong))
    rows.append(others(load))
    for name in sorted(set(load.times) - {"save", "save while others begin", "warm-up"}):
        p50, p95, p99 = load.quantiles(name)
        notes.append(f"exam: {name}: {len(load.times[name])} requests, p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms")
    notes += [f"exam: {count} × {what}" for what, count in load.wrong.most_common(10)]
    rows.append(_hand_in_all(sitting))
    return rows, notes


def others(load: Load) -> tuple[str, str, str, bool]:
    """What is no save of the two rows above: signs of life, the watch, entering, pages. None may fail, the warm-up's neither."""
    saves = ("save:", "save while others begin:")
    asked = sum(len(times) for name, times in load.times.items() if f"{name}:" not in saves)
    failed = sum(count for what, count in load.wrong.items() if not what.startswith(saves))
    return (f"exam: all other requests, {asked}", f"{failed} failed", "0 failed", asked > 0 and not failed)


def _hand_in_all(sitting: int) -> tuple[str, str, str, bool]:
    """Everybody's time ends in the same second: how long the worker takes to hand in and mark all of them."""
    from core import clock
    from quizzes.models import Attempt
    from quizzes.services import attempts

    open_now = Attempt.objects.open().filter(sitting=sitting)
    count = open_now.count()
    started = time.perf_counter()
    attempts.submit_overdue(clock.now() + timedelta(hours=3))
    seconds = time.perf_counter() - started
    return (f"exam: hand in {count} by the clock", f"{seconds:.1f} s", "< 60 s", not open_now.exists() and seconds < 60)


if __name__ == "__main__":
    from bench.__main__ import PORT, Server, prepare

    prepare()
    with Server(PORT):
        table, lines = measure("127.0.0.1", PORT)
    print(*lines, sep="\n")
    for words, figure, target, met in table:
        print(f"{words:<48}  {figure:>34}  target {target:<14} {'met' if met else 'MISSED'}")
