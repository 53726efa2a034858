"""The package of a frozen year: complete, signed, and the same bytes whenever and wherever it is made."""

import csv
import hashlib
import io
import json
import subprocess
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from operator import itemgetter

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation
from openpyxl import load_workbook
from structlog.testing import capture_logs

from certificates.services import keys as key_service
from core.errors import Refused
from core.exports import Column, Exporter, write_xlsx
from evaluation.models import Seal
from evaluation.periods import package
from people.models import Person
from tests.cast import NOON
from tests.certificates.conftest import keys, private
from tests.evaluation import rows, year

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys")


@pytest.fixture
def kept(cast, private, django_capture_on_commit_callbacks):
    rows.policy()
    cast.learner.name = "=1+1"
    cast.learner.save()
    with django_capture_on_commit_callbacks(execute=True):
        return year.frozen(cast)


@pytest.fixture
def frozen(kept, private):
    """Its package is kept nowhere, as of years frozen before packages were: it is made again each time."""
    forget(private)
    return kept


def forget(private):
    for one in private.glob("packages/*.zip"):
        one.unlink()


def inside(made):
    archive = zipfile.ZipFile(io.BytesIO(made.data))
    return {name: archive.read(name) for name in archive.namelist()}


def test_it_holds_every_frozen_row_in_csv_and_excel(frozen):
    files, calculation = inside(package.of(frozen)), package.frozen(frozen)
    assert list(files) == ["manifest.json", "manifest.sig", "people.csv", "public-key.pem", "results.xlsx", "units.csv"]
    people = list(csv.reader(io.StringIO(files["people.csv"].decode("utf-8-sig"))))
    assert [row[0] for row in people[1:]] == list(calculation.people.order_by("employee_number").values_list("employee_number", flat=True))
    assert files["units.csv"].startswith(b"\xef\xbb\xbf") and len(files["units.csv"].splitlines()) == calculation.units.count() + 1
    book = load_workbook(io.BytesIO(files["results.xlsx"]))
    assert book.sheetnames == ["单位", "人员"] and book["人员"].max_row == len(people)
    assert book["人员"]["B2"].value == "=1+1" and book["人员"]["B2"].data_type == "s"


def test_what_a_spreadsheet_would_run_is_defused(frozen):
    assert "'=1+1" in inside(package.of(frozen))["people.csv"].decode()


def test_it_is_the_same_on_another_day_in_another_language(frozen, monkeypatch):
    first = package.of(frozen).data
    monkeypatch.setattr("time.time", lambda: datetime(2031, 7, 1, tzinfo=UTC).timestamp())
    with translation.override("en"):
        assert package.of(frozen).data == first
    properties = zipfile.ZipFile(io.BytesIO(inside(package.of(frozen))["results.xlsx"])).read("docProps/core.xml").decode()
    assert "1980-01-01" in properties and "202" not in properties
    assert package.digest(frozen) == package.of(frozen).sha256


def test_what_happens_later_changes_no_byte(frozen, cast):
    first = package.of(frozen).data
    Person.objects.filter(pk=cast.colleague.pk).update(name="改名了")
    cast.county.name = "姚安县（更名）"
    cast.county.save()
    cast.section.code = "532325-X"
    cast.section.save()
    assert package.of(frozen).data == first


def test_a_key_that_is_rotated_and_deleted_changes_no_byte(frozen):
    first, kid = package.of(frozen).data, Seal.objects.get().kid
    key_service.rotate(purpose="badge", at=year.AFTER_APPEALS)
    key_service.retire(kid=kid, at=year.AFTER_APPEALS)
    assert package.of(frozen).data == first


def test_openssl_verifies_the_manifest_and_refuses_a_changed_one(frozen, tmp_path):
    for name, data in inside(package.of(frozen)).items():
        (tmp_path / name).write_bytes(data)
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "public-key.pem",
        "-rawin",
        "-in",
        "manifest.json",
        "-sigfile",
        "manifest.sig",
    ]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "manifest.json").write_bytes((tmp_path / "manifest.json").read_bytes().replace(b"2026", b"2027"))
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode != 0


def test_the_manifest_names_every_file_with_its_hash(frozen):

    files = inside(package.of(frozen))
    said = json.loads(files["manifest.json"])
    assert {one["name"]: (one["size"], one["sha256"]) for one in said["files"]} == {
        name: (len(files[name]), hashlib.sha256(files[name]).hexdigest()) for name in ("people.csv", "results.xlsx", "units.csv")
    }
    assert (said["year"], said["county"], said["calculation"]["digest"]) == (2026, "532325", package.frozen(frozen).digest)
    assert said["frozen_at"] == "2027-01-08T12:00:00+08:00" and said["key"] == Seal.objects.get().kid


def test_rows_that_somebody_changed_are_not_passed_off_as_the_frozen_ones(kept):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE evaluation_personline SET done = 99")
    with pytest.raises(Refused) as refused:
        package.of(kept)
    assert refused.value.code == "changed"


def other_software(monkeypatch):
    """As after an update of XlsxWriter."""
    monkeypatch.setattr(package, "write_xlsx", lambda sheets, book, created: write_xlsx([*sheets][:1], book, created=created))


