"""Exports of a county's completion records: a CSV of 1,000,000 rows and a workbook of 100,000, with the memory that a worker takes.

By itself, on a database with a county and its courses in it:

    DATABASE_URL=… DJANGO_SETTINGS_MODULE=config.settings.local python -m bench.exports [ROWS]
"""

import os
import subprocess
import sys
import tempfile
import time

from bench import memory

CSV_ROWS = int(os.environ.get("BENCH_EXPORT", "1000000"))
XLSX_ROWS = CSV_ROWS // 10
SECONDS, MEGABYTES = 30, 300
NUMBER = "'EX' || lpad(n::text, 7, '0')"
# Written past the services, in the shape that they give: a person of the multitude with a posting, duties and a completion of each course.
STEPS = [
    f"""INSERT INTO people_person (password, is_superuser, employee_number, name, phone, email, staff_type, status, unit_id, post_title, is_active, date_joined)
        SELECT '!', false, {NUMBER}, '张晓明', '', '', 'civil_servant', 'on_duty', units.ids[1 + n %% cardinality(units.ids)], '科员', true, now()
        FROM generate_series(%(known)s + 1, %(known)s + %(people)s) AS n, (SELECT array_agg(id ORDER BY path) AS ids FROM people_unit WHERE depth = 2 AND path LIKE %(county)s) AS units
        ON CONFLICT (employee_number) DO NOTHING""",
    """INSERT INTO people_posting (person_id, unit_id, title, is_main, starts_on)
        SELECT p.id, p.unit_id, p.post_title, true, current_date - 1000 FROM people_person p
        WHERE p.employee_number LIKE 'EX%%' AND NOT EXISTS (SELECT 1 FROM people_posting o WHERE o.person_id = p.id)""",
    """INSERT INTO people_dutyassignment (posting_id, duty, starts_on)
        SELECT o.id, d.duty, o.starts_on FROM people_posting o JOIN people_person p ON p.id = o.person_id
        CROSS JOIN (VALUES ('staff', 1), ('publisher', 3)) AS d(duty, each)
        WHERE p.employee_number LIKE 'EX%%' AND p.id %% d.each = 0 AND NOT EXISTS (SELECT 1 FROM people_dutyassignment h WHERE h.posting_id = o.id)""",
    """INSERT INTO courses_enrolment (person_id, unit_id, employee_number, person_name, unit_name, post_title, duties, staff_type, course_id, edition_id, round, enrolled_at)
        SELECT p.id, p.unit_id, p.employee_number, p.name, u.name, p.post_title, '["staff"]', p.staff_type, c.id, c.current_id, 1,
            now() - (p.id * 7 + c.id * 13) %% 300 * interval '1 day' - interval '1 hour'
        FROM people_person p JOIN people_unit u ON u.id = p.unit_id CROSS JOIN courses_course c
        WHERE p.employee_number LIKE 'EX%%' AND c.current_id IS NOT NULL AND c.id = ANY(%(courses)s)
            AND NOT EXISTS (SELECT 1 FROM courses_enrolment e WHERE e.person_id = p.id)""",
    """INSERT INTO courses_completion (person_id, unit_id, employee_number, person_name, unit_name, post_title, duties, staff_type, enrolment_id, course_id, edition_id,
            round, course_code, course_title, edition_number, line, minutes, certificate, policy_id, study_hours, test_hours, score, completed_at, evidence)
        SELECT e.person_id, e.unit_id, e.employee_number, e.person_name, e.unit_name, e.post_title, e.duties, e.staff_type, e.id, e.course_id, e.edition_id,
            1, c.code, d.title, d.number, d.line, d.minutes, '', %(policy)s, 1, 0.5, 80 + e.id %% 21, e.enrolled_at + interval '1 hour', '[]'
        FROM courses_enrolment e JOIN courses_course c ON c.id = e.course_id JOIN courses_edition d ON d.id = e.edition_id
        WHERE e.employee_number LIKE 'EX%%' AND NOT EXISTS (SELECT 1 FROM courses_completion o WHERE o.enrolment_id = e.id)""",
    """INSERT INTO evaluation_ledgerentry (person_id, unit_id, employee_number, person_name, unit_name, post_title, duties, staff_type, kind, year, hours, course_code,
            course_title, completion_id, policy_id, reason, at)
        SELECT c.person_id, c.unit_id, c.employee_number, c.person_name, c.unit_name, c.post_title, c.duties, c.staff_type, k.kind,
            extract(year FROM c.completed_at), k.hours, c.course_code, c.course_title, c.id, c.policy_id, '', c.completed_at
        FROM courses_completion c CROSS JOIN (VALUES ('online', 1), ('test', 0.5)) AS k(kind, hours)
        WHERE c.employee_number LIKE 'EX%%' AND NOT EXISTS (SELECT 1 FROM evaluation_ledgerentry l WHERE l.completion_id = c.id)""",
]


