"""A worker that is killed loses nothing: the next goes on where it was, and the file is what one run would have written."""

import csv
import io
import json
import os
import signal
from datetime import timedelta
from decimal import Decimal

import openpyxl
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from certificates.storage import PrivateFiles
from core.exports import LONGEST_CELL, Column, Exporter, Piece, csv_chunks, write_xlsx
from evaluation import claims, downloads, parts, records
from evaluation.models import Download, DownloadPart, Format
from people.models import RoleGrant
from tests.cast import NOON
from tests.evaluation import rows
from tests.evaluation.test_claims import filed
from tests.evaluation.test_downloads import State, files, noon, ordered, write
from tests.evaluation.test_higher import compiler

__all__ = ["compiler", "noon"]
pytestmark = pytest.mark.usefixtures("noon")
ROWS = 7
LAID_DOWN = 3  # this part lies there, but nobody recorded it
THE_FILE = 5  # after four parts


class Killed(BaseException):
    """What no handler of errors catches, as a kill is."""


class Watched(PrivateFiles):
    """The private storage; `then` is told of each file behind its last byte."""

    then = None

    def save(self, name, content, max_length=None):
        stored = super().save(name, content, max_length)
        if Watched.then:
            Watched.then(stored)
        return stored


@pytest.fixture(autouse=True)
def private(settings, tmp_path, monkeypatch):
    settings.PRIVATE_ROOT = str(tmp_path / "private")
    settings.STORAGES = {**settings.STORAGES, "private": {"BACKEND": f"{__name__}.Watched"}}
    monkeypatch.setattr(Watched, "then", None)
    monkeypatch.setattr(parts, "ROWS", 2)
    return tmp_path / "private"


@pytest.fixture
def done(cast, policy):
    """Seven completions, newest first; the fourth has a certificate."""
    courses = [rows.course(cast.county, f"K0{n}", required=["staff"] if n == 1 else []) for n in range(1, 5)]
    pairs = [(someone, course) for course in courses for someone in (cast.learner, cast.colleague)][:ROWS]
    with transaction.atomic():
        made = [rows.complete(*pair, at=NOON - timedelta(days=n), score="90.5") for n, pair in enumerate(pairs)]
        rows.certificate(made[3])
    return made


@pytest.fixture(params=Format.values)
def kind(request):
    return request.param


def all_columns(by) -> list[str]:
    return [column.key for column in downloads.opened("records", by, {}, at=NOON).make().columns]


def order(by, **more) -> Download:
    return ordered(by, columns=all_columns(by), **more)


def content(made: Download) -> bytes:
    made.refresh_from_db()
    assert made.state == State.DONE, made.why
    with storages["private"].open(made.file) as file:
        return file.read()


def in_one_run(by, **more) -> bytes:
    made = order(by, form_key="in one run", **more)
    write(made.pk)
    return content(made)


def after_saves(count: int, act):
    """Something to happen when so many files were laid down."""
    seen = []

    def then(name):
        seen.append(name)
        if len(seen) == count:
            act()

    return then


def die():
    raise Killed


def killed(made: Download, at_save: int, monkeypatch) -> None:
    monkeypatch.setattr(Watched, "then", after_saves(at_save, die))
    with pytest.raises(Killed):
        write(made.pk)
    monkeypatch.setattr(Watched, "then", None)
    made.refresh_from_db()
    assert made.state == State.RUNNING


def lines(data: bytes) -> list[dict]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def ids(data: bytes) -> list[int]:
    return [int(line["记录编号"]) for line in lines(data)]


