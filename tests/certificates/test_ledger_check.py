"""Whatever is edited, removed, inserted or moved behind the back of the product is found, and named."""

import json
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

from certificates import ledger, merkle, rules, services
from certificates.ledger_check import Check
from certificates.models import Certificate, ChainEntry, DayRoot, NumberSequence, StatusEvent, TemplateVersion
from certificates.models.ledger import leaf_of, statement_of
from certificates.services import chaining
from core import clock
from tests.cast import NOON
from tests.certificates.conftest import a_completion

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHECKED = NOON + 3 * DAY
# Columns that nothing covers, with the reason. There are none.
UNCOVERED: dict[str, str] = {}


@pytest.fixture
def book(cast, kinds, private):
    """Three days of a county: two are closed. The learner's certificate was suspended on the second."""
    first = services.issue(completion=a_completion(cast.learner), at=NOON)
    services.issue(completion=a_completion(cast.colleague), at=NOON)
    services.chain(at=NOON)
    StatusEvent.objects.create(certificate=first, kind="suspended", reason="核查", by=cast.hr, second=cast.admin, at=NOON + DAY)
    services.issue(completion=a_completion(cast.liaison), at=NOON + DAY)
    services.chain(at=NOON + DAY)
    services.publish_roots(at=NOON + 2 * DAY)
    services.issue(completion=a_completion(cast.learner), at=NOON + 2 * DAY)
    services.chain(at=NOON + 2 * DAY)
    return first


def findings(at=NOON + 2 * DAY, **more) -> list[str]:
    return [str(finding) for finding in Check(at=at, **more).findings()]


