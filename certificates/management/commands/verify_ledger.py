"""Read the ledger of certificates anew and say which rows are not as they were."""

import json
from datetime import date
from pathlib import Path
from time import perf_counter

from django.core.management.base import BaseCommand, CommandError

from certificates.ledger_check import Check
from core import clock

TOLD = 10_000  # findings in the JSON document; all of them go to stderr


class Command(BaseCommand):
    help = (
        "Re-read every certificate, status event, entry of the ledger, daily root and signature. Names each row that was edited, removed, "
        "inserted, re-ordered or back-dated, one a line on stderr; exit 1 if any. Changes nothing."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--since", type=date.fromisoformat, metavar="DATE", help="read entries chained on this day (YYYY-MM-DD) and later"
        )
        parser.add_argument(
            "--against",
            nargs="+",
            type=Path,
            default=[],
            metavar="FILE",
            help="roots that were kept elsewhere, as /ledger/latest.json gives them",
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="the answer as one JSON document on stdout")

    def handle(self, *args, since: date | None, against: list[Path], as_json: bool, **options):
        started = perf_counter()
        check = Check(at=clock.now(), since=since, against=[self.read(path) for path in against])
        count, told = 0, []
        for finding in check.findings():
            count += 1
            self.stderr.write(str(finding))
            if as_json and len(told) < TOLD:
                told.append({"row": finding.row, "what": finding.what})
        seconds = round(perf_counter() - started, 2)
        if as_json:
            answer = {"ok": not count, "count": count, "findings": told, "notes": check.notes, "rows": check.rows, "seconds": seconds}
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=1))
        else:
            for note in check.notes:
                self.stdout.write(f"note: {note}")
            read = ", ".join(f"{number} {what}" for what, number in sorted(check.rows.items())) or "nothing"
            self.stdout.write(f"{read} read in {seconds} s: {f'{count} findings' if count else 'nothing wrong'}")
        if count:
            raise SystemExit(1)

    def read(self, path: Path) -> dict:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as fault:
            raise CommandError(f"{path}: {fault}") from fault