# Killed


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at_save", [1, LAID_DOWN, THE_FILE])
def test_after_a_kill_the_next_worker_gives_the_bytes_of_one_run(cast, done, private, kind, at_save):
    whole = in_one_run(cast.hr, format=kind)
    made = order(cast.hr, format=kind)
    child = os.fork()
    if child == 0:
        try:
            # It must not speak on a line of ours. Beside a browser that is more than one: Django has another wherever a loop runs.
            ours, connections["default"] = connections["default"], connections.create_connection("default")  # noqa: F841 - kept from being closed
            Watched.then = after_saves(at_save, lambda: os.kill(os.getpid(), signal.SIGKILL))
            write(made.pk)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    made.refresh_from_db()
    come = min(2 * (at_save - 1), ROWS)
    assert (made.state, made.done, made.total) == (State.RUNNING, come, ROWS)

    (gap,) = downloads.stuck_gaps(NOON + timedelta(minutes=6), again=write)
    gap.mend()

    assert content(made) == whole
    assert (made.done, made.total) == (ROWS, ROWS)
    assert len(files(private)) == 2 and not DownloadPart.objects.exists()  # the two files, and nothing else
    if kind == "xlsx":
        told = [row[0] for row in openpyxl.load_workbook(io.BytesIO(whole)).active.iter_rows(min_row=2, values_only=True)]
    else:
        told = ids(whole) if kind == "csv" else [json.loads(line)["id"] for line in whole.splitlines()]
    assert told == [one.pk for one in done]


@pytest.mark.django_db
def test_the_next_worker_reads_only_what_lies_behind_and_never_shows_less(cast, done, monkeypatch):
    made = order(cast.hr)
    killed(made, LAID_DOWN, monkeypatch)
    assert made.done == 4
    asked, shown = [], []
    of = records.Found.of
    monkeypatch.setattr(records.Found, "of", lambda self, keys: asked.extend(keys) or of(self, keys))
    monkeypatch.setattr(records.Found, "keys", lambda self: pytest.fail("fixed anew"))
    monkeypatch.setattr(Watched, "then", lambda name: shown.append(Download.objects.get().done))
    write(made.pk)
    assert asked == [one.pk for one in done[4:]]
    assert shown == [4, 6, 7]  # before the third part is recorded, before the fourth, before the file
    content(made)


@pytest.mark.django_db
def test_what_one_moment_fixed_no_later_row_enters_and_what_ended_is_left_out(cast, done, monkeypatch):
    made = order(cast.hr)
    killed(made, LAID_DOWN, monkeypatch)
    late = rows.course(cast.county, "Z09")
    rows.complete(cast.learner, late, at=NOON + timedelta(hours=1))  # would stand before all
    rows.complete(cast.colleague, late, at=NOON - timedelta(days=99))  # and this behind all
    rows.reverse(done[0], by=cast.hr)  # was told already
    rows.reverse(done[5], by=cast.hr)  # was not
    rows.certificate(done[6], "YAZWGK-01-2026-532325-00002-6")
    write(made.pk)
    told = content(made)
    assert ids(told) == [one.pk for n, one in enumerate(done) if n != 5]
    assert [line["证书编号"][-7:] for line in lines(told)] == ["", "", "", "00001-8", "", "00002-6"]
    assert (made.done, made.total) == (6, 6)


@pytest.mark.django_db
def test_the_page_says_between_when_and_when_the_rows_were_read(cast, done, sign_in, monkeypatch):
    made = order(cast.hr)
    killed(made, LAID_DOWN, monkeypatch)
    downloads.run(made.pk, now=lambda: NOON + timedelta(minutes=7))
    text = sign_in(cast.hr).get(reverse("download", args=[made.pk])).text
    assert "文件包含哪些行，以 2026-06-15 12:00:00 为准" in text and "2026-06-15 12:07:00 之间" in text


@pytest.mark.django_db
def test_whoever_comes_further_may_try_again_as_often(cast, done, monkeypatch):
    made = order(cast.hr)
    Download.objects.update(tries=downloads.MOST_TRIES - 1)
    killed(made, 2, monkeypatch)
    assert made.tries == 1
    for _time in range(2):
        killed(made, 1, monkeypatch)
    assert made.tries == downloads.MOST_TRIES


@pytest.mark.django_db
def test_a_database_that_went_away_ends_no_order(cast, done, monkeypatch):
    made = order(cast.hr)

    def gone():
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(Watched, "then", after_saves(2, gone))
    write(made.pk)
    made.refresh_from_db()
    assert (made.state, made.done) == (State.RUNNING, 2)
    monkeypatch.setattr(Watched, "then", None)
    write(made.pk)
    assert ids(content(made)) == [one.pk for one in done]


# Parts that are not what was recorded