@contextmanager
def behind_its_back():
    """A cursor that no constraint stops; all is undone afterwards."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL session_replication_role = replica")
            yield cursor
        transaction.set_rollback(True)


def other(value, field: models.Field):
    """A value that a column could have had instead."""
    if isinstance(field, models.DateTimeField):
        return (value or NOON) + timedelta(seconds=1)
    if isinstance(field, models.DateField):
        return (value or date(2030, 1, 1)) + timedelta(days=40)
    if isinstance(field, models.JSONField):
        return json.dumps([*value, "x"])
    if isinstance(field, models.DecimalField):
        return str((value or Decimal(0)) + Decimal("0.01"))
    if isinstance(field, models.IntegerField | models.ForeignKey):
        return (value or 0) + 1000
    if len(value) == 64 or field.name == "salt":
        return "0" * len(value) if set(value) != {"0"} else "1" * len(value)
    return (value + "x")[-(field.max_length or 400) :]


def covered(model):
    fields = model._meta.concrete_fields
    return pytest.mark.parametrize(
        "field", [field for field in fields if f"{model.__name__}.{field.name}" not in UNCOVERED], ids=lambda f: f.name
    )


def edit(cursor, row: models.Model, field: models.Field) -> None:
    table, key = row._meta.db_table, row._meta.pk.column
    value = other(getattr(row, field.attname), field)
    cursor.execute(f'UPDATE {table} SET "{field.column}" = %s WHERE "{key}" = %s', [value, row.pk])
    assert cursor.rowcount == 1


def test_what_nobody_touched_is_clean_and_everything_was_read(book):
    check = Check(at=CHECKED)
    assert list(check.findings()) == [] and check.notes == []
    assert check.rows == {"roots": 2, "copies": 2, "entries": 6, "events": 5, "certificates": 4}


def test_it_reads_in_as_many_queries_whatever_there_is(book, cast):
    with CaptureQueriesContext(connection) as few:
        assert findings() == []
    for _time in range(6):
        services.issue(completion=a_completion(cast.learner), at=NOON + 2 * DAY)
    services.chain(at=NOON + 2 * DAY)
    with CaptureQueriesContext(connection) as more:
        assert findings() == []
    assert len(more) == len(few) < 20


# ---- edited -----------------------------------------------------------------------------------


@covered(Certificate)
def test_an_edited_column_of_a_certificate_is_found_and_named(book, field):
    with behind_its_back() as cursor:
        edit(cursor, book, field)
        found = findings()
    if field.primary_key:
        assert any(line.startswith(f"certificate {book.number}: was removed") for line in found)
    else:
        assert any(line.startswith(f"certificate {book.number}: {field.attname} was edited") for line in found), found
        assert {line.split(":")[0] for line in found} <= {
            f"certificate {book.number}",
            *(f"status event {e.pk} ({e.kind} of {book.number})" for e in book.events.all()),
            f"certificate {book.number[:-2]}",
        }


@covered(StatusEvent)
@pytest.mark.parametrize("kind", ["issued", "suspended"])
def test_an_edited_column_of_a_status_event_is_found_and_named(book, field, kind):
    event = book.events.get(kind=kind)
    with behind_its_back() as cursor:
        if field.name == "proposal":  # the database asks for both officers of one
            cursor.execute("UPDATE certificates_statusevent SET by_id = 1001, second_id = 1002 WHERE id = %s", [event.pk])
        edit(cursor, event, field)
        found = findings()
    row = f"status event {event.pk} ({kind} of {book.number})"
    names = {"id": "was removed", "certificate": "was removed", "by": "by is", "second": "second is", "proposal": "proposal is"}
    if field.name == "certificate":
        assert any(line.startswith(f"certificate {book.number}: was removed") for line in found)
    else:
        assert any(line.startswith(f"{row}: {names.get(field.name, field.name)}") for line in found), found


def test_an_event_that_was_moved_to_another_certificate_is_found(book, cast):
    event, others = book.events.get(kind="suspended"), Certificate.objects.exclude(pk=book.pk).first()
    with behind_its_back() as cursor:
        cursor.execute("UPDATE certificates_statusevent SET certificate_id = %s WHERE id = %s", [others.pk, event.pk])
        found = findings()
    assert any(line.startswith(f"status event {event.pk} ") and "number is" in line for line in found)


@covered(ChainEntry)
@pytest.mark.parametrize("sequence", [2, 4, 6], ids=["in the first root", "suspended", "newest"])
def test_an_edited_column_of_an_entry_is_found_and_named(book, field, sequence):
    entry = ChainEntry.objects.get(sequence=sequence)
    with behind_its_back() as cursor:
        edit(cursor, entry, field)
        found = findings()
    if field.name == "sequence":
        assert any(line.startswith((f"entry {sequence}", "entry 1006 ")) for line in found), found
    else:
        assert any(line.startswith(f"entry {sequence} ") for line in found), found
    if field.name in ("at", "facts_digest"):
        assert any(f"its {field.name} was edited" in line for line in found)


@covered(DayRoot)
@pytest.mark.parametrize("number", [1, 2])
def test_an_edited_column_of_a_root_is_found_and_named(book, field, number):
    root = DayRoot.objects.get(number=number)
    with behind_its_back() as cursor:
        edit(cursor, root, field)
        found = findings()
    assert any(line.startswith((f"root {number} of", f"root {number}: is missing", "root 2 to")) for line in found), found


def test_the_design_of_a_certificate_is_covered_through_its_digest(book):
    version = book.version
    for column, value in (("digest", "0" * 64), ("content", json.dumps({**version.content, "title": "别的"}))):
        with behind_its_back() as cursor:
            cursor.execute(f"UPDATE certificates_templateversion SET {column} = %s WHERE id = %s", [value, version.pk])
            assert any(line.startswith(f"template version {version.pk} ") for line in findings())


def test_a_genesis_or_an_explanation_that_was_edited_is_found(book, cast):
    services.explain(sequences=[(2, 2)], by=cast.hr, reason="断电", at=NOON + 2 * DAY)
    for sequence in (1, 7):
        for column, value in (("facts", "{}"), ("facts", "no json"), ("kind", "x"), ("event_id", None)):
            with behind_its_back() as cursor:
                if value is None:
                    cursor.execute("UPDATE certificates_chainentry SET event_id = NULL WHERE sequence = 2")
                else:
                    cursor.execute(f"UPDATE certificates_chainentry SET {column} = %s WHERE sequence = %s", [value, sequence])
                assert findings() != []


# ---- removed ----------------------------------------------------------------------------------


def test_a_removed_certificate_is_found(book):
    with behind_its_back() as cursor:
        cursor.execute("DELETE FROM certificates_certificate WHERE id = %s", [book.pk])
        assert findings()[0].startswith(f"certificate {book.number}: was removed")


def test_a_removed_event_is_found(book):
    event = book.events.get(kind="suspended")
    with behind_its_back() as cursor:
        cursor.execute("DELETE FROM certificates_statusevent WHERE id = %s", [event.pk])
        assert findings() == [f"status event {event.pk} (suspended of {book.number}): was removed"]


@pytest.mark.parametrize("sequence", [1, 3, 5])
def test_a_removed_entry_is_found(book, sequence):
    with behind_its_back() as cursor:
        cursor.execute("DELETE FROM certificates_chainentry WHERE sequence = %s", [sequence])
        found = findings()
    if sequence != 5:
        assert f"entry {sequence}: is missing" in found
    assert any(line.startswith("root ") and "do not give it" in line for line in found)


def test_a_removed_event_with_its_entry_and_the_later_ones_moved_up_is_found(book):
    with behind_its_back() as cursor:
        cursor.execute("DELETE FROM certificates_chainentry WHERE sequence = 4")
        cursor.execute("DELETE FROM certificates_statusevent WHERE kind = 'suspended'")
        cursor.execute("UPDATE certificates_chainentry SET sequence = 4 WHERE sequence = 5")
        cursor.execute("UPDATE certificates_chainentry SET sequence = 5 WHERE sequence = 6")
        assert any(line.startswith("entry 4: does not follow entry 3") for line in findings())


def forget_the_newest(cursor, upto: int) -> None:
    """Remove certificates, events and entries behind an entry, without a gap."""
    cursor.execute("SELECT event_id FROM certificates_chainentry WHERE sequence > %s", [upto])
    events = [row[0] for row in cursor.fetchall()]
    for event in events:
        cursor.execute("SELECT certificate_id, kind FROM certificates_statusevent WHERE id = %s", [event])
        certificate, kind = cursor.fetchone()
        cursor.execute("DELETE FROM certificates_statusevent WHERE id = %s", [event])
        if kind == "issued":
            cursor.execute("DELETE FROM certificates_certificate WHERE id = %s", [certificate])
    cursor.execute("DELETE FROM certificates_chainentry WHERE sequence > %s", [upto])


def test_removal_of_the_newest_certificates_is_found_by_their_numbers(book):
    newest = Certificate.objects.first()
    with behind_its_back() as cursor:
        forget_the_newest(cursor, 5)
        assert findings() == [f"certificate {newest.number[:-2]}: was removed: its number was given out"]


def test_removal_of_the_newest_rows_is_found_by_the_published_root(book):
    with behind_its_back() as cursor:
        forget_the_newest(cursor, 4)
        cursor.execute("UPDATE certificates_numbersequence SET last = 2")
        [finding] = findings()
        assert finding.startswith("root 2 of 2026-06-16: entries 4 to 5 do not give it")


def test_removal_of_the_newest_rows_with_their_root_is_found_by_its_copy(book):
    with behind_its_back() as cursor:
        forget_the_newest(cursor, 3)
        cursor.execute("UPDATE certificates_numbersequence SET last = 2")
        cursor.execute("DELETE FROM certificates_dayroot WHERE number = 2")
        assert findings() == ["root of 2026-06-16: was removed: a copy of it exists"]


def test_removal_with_root_and_copy_is_found_by_whoever_kept_the_published_root(book):
    kept = ledger.document_of(DayRoot.objects.get(number=2))
    with behind_its_back() as cursor:
        forget_the_newest(cursor, 3)
        cursor.execute("UPDATE certificates_numbersequence SET last = 2")
        cursor.execute("DELETE FROM certificates_dayroot WHERE number = 2")
        ledger.papers().delete(f"{ledger.folder()}/2026-06-16.json")
        assert findings() == []
        assert findings(against=[kept]) == ["root of 2026-06-16: was removed: a kept of it exists"]


def test_removal_of_the_roots_alone_is_found(book):
    with behind_its_back() as cursor:
        cursor.execute("DELETE FROM certificates_dayroot")
        found = findings()
    assert "root of 2026-06-15: was removed: a copy of it exists" in found
    assert any("was not published, or was removed" in line for line in found)


# ---- inserted, re-ordered, replaced ---------------------------------------------------------------


def test_an_inserted_event_is_found_before_it_is_chained(book, cast):
    with behind_its_back() as cursor:
        event = StatusEvent.objects.create(certificate=book, kind="restored", reason="x", by=cast.hr, at=NOON + DAY)
        del cursor
        assert [line.partition(":")[0] for line in findings()] == [f"status event {event.pk} (restored of {book.number})"]


def test_an_inserted_event_of_a_closed_day_is_found_after_it_was_chained(book, cast):
    with behind_its_back():
        StatusEvent.objects.create(certificate=book, kind="restored", reason="x", by=cast.hr, at=NOON + DAY)
        services.chain(at=NOON + 2 * DAY)
        [finding] = findings()
        assert "is back-dated: it claims 2026-06-16 12:00:00" in finding


@pytest.mark.parametrize("has_event", [True, False])
def test_an_inserted_certificate_is_found_by_its_number(book, has_event):
    with behind_its_back():
        forged = Certificate.objects.get(pk=book.pk)
        forged.pk, forged._state.adding, forged.completion = None, True, None
        forged.number = rules.compose_number(prefix="YAZWGK", category="01", year=2026, county_code="532325", serial=99)
        forged.facts_digest = rules.digest(forged.facts())
        forged.save()
        if has_event:
            StatusEvent.objects.create(certificate=forged, kind="issued", at=NOON + 2 * DAY)
            services.chain(at=NOON + 2 * DAY)
        found = findings()
    if has_event:
        assert found == [
            "certificate YAZWGK-01-2026-532325-00099: was inserted, or the sequence was edited: its number was never given out"
        ]
    else:
        assert found[0].startswith(f"certificate {forged.number}: has no event of its issue")


def test_entries_that_changed_places_are_found(book):
    with behind_its_back() as cursor:
        for was, now in ((2, 100), (3, 2), (100, 3)):
            cursor.execute("UPDATE certificates_chainentry SET sequence = %s WHERE sequence = %s", [now, was])
        found = findings()
    assert any(line.startswith("entry 2 ") for line in found) and any(line.startswith("entry 3") for line in found)


def rechain(cursor, first: int) -> None:
    """What somebody would do who knows how entries are hashed."""
    previous = ChainEntry.objects.get(sequence=first - 1).hash
    for entry in ChainEntry.objects.filter(sequence__gte=first).order_by("sequence"):
        args = (
            entry.sequence,
            entry.event_id,
            entry.kind,
            entry.number,
            entry.at,
            entry.facts,
            entry.facts_digest,
            entry.chained_at,
            previous,
        )
        now = merkle.entry_hash(leaf_of(*args))
        cursor.execute("UPDATE certificates_chainentry SET previous = %s, hash = %s WHERE sequence = %s", [previous, now, entry.sequence])
        previous = now


def test_an_edit_that_was_chained_anew_is_found_by_the_root(book):
    with behind_its_back() as cursor:
        event = book.events.get(kind="suspended")
        entry = event.entry
        facts = merkle.canonical(json.loads(entry.facts) | {"reason": "别的"})
        cursor.execute("UPDATE certificates_statusevent SET reason = '别的' WHERE id = %s", [event.pk])
        cursor.execute("UPDATE certificates_chainentry SET facts = %s WHERE sequence = %s", [facts, entry.sequence])
        rechain(cursor, entry.sequence)
        [finding] = findings()
        assert finding.startswith("root 2 of 2026-06-16: entries 4 to 5 do not give it")


def test_an_edit_with_chain_and_root_made_anew_is_found_by_the_signature(book):
    with behind_its_back() as cursor:
        event = book.events.get(kind="suspended")
        cursor.execute("UPDATE certificates_statusevent SET at = %s WHERE id = %s", [event.at + HOUR, event.pk])
        cursor.execute("UPDATE certificates_chainentry SET at = %s WHERE sequence = 4", [event.at + HOUR])
        rechain(cursor, 4)
        root = DayRoot.objects.get(number=2)
        hashes = list(ChainEntry.objects.filter(sequence__in=(4, 5)).order_by("sequence").values_list("hash", flat=True))
        tree = merkle.root(map(bytes.fromhex, hashes)).hex()
        statement = statement_of(2, root.day, 4, 5, tree, hashes[-1], root.previous, root.made_at)
        cursor.execute(
            "UPDATE certificates_dayroot SET tree = %s, head = %s, hash = %s WHERE number = 2",
            [tree, hashes[-1], merkle.root_hash(statement)],
        )
        found = findings()
    assert any(line.startswith("root 2 of 2026-06-16: does not bear its signature") for line in found)
    assert "root of 2026-06-16: differs from its published copy: it was replaced, or the copy was edited" in found


def test_a_copy_that_was_edited_or_cut_off_is_found(book):
    from django.core.files.base import ContentFile

    storage, name = ledger.papers(), f"{ledger.folder()}/2026-06-16.json"
    document = json.loads(storage.open(name).read())
    document["statement"]["last"] = 7
    for content, words in (
        (json.dumps(document), "differs from its published copy"),
        ('{"sta', "cannot be read"),
        ("[]", "cannot be read"),
    ):
        storage.delete(name)
        storage.save(name, ContentFile(content.encode()))
        [finding] = findings()
        assert words in finding


def test_a_withdrawn_key_makes_the_newest_root_doubtful_and_older_ones_vouched_for(book):
    from certificates.services import keys

    kid = DayRoot.objects.get(number=1).kid
    keys.rotate(purpose="badge", at=NOON + 2 * DAY)
    keys.retire(kid=kid, at=NOON + 2 * DAY, compromised=True)
    check = Check(at=NOON + 2 * DAY)
    [finding] = check.findings()
    assert str(finding).startswith("root 2 of") and "withdrawn" in str(finding) and "vouch" in check.notes[0]

    services.publish_roots(at=CHECKED)
    assert findings(CHECKED) == []


# ---- the command ------------------------------------------------------------------------------


def run(*args) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command("verify_ledger", *args, stdout=out, stderr=err)
    except SystemExit as end:
        return end.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.fixture
def today(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON + 2 * DAY)


def test_the_command_says_what_it_read_and_ends_with_0(book, today):
    code, out, err = run()
    assert (code, err) == (0, "") and "5 events, 2 roots read" in out and "nothing wrong" in out


def test_the_command_names_each_row_on_its_own_line_and_ends_with_1(book, today):
    with behind_its_back() as cursor:
        cursor.execute("UPDATE certificates_certificate SET person_name = '张大明' WHERE id = %s", [book.pk])
        code, out, err = run()
        asked = run("--json")
    assert code == 1 and "findings" in out
    assert err.splitlines()[0] == f"certificate {book.number}: person_name was edited after it was chained (now “张大明”)"
    answer = json.loads(asked[1])
    assert (asked[0], answer["ok"], answer["count"]) == (1, False, len(err.splitlines()))
    assert answer["findings"][0]["row"] == f"certificate {book.number}" and answer["rows"]["entries"] == 6


def test_since_a_day_only_later_entries_are_read(book, today):
    with behind_its_back() as cursor:
        cursor.execute("UPDATE certificates_certificate SET person_name = '张大明' WHERE id = %s", [book.pk])
        assert run("--since", "2026-06-16")[0] == 0 and run("--since", "2026-06-15")[0] == 1
    with behind_its_back() as cursor:
        cursor.execute("UPDATE certificates_statusevent SET reason = 'x' WHERE kind = 'suspended'")
        code, out, _err = run("--since", "2026-06-16")
    assert code == 1 and "3 entries" in out


def test_a_root_that_somebody_kept_is_compared(book, today, tmp_path):
    kept = tmp_path / "latest.json"
    kept.write_text(json.dumps(ledger.document_of(DayRoot.objects.get(number=2)), cls=DjangoJSONEncoder))
    assert run("--against", str(kept))[0] == 0
    kept.write_text(kept.read_text().replace('"last": 5', '"last": 6'))
    code, _out, err = run("--against", str(kept))
    assert code == 1 and "root of 2026-06-16: differs" in err
    from django.core.management import CommandError

    with pytest.raises(CommandError):
        run("--against", str(tmp_path / "nothing.json"))


def test_times_are_explained_by_a_command(book, today):
    call_command("explain_ledger", "2-3", "5", reason="断电", stdout=StringIO())
    assert '"entries":[[2,3],[5,5]]' in ChainEntry.objects.get(sequence=7).facts
    code, out, _err = run()
    assert code == 0 and "note: entry 7 explains the times of 2 to 3, 5: 断电" in out


def test_the_numbers_of_an_edited_sequence_do_not_fit(book):
    with behind_its_back():
        NumberSequence.objects.update(last=3)
        [finding] = findings()
    assert "its number was never given out" in finding
    assert isinstance(TemplateVersion.objects.first().content, dict) and isinstance(book.issued_at, datetime)


# ---- the day that no root has closed yet ------------------------------------------------------


@pytest.fixture
def kept(book, cast, django_capture_on_commit_callbacks) -> Certificate:
    """A certificate of the open day whose chaining was committed."""
    made = services.issue(completion=a_completion(cast.colleague), at=NOON + 2 * DAY)
    with django_capture_on_commit_callbacks(execute=True):
        services.chain(at=NOON + 2 * DAY)
    assert ledger.heads() == list(ChainEntry.objects.order_by("-sequence").values_list("sequence", "hash")[:1])
    return made


def test_what_is_edited_and_chained_anew_on_the_open_day_is_found_by_the_head_that_was_kept(kept):
    assert findings() == []
    with behind_its_back() as cursor:
        forged = Certificate.objects.get(pk=kept.pk)
        forged.person_name, forged.text = "李四光", forged.text.replace(kept.person_name, "李四光")
        digest = rules.digest(forged.facts())
        cursor.execute(
            "UPDATE certificates_certificate SET person_name = %s, text = %s, facts_digest = %s WHERE id = %s",
            [forged.person_name, forged.text, digest, kept.pk],
        )
        entry = ChainEntry.objects.get(event__certificate=kept, kind="issued")
        row = StatusEvent.objects.filter(pk=entry.event_id).values_list(*ledger.EVENT_COLUMNS).get()
        facts = ledger.facts_of_event(row, salt="0" * 32)
        leaf = leaf_of(entry.sequence, entry.event_id, entry.kind, entry.number, entry.at, facts, digest, entry.chained_at, entry.previous)
        cursor.execute(
            "UPDATE certificates_chainentry SET facts = %s, facts_digest = %s, hash = %s WHERE sequence = %s",
            [facts, digest, merkle.entry_hash(leaf), entry.sequence],
        )
        assert Certificate.objects.get(pk=kept.pk).is_as_issued  # all that the database holds agrees
        [finding] = findings()
        assert f"entry {entry.sequence}" in finding and "another hash than was kept" in finding


def test_the_newest_issue_removed_with_its_entry_and_number_is_found_by_the_head_that_was_kept(kept):
    with behind_its_back() as cursor:
        entry = ChainEntry.objects.get(event__certificate=kept)
        cursor.execute("DELETE FROM certificates_chainentry WHERE sequence = %s", [entry.sequence])
        cursor.execute("DELETE FROM certificates_statusevent WHERE certificate_id = %s", [kept.pk])
        cursor.execute("DELETE FROM certificates_certificate WHERE id = %s", [kept.pk])
        cursor.execute("UPDATE certificates_numbersequence SET last = last - 1")
        [finding] = findings()
        assert f"entry {entry.sequence}" in finding and "was removed" in finding


def test_heads_are_kept_until_the_copy_of_a_root_stands_for_them(kept):
    services.publish_roots(at=NOON + 3 * DAY)
    assert ledger.heads() == [] and findings(NOON + 3 * DAY) == [] and services.gaps_of_roots(NOON + 3 * DAY) == []


def forged_and_chained_by_the_product(cursor, kept, capture) -> int:
    """The newest entry taken away and its event edited; the product itself chains it again. The sequence."""
    entry = ChainEntry.objects.get(event__certificate=kept)
    cursor.execute("DELETE FROM certificates_chainentry WHERE sequence = %s", [entry.sequence])
    cursor.execute("UPDATE certificates_statusevent SET reason = %s WHERE id = %s", ["另有原因", entry.event_id])
    services.chain(at=NOON + 2 * DAY)
    with capture(execute=True):
        chaining._keep_head(*ChainEntry.objects.order_by("-sequence").values_list("sequence", "hash").first())
    assert ChainEntry.objects.filter(sequence=entry.sequence).exclude(hash=entry.hash).exists()
    return entry.sequence


def test_what_the_product_chains_again_after_an_edit_is_found_before_and_after_the_day_is_closed(kept, django_capture_on_commit_callbacks):
    with behind_its_back() as cursor:
        sequence = forged_and_chained_by_the_product(cursor, kept, django_capture_on_commit_callbacks)
        assert len(ledger.heads()) == 2  # of one sequence, and they contradict each other
        [before] = findings()
        services.publish_roots(at=NOON + 3 * DAY)
        [after] = findings(NOON + 3 * DAY)
        assert f"entry {sequence}" in before and before == after and "another hash" in after
        assert [head[0] for head in ledger.heads()] == [sequence], "the evidence stays"
        [gap] = services.gaps_of_roots(NOON + 3 * DAY)
        assert str(sequence) in gap.what and "verify_ledger" in gap.what


def test_what_is_chained_while_the_check_reads_is_no_finding(kept, cast, monkeypatch):
    chained = []
    read = Check._statements

    def beside(check):  # as if another process had chained since the state that is read
        chained.append(chaining._keep_head(999, "0" * 64))
        return read(check)

    monkeypatch.setattr(Check, "_statements", beside)
    assert findings() == [] and chained and (999, "0" * 64) in ledger.heads()


def test_a_chaining_that_was_rolled_back_keeps_no_head(book, cast):
    before = ledger.heads()
    services.issue(completion=a_completion(cast.colleague), at=NOON + 2 * DAY)
    with transaction.atomic():
        services.chain(at=NOON + 2 * DAY)
        transaction.set_rollback(True)
    assert ledger.heads() == before and findings() == []