def fill(rows: int) -> None:
    """Completions, with their hours, of a county until there are so many."""
    from django.db import connection

    from core import clock
    from courses.models import Completion, Course, CreditPolicy
    from people.models import Person, Unit

    county = Unit.objects.counties()[0]
    missing = rows - Completion.objects.filter(unit__path__startswith=county.path).count()
    if missing <= 0:
        return
    courses = list(Course.objects.open().filter(county=county).values_list("pk", flat=True))
    values = {
        "known": Person.objects.filter(employee_number__startswith="EX").count(),
        "people": -(-missing // len(courses)),
        "county": county.path + "%",
        "courses": courses,
        "policy": CreditPolicy.objects.in_force(clock.today()).pk,
    }
    with connection.cursor() as cursor:
        for step in STEPS:
            cursor.execute(step, values)
        cursor.execute("VACUUM ANALYZE")


def export(kind: str, rows: int) -> None:
    """Write one file as a worker does, parts and all, and say how long it took and how much memory the process had. In a process of its own."""
    import itertools
    import uuid
    from dataclasses import replace

    from django.conf import settings

    from core import clock
    from evaluation import downloads
    from evaluation.exports import EXPORTS
    from evaluation.models import Download
    from people.models import Person, Role, Unit

    whole = EXPORTS["records"]

    def some(user, filters, at):
        found = whole.open(user, filters, at)
        return replace(found, keys=lambda: itertools.islice(found.keys(), rows))

    EXPORTS["records"] = replace(whole, open=some)
    hr = Person.objects.filter(role_grants__role=Role.HR, role_grants__unit=Unit.objects.counties()[0], role_grants__ends_on=None).first()
    columns = [column.key for column in whole.open(hr, {}, clock.now()).make().columns]
    with tempfile.TemporaryDirectory() as folder:
        settings.PRIVATE_ROOT = folder
        made = downloads.order(
            key="records",
            filters={},
            columns=columns,
            format=kind,
            purpose="bench",
            form_key=uuid.uuid4().hex,
            by=hr,
            at=clock.now(),
            then=lambda pk: None,
        )
        began = time.perf_counter()
        downloads.run(made.pk)
        seconds = time.perf_counter() - began
        made.refresh_from_db()
        Download.objects.filter(pk=made.pk).delete()
    if (made.state, made.total) != (Download.State.DONE, rows):
        raise SystemExit(f"{made.state}: {made.total} rows")
    print(seconds, memory.peak(), made.size / 2**20)


def measure(count: int = CSV_ROWS) -> list[tuple[str, str, str, bool]]:
    """The rows of the table, by the clock, as one worker does it."""
    fill(count)
    found = []
    for kind, rows in (("csv", count), ("xlsx", count // 10)):
        said = subprocess.run([sys.executable, "-m", "bench.exports", kind, str(rows)], capture_output=True, text=True, check=True).stdout
        seconds, megabytes, size = map(float, said.split())
        found.append(
            (
                f"{kind.upper()} of {rows:,} completion records, {size:.0f} MB",
                f"{seconds:.1f} s, {megabytes:.0f} MB",
                f"<= {SECONDS} s, < {MEGABYTES} MB",
                seconds <= SECONDS and megabytes < MEGABYTES,
            )
        )
    return found


if __name__ == "__main__":
    import django

    django.setup()
    if len(sys.argv) > 2:
        export(sys.argv[1], int(sys.argv[2]))
    else:
        for row in measure(int(sys.argv[1]) if len(sys.argv) > 1 else CSV_ROWS):
            print(*row, sep="  ")