@pytest.mark.django_db
@pytest.mark.parametrize("harm", ["changed", "cut", "emptied", "missing"])
def test_a_part_that_is_not_whole_is_made_again(cast, done, private, kind, monkeypatch, harm):
    whole = in_one_run(cast.hr, format=kind)
    made = order(cast.hr, format=kind)
    killed(made, LAID_DOWN, monkeypatch)
    path = private / made.parts.get(number=1).file
    good = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes({"changed": good.replace(b"90.5", b"99.5"), "cut": good[:-9], "emptied": b""}[harm])
        assert path.read_bytes() != good
    write(made.pk)
    assert content(made) == whole
    assert made.done == ROWS
    assert len(files(private)) == 2


# Two workers


@pytest.mark.django_db
def test_two_workers_at_one_order_do_not_mix_their_parts(cast, done, private, monkeypatch):
    made = order(cast.hr)

    def meanwhile():
        """Another worker makes the second part too, later than we read it, and dies at the third."""
        rows.certificate(done[2], "YAZWGK-01-2026-532325-00002-6")
        killed(made, 2, monkeypatch)

    monkeypatch.setattr(Watched, "then", after_saves(2, meanwhile))
    write(made.pk)
    told = lines(content(made))
    assert [int(line["记录编号"]) for line in told] == [one.pk for one in done]
    assert told[2]["证书编号"]  # the part that was recorded, not the one that we had read
    assert (made.done, made.total, len(files(private))) == (ROWS, ROWS, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("at_save", [2, THE_FILE])
def test_a_worker_that_was_overtaken_leaves_the_file_of_the_quicker_alone(cast, done, private, monkeypatch, at_save):
    made = order(cast.hr)
    monkeypatch.setattr(Watched, "then", after_saves(at_save, lambda: write(made.pk)))
    write(made.pk)
    assert ids(content(made)) == [one.pk for one in done]
    assert [str(path.relative_to(private)) for path in files(private)] == [made.file]
    assert (made.done, made.total) == (ROWS, ROWS)


# What is left


@pytest.mark.django_db
def test_an_order_cancelled_after_a_kill_leaves_nothing(cast, done, private, sign_in, monkeypatch, django_capture_on_commit_callbacks):
    made = order(cast.hr)
    killed(made, LAID_DOWN, monkeypatch)
    assert len(files(private)) == 3
    with django_capture_on_commit_callbacks(execute=True):
        sign_in(cast.hr).post(reverse("download_cancel", args=[made.pk]))
    assert not list(private.rglob(f"{made.pk}*")) and not DownloadPart.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("at_save", [1, LAID_DOWN, THE_FILE])
def test_an_order_cancelled_while_it_is_written_leaves_nothing(cast, done, private, monkeypatch, at_save):
    made = order(cast.hr)
    monkeypatch.setattr(Watched, "then", after_saves(at_save, lambda: downloads.cancel(download=made, by=cast.hr, at=NOON)))
    write(made.pk)
    made.refresh_from_db()
    assert made.state == State.CANCELLED and not made.file
    assert not files(private) and not DownloadPart.objects.exists()


@pytest.mark.django_db
def test_an_order_that_fails_or_is_given_up_leaves_nothing(cast, done, private, monkeypatch):
    failing, given_up = order(cast.hr), order(cast.hr, form_key="other")

    def broken():
        raise RuntimeError("a full disk")

    monkeypatch.setattr(Watched, "then", after_saves(2, broken))
    write(failing.pk)
    killed(given_up, LAID_DOWN, monkeypatch)
    Download.objects.filter(pk=given_up.pk).update(tries=downloads.MOST_TRIES)
    (gap,) = downloads.stuck_gaps(NOON + timedelta(minutes=6), again=write)
    gap.mend()
    assert list(Download.objects.values_list("state", flat=True)) == [State.FAILED] * 2
    assert not files(private) and not DownloadPart.objects.exists()


@pytest.mark.django_db
def test_a_file_whose_time_is_over_takes_its_folder_along(cast, done, private):
    made = order(cast.hr)
    write(made.pk)
    downloads.wipe(at=NOON + downloads.KEPT)
    assert not files(private) and not (private / "downloads" / str(made.pk)).exists()


@pytest.mark.django_db
def test_the_sweep_removes_what_no_order_names_and_nothing_else(cast, done, private, monkeypatch):
    running, finished, stopped = (order(cast.hr, form_key=key) for key in "abc")
    killed(running, LAID_DOWN, monkeypatch)
    write(finished.pk)
    downloads.cancel(download=stopped, by=cast.hr, at=NOON)
    before = set(files(private))
    for pk in (finished.pk, stopped.pk, 987654):  # a worker that was late, or of an order of another life
        storages["private"].save(f"downloads/{pk}/000001-late.part", ContentFile(b"x"))
    storages["private"].save("papers/1.pdf", ContentFile(b"x"))
    assert downloads.wipe(at=NOON) == 0
    assert set(files(private)) - before == {private / "papers/1.pdf"} and before <= set(files(private))
    write(running.pk)
    assert ids(content(running)) == ids(content(finished))


# Rights, releases


@pytest.mark.django_db
def test_what_was_begun_under_wider_rights_is_not_gone_on_with(cast, done, private, monkeypatch):
    made = order(cast.hr)
    killed(made, LAID_DOWN, monkeypatch)
    RoleGrant.objects.filter(person=cast.hr).update(unit=cast.section)
    write(made.pk)
    made.refresh_from_db()
    assert made.state == State.FAILED and "权限" in made.why and not files(private)


@pytest.mark.django_db
def test_parts_of_another_release_with_other_columns_are_not_used(cast, done, private, monkeypatch):
    made = order(cast.hr)
    killed(made, LAID_DOWN, monkeypatch)
    Download.objects.filter(pk=made.pk).update(columns=["id", "person_name"])  # as if the others were gone from the program
    write(made.pk)
    assert content(made).decode("utf-8-sig").splitlines()[1:] == [f"{one.pk},{one.person_name}" for one in done]
    assert made.done == ROWS and len(files(private)) == 1


# The same rows, whole and in parts


@pytest.mark.django_db
@pytest.mark.parametrize("sort", records.Sort.values)
@pytest.mark.parametrize("status", records.Status.values)
def test_records_in_parts_are_the_records(cast, compiler, done, status, sort):
    rows.reverse(done[1], by=cast.hr)
    rows.reverse(done[2], by=cast.hr)
    for someone in (cast.learner, cast.colleague, cast.own_leader):
        rows.enrol(someone, rows.course(cast.county, f"E{someone.pk}"), at=NOON)
    rows.course(cast.county, "N01", required=["staff"])
    whole_and_in_parts(cast.hr, "records", {"status": status, "sort": sort}, least=2)


@pytest.mark.django_db
def test_people_entries_and_claims_in_parts_are_the_same(cast, done, monkeypatch):
    _waiting, approved, refused = (filed(someone, hours=Decimal(1)) for someone in (cast.learner, cast.colleague, cast.own_leader))
    claims.approve(claim=approved, by=cast.hr, at=NOON)
    claims.refuse(claim=refused, by=cast.hr, reason="材料不全", at=NOON)
    whole_and_in_parts(cast.hr, "people", {"unit": cast.county.pk}, least=3)
    whole_and_in_parts(cast.hr, "ledger", {}, least=ROWS)
    whole_and_in_parts(cast.hr, "claims", {}, least=3)


def whole_and_in_parts(by, key: str, filters: dict, *, least: int) -> None:
    found = downloads.opened(key, by, filters, at=NOON)
    keys = list(found.keys())
    head = b"".join(csv_chunks(Exporter("", found.make().columns, [])))
    whole = b"".join(csv_chunks(found.make()))
    cut = [found.make(keys[start : start + 2]).piece("csv").data for start in range(0, len(keys), 2)]
    assert head + b"".join(cut) == whole
    assert len(keys) == found.count() >= least
    assert len(whole.splitlines()) == len(keys) + 1


@pytest.mark.django_db
def test_a_part_takes_as_many_queries_however_many_rows_it_has(cast, done, monkeypatch):
    def queries(rows: int, form_key: str) -> int:
        monkeypatch.setattr(parts, "ROWS", rows)
        made = order(cast.hr, form_key=form_key)
        with CaptureQueriesContext(connection) as caught:
            write(made.pk)
        return len(caught)

    one = queries(ROWS, "one")
    assert queries(ROWS - 1, "two") - one == queries(3, "three") - queries(ROWS - 1, "two again") <= 8


def reading(stream: list[int], *, there: list[int], asked: list) -> downloads.Reading:
    """Of rows that a stream gives in this order, while these are there for a query by keys."""

    def make(keys):
        asked.append(keys)
        return Exporter("t", [], [f"query {key}" for key in keys if key in there])

    found = downloads.Opened(lambda: 0, make, list, [], {}, [], None, lambda: iter([(key, f"stream {key}") for key in stream]))
    return downloads.Reading(found, stream=True)


def test_one_stream_gives_the_rows_as_long_as_it_gives_them_in_their_order():
    asked: list = []
    found = reading([9, 1, 2, 8, 3, 4, 5], there=[], asked=asked)  # 9 and 8 came later: nobody asks for them
    assert found.rows([1, 2]) == ["stream 1", "stream 2"]
    assert found.rows([3, 4]) == ["stream 3", "stream 4"]
    assert found.rows([5]) == ["stream 5"] and not asked


def test_what_the_stream_does_not_give_in_time_is_asked_for_by_its_keys():
    asked: list = []
    found = reading([1, 3, 4, 5, 6, 2], there=[1, 3, 4], asked=asked)  # 2 stands elsewhere now, and is no longer there when asked for
    assert found.rows([1, 2]) == ["query 1"] and asked == [[1, 2]]
    assert found.rows([3, 4]) == ["stream 3", "stream 4"]
    assert found.rows([5, 7]) == [] and asked[1:] == [[5, 7]]
    assert found.rows([6]) == ["stream 6"]


@pytest.mark.django_db
def test_an_unbroken_run_reads_records_in_one_stream_where_the_database_can(cast, done, monkeypatch):
    whole = in_one_run(cast.hr)
    of, asked = records.Found.of, []
    monkeypatch.setattr(records.Found, "of", lambda self, keys: asked.extend(keys) or of(self, keys))
    made = order(cast.hr)
    write(made.pk)
    assert content(made) == whole
    assert asked == ([] if connection.vendor == "postgresql" else [one.pk for one in done])


@pytest.mark.postgres
@pytest.mark.django_db
def test_the_database_sorts_the_records_while_their_keys_are_fixed(cast, done, monkeypatch):
    begun = []
    for module, name in ((records, "read_ahead"), (parts, "fix")):
        do = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, _do=do, _name=name, **more: begun.append(_name) or _do(*args, **more))
    write(order(cast.hr).pk)
    assert begun == ["read_ahead", "fix"]


