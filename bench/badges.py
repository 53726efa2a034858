"""What a badge and a status list cost: on one core, by the clock of the process."""

import statistics
import time
from datetime import timedelta


def measure(count: int = 10_000) -> list[tuple[str, str, str, bool]]:
    """Rows for the table. Takes what certificates there are in turn, and one revoked in a hundred places of the list."""
    from certificates import badge, status_lists
    from certificates.models import Certificate, StatusEvent
    from certificates.services import keys
    from core import clock

    at = clock.now()
    keys.ensure(at=at)
    found = list(Certificate.objects.with_ledger()[:500])
    badge.file(found[0])
    started = time.process_time()
    for number in range(count):
        certificate = found[number % len(found)]
        certificate.issued_at = at - timedelta(seconds=number)  # no two alike
        badge.file(certificate)
    rate = count / (time.process_time() - started)

    revoked = [each.pk for each in found[: max(1, len(found) // 10)]]
    StatusEvent.objects.bulk_create(
        StatusEvent(certificate_id=pk, kind=StatusEvent.Kind.SUSPENDED, reason="bench", at=at) for pk in revoked
    )
    made, served = [], []
    for _ in range(5):
        started = time.process_time()
        badge.as_json(status_lists.signed(status_lists.SUSPENSION, revoked[0] // status_lists.LENGTH, at=at))
        made.append((time.process_time() - started) * 1000)
    served = _served_ms(f"/certificates/status/suspension/{revoked[0] // status_lists.LENGTH}.json")
    return [
        (f"badges made and signed, {count:,}", f"{rate:.0f}/s", ">= 222/s", rate >= 222),
        ("status list of 131,072, from memory", f"{served:.2f} ms", "<= 2 ms", served <= 2),
        ("the same, made anew after an event", f"{statistics.median(made):.1f} ms", "<= 50 ms", statistics.median(made) <= 50),
    ]


def _served_ms(path: str, times: int = 300) -> float:
    """Milliseconds of processor that a request takes from the first middleware to the last, the database's answer among them: the median."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import RequestFactory

    handler, factory, taken = WSGIHandler(), RequestFactory(SERVER_NAME="127.0.0.1"), []
    for _ in range(times):
        environ = factory.get(path).environ
        started = time.perf_counter()
        response = handler(environ, lambda status, headers: None)
        b"".join(response)
        taken.append((time.perf_counter() - started) * 1000)
        response.close()
        if response.status_code != 200:
            raise SystemExit(f"{path}: {response.status_code}")
    return statistics.median(taken)