def stored(private):
    (found,) = private.glob("packages/*.zip")
    return found


def test_other_software_that_writes_workbooks_takes_no_frozen_package_away(kept, monkeypatch, private, folder):
    sealed = stored(private).read_bytes()
    other_software(monkeypatch)
    assert package.of(kept).data == sealed and package.digest(kept) == package.of(kept).sha256
    call_command("evaluation_package", "2026", "--to", str(folder), stdout=io.StringIO())
    assert (folder / "evaluation-532325-2026.zip").read_bytes() == sealed
    stored(private).write_bytes(sealed + b" ")
    with pytest.raises(Refused) as refused:  # neither what is kept nor what is made is what was sealed
        package.of(kept)
    assert refused.value.code == "changed"


def test_a_package_that_is_kept_nowhere_is_made_again_and_reconcile_keeps_it(frozen, monkeypatch, private):
    sealed = package.of(frozen).data
    (gap,) = package.unkept(NOON)
    gap.mend()
    assert stored(private).read_bytes() == sealed and package.unkept(NOON) == []
    forget(private)
    other_software(monkeypatch)
    with pytest.raises(Refused):
        package.unkept(NOON)[0].mend()
    assert not list(private.glob("packages/*.zip"))


def test_a_package_that_was_cut_off_in_storage_is_put_there_anew(kept, private):
    sealed = stored(private).read_bytes()
    stored(private).write_bytes(sealed[:100])
    assert package.of(kept).data == sealed
    (gap,) = package.unkept(NOON)
    gap.mend()
    assert stored(private).read_bytes() == sealed and package.unkept(NOON) == []


def test_storage_that_does_not_answer_takes_no_frozen_package_away(kept, private, monkeypatch):
    class ClientError(Exception):
        """As storages of the S3 kind raise: no error of the operating system."""

    def unreachable(*args, **more):
        raise ClientError("SlowDown")

    sealed = stored(private).read_bytes()
    monkeypatch.setattr(type(package.papers()), "open", unreachable)
    with capture_logs() as told:
        assert package.of(kept).data == sealed
    assert [(one["event"], one["sha256"]) for one in told] == [("package_not_read", package.digest(kept))]


def test_a_full_disk_stops_no_freeze(cast, private, monkeypatch, django_capture_on_commit_callbacks):
    def full(*args, **more):
        raise OSError(28, "No space left on device")

    rows.policy()
    monkeypatch.setattr(type(package.papers()), "save", full)
    with django_capture_on_commit_callbacks(execute=True):
        period = year.frozen(cast)
    monkeypatch.undo()
    assert package.of(period).sha256 == package.digest(period)
    assert len(package.unkept(NOON)) == 1


def test_the_command_makes_the_folder_where_it_is_missing(frozen, folder):
    call_command("evaluation_package", "2026", "--to", str(folder / "a" / "b"), stdout=io.StringIO())
    assert (folder / "a" / "b" / "evaluation-532325-2026.zip").is_file()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "to").mkdir()
    return tmp_path / "to"


def test_the_command_writes_it_and_says_so(frozen, folder):
    said = io.StringIO()
    call_command("evaluation_package", "2026", "--to", str(folder), "--county", "532325", stdout=said)
    written = list(folder.iterdir())
    assert [one.name for one in written] == ["evaluation-532325-2026.zip"] and written[0].read_bytes() == package.of(frozen).data
    assert package.digest(frozen) in said.getvalue()


@pytest.mark.parametrize(
    "arguments", [["2025", "--to", "."], ["2026", "--to", "/dev/null/folder"], ["2026", "--to", ".", "--county", "532326"]]
)
def test_the_command_fails_in_words_where_there_is_none(frozen, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError):
        call_command("evaluation_package", *arguments)
    assert not list(tmp_path.glob("*.zip"))


def test_a_year_that_is_not_frozen_has_none(cast, folder):
    rows.policy()
    year.in_appeals(cast)
    with pytest.raises(CommandError):
        call_command("evaluation_package", "2026", "--to", str(folder))
    assert not list(folder.iterdir())


def test_the_software_of_today_writes_a_workbook_as_it_always_did():
    """A frozen package is made again from its rows for years. Where this fails after a new spreadsheet library, no package that was
    sealed before can be made again: stay with the former library, or teach the package to keep which one wrote it."""
    rows = [
        ("532325-001", "姚安县人民政府办公室", True, Decimal("92.50"), 3, None, date(2026, 12, 1), NOON),
        ("=1+1", "带公式的单位", False, Decimal(0), 0, "", date(2026, 2, 28), NOON + timedelta(microseconds=1)),
    ]
    columns = [Column(f"第{number}栏", itemgetter(number - 1), 10 + number) for number in range(1, 9)]
    book = io.BytesIO()
    tables = [Exporter("单位", columns, rows), Exporter("人员", columns[:2], [])]
    write_xlsx(tables, book, created=datetime(2000, 1, 1))
    assert hashlib.sha256(package._stored(book)).hexdigest() == "9e624ea14966e78eaf032ed1c4c239f6038f24f0fc127dd8f1a206a741dfc5b1"