def test_cells_of_a_workbook_keep_their_types_in_a_piece():
    class Word(str):
        pass

    some = [
        [
            NOON,
            NOON.date(),
            Decimal("1.50"),
            Decimal("7"),
            3,
            2.5,
            True,
            None,
            "",
            "=1+1",
            "甲\n乙",
            Word("a"),
            False,
            ["a", "b"],
            "\u2028",
        ],
        [NOON + timedelta(microseconds=1), None, Decimal("0.25"), None, -3, 1e300, False, "", "x" * 40000, "'", "🌾", "1", True, {}, "]"],
    ]
    table = Exporter("t", [Column(f"c{n}", lambda r, n=n: r[n], key=f"c{n}") for n in range(15)], some)
    straight, joined, read_back = io.BytesIO(), io.BytesIO(), io.BytesIO()
    write_xlsx([table], straight, created=NOON)
    pieces = [Exporter("t", table.columns, [row]).piece("xlsx") for row in some]
    table.join(pieces, joined, "xlsx", created=NOON)
    table.join([Piece(piece.data) for piece in pieces], read_back, "xlsx", created=NOON)
    assert joined.getvalue() == read_back.getvalue() == straight.getvalue()


def test_a_text_that_no_cell_holds_says_that_it_was_cut():
    file, whole = io.BytesIO(), "长" * LONGEST_CELL
    write_xlsx([Exporter("t", [Column("a", lambda r: r)], [whole, whole + "尾"])], file)
    cells = [row[0] for row in openpyxl.load_workbook(file).active.iter_rows(min_row=2, values_only=True)]
    assert cells[0] == whole
    assert cells[1] == "长" * (LONGEST_CELL - 6) + "…（已截断）" and len(cells[1]) == LONGEST_CELL
