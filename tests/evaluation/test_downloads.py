"""Exports: by a form with a purpose; large ones by a worker, into a file that only its owner gets, and not for ever."""

import csv
import hashlib
import io
import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.translation import override

from core.errors import Refused
from core.exports import Column, Exporter, csv_chunks, json_chunks
from evaluation import downloads
from evaluation.exports import EXPORTS
from evaluation.models import Download, ExportChoice
from people.models import Person, ReadingOfOthers, RoleGrant
from people.services import postings, units
from tests.cast import EVERYBODY, NOON
from tests.evaluation import rows, year
from tests.evaluation.exporting import take, whole_file

pytestmark = pytest.mark.usefixtures("noon", "private")
State = Download.State


@pytest.fixture
def noon(monkeypatch):
    from core import clock

    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def private(settings, tmp_path):
    settings.PRIVATE_ROOT = str(tmp_path / "private")
    settings.STORAGES = {**settings.STORAGES, "private": {"BACKEND": "certificates.storage.PrivateFiles"}}
    return tmp_path / "private"


@pytest.fixture
def done(cast, course):
    return [rows.complete(someone, course) for someone in (cast.learner, cast.colleague)]


@pytest.fixture
def sent(monkeypatch):
    """What is handed to workers; every export counts as a large one."""
    from evaluation import tasks

    handed: list[int] = []
    monkeypatch.setattr(downloads, "AT_ONCE", 0)
    monkeypatch.setattr(tasks.write_download, "delay", handed.append)
    return handed


def ordered(
    by,
    *,
    key="records",
    filters=None,
    columns=("employee_number", "course_code"),
    format="csv",
    form_key="f",
    at=NOON,
    then=lambda pk: None,
) -> Download:
    return downloads.order(
        key=key,
        filters=filters or {},
        columns=list(columns),
        format=format,
        purpose="年终考评",
        form_key=form_key,
        by=by,
        at=at,
        then=then,
    )


def write(pk: int) -> None:
    downloads.run(pk, now=lambda: NOON)


def files(private) -> list:
    """What lies there beside what the ledger keeps."""
    return [path for path in private.rglob("*") if path.is_file() and "ledger" not in path.parts] if private.exists() else []


# By a form


@pytest.mark.parametrize("key", sorted(set(EXPORTS) - {"reminders"}))  # those of a period: test_period_pages.py
@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_an_export_is_for_those_who_read_such_rows(cast, done, sign_in, who, key):
    page = sign_in(getattr(cast, who)).get(reverse("export", args=[key]), {"unit": cast.bureau.pk})
    readers = {"hr", "auditor"} if key == "claims" else {"hr", "auditor", "own_leader", "liaison"}
    elsewhere = {"other_hr"} if key == "claims" else {"other_hr", "other_leader"}
    assert page.status_code == (200 if who in readers else 422 if who in elsewhere else 403)


@pytest.mark.parametrize("wrong", [{"purpose": ""}, {"purpose": "other", "more": " "}, {"purpose": "fun"}])
def test_nothing_leaves_without_a_purpose(cast, done, sign_in, wrong):
    response = take(sign_in(cast.hr), "records", **wrong)
    assert response.status_code == 422 and not response.streaming
    assert not ReadingOfOthers.objects.exists()


def test_the_auditor_finds_an_export_by_its_purpose_and_nobody_else_does(cast, done, sign_in):
    whole_file(take(sign_in(cast.hr), "ledger", more="姚政办发〔2026〕3号"))
    door = reverse("audit_readings")
    assert sign_in(cast.hr).get(door, {"purpose": "姚政办发"}).status_code == 403
    auditor = sign_in(cast.auditor)
    page = auditor.get(door, {"purpose": "姚政办发〔2026〕3"})
    assert "学时台账" in page.text and "姚政办发〔2026〕3号" in page.text
    assert not auditor.get(door, {"purpose": "另一个文号"}).context["page"].object_list


def test_the_columns_that_somebody_chose_are_kept_for_them(cast, done, sign_in):
    data = whole_file(take(sign_in(cast.hr), "records", columns=["person_name", "course_code"], kind="jsonl"))
    assert [json.loads(line) for line in data.decode().splitlines()] == [
        {"person_name": name, "course_code": "P01"} for name in (cast.colleague.name, cast.learner.name)
    ]
    assert "姓名" in ReadingOfOthers.objects.get().filters["columns"]
    form = sign_in(cast.hr).get(reverse("export", args=["records"])).context["form"]
    assert (form.initial["columns"], form.initial["format"]) == (["person_name", "course_code"], "jsonl")
    assert ExportChoice.objects.count() == 1
    form = sign_in(cast.auditor).get(reverse("export", args=["records"])).context["form"]
    assert len(form.initial["columns"]) > 20


def test_every_export_has_columns_with_names_of_their_own(cast, done):
    asked = {"unit": cast.county.pk, "period": year.opened(cast).pk}
    for key in EXPORTS:
        table = downloads.opened(key, cast.hr, asked, at=NOON).make()
        keys = [column.key for column in table.columns]
        assert all(keys) and len(set(keys)) == len(keys), key
        b"".join(csv_chunks(table))


def test_a_ledger_and_a_claim_leave_with_their_hours(cast, done, sign_in):
    lines = list(csv.DictReader(io.StringIO(whole_file(take(sign_in(cast.hr), "ledger")).decode("utf-8-sig"))))
    assert sorted((line["工号"], line["学时"]) for line in lines) == sorted(
        (someone.employee_number, hours) for someone in (cast.learner, cast.colleague) for hours in ("1.00", "0.50")
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "＝", "＋", "－", "＠"])
def test_a_cell_that_begins_like_a_formula_is_defused(start):
    table = Exporter("t", [Column("=head", lambda r: r, key="a")], [f"{start}cmd"])
    text = b"".join(csv_chunks(table)).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["'=head"], [f"'{start}cmd"]]
    assert json.loads(b"".join(json_chunks(table))) == {"a": f"{start}cmd"}


# By a worker


def test_a_large_export_is_ordered_written_and_fetched_with_a_trace(cast, done, sign_in, sent, private, django_capture_on_commit_callbacks):
    client = sign_in(cast.hr)
    with django_capture_on_commit_callbacks(execute=True):
        answer = take(client, "records")
    made = Download.objects.get()
    assert answer["Location"] == reverse("download", args=[made.pk]) and sent == [made.pk]
    assert not ReadingOfOthers.objects.exists()  # nothing has left yet
    assert client.get(reverse("download_file", args=[made.pk])).status_code == 404

    write(made.pk)
    write(made.pk)  # twice is once

    made.refresh_from_db()
    assert (made.state, made.done, made.total, len(files(private))) == (State.DONE, 2, 2, 1)
    assert "下载文件" in client.get(answer["Location"]).text
    response = client.get(reverse("download_file", args=[made.pk]))
    data = whole_file(response)
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (made.sha256, made.size)
    assert cast.learner.name in data.decode("utf-8-sig")
    trace = ReadingOfOthers.objects.get()
    assert (trace.kind, trace.what, trace.rows) == ("export", "completion records", 2)
    assert trace.filters["purpose"] == "年度考评：姚人社〔2026〕9号"


def test_the_same_form_twice_is_one_order(cast, done):
    assert ordered(cast.hr).pk == ordered(cast.hr).pk
    assert Download.objects.count() == 1


def test_an_order_stands_though_no_broker_takes_it(cast, done, django_capture_on_commit_callbacks):
    def unreachable(pk: int) -> None:
        raise OSError("no broker")

    with django_capture_on_commit_callbacks(execute=True):
        made = ordered(cast.hr, then=unreachable)
    assert Download.objects.get().pk == made.pk


def test_nobody_has_many_written_at_a_time(cast, done):
    for n in range(downloads.MOST_AT_A_TIME):
        ordered(cast.hr, form_key=f"f{n}")
    with pytest.raises(Refused) as refusal:
        ordered(cast.hr, form_key="one more")
    assert refusal.value.code == "too_many"
    ordered(cast.auditor)  # others do not wait for it


@pytest.mark.parametrize("who", sorted(set(EVERYBODY) - {"hr"}))
def test_a_file_is_for_whoever_ordered_it(cast, done, sign_in, who):
    made = ordered(cast.hr)
    write(made.pk)
    client = sign_in(getattr(cast, who))
    for name in ("download", "download_file"):
        assert client.get(reverse(name, args=[made.pk])).status_code == 404
    assert client.post(reverse("download_cancel", args=[made.pk])).status_code == 404
    assert made.purpose not in client.get(reverse("download_list")).text
    assert not ReadingOfOthers.objects.exists()


def test_a_role_that_ended_closes_the_file(cast, done, sign_in):
    made = ordered(cast.own_leader)
    write(made.pk)
    client = sign_in(cast.own_leader)
    assert client.get(reverse("download_file", args=[made.pk])).status_code == 200
    RoleGrant.objects.filter(person=cast.own_leader).update(ends_on=NOON.date())
    assert client.get(reverse("download_file", args=[made.pk])).status_code == 403
    assert "不再提供" in client.get(reverse("download", args=[made.pk])).text


def test_a_role_that_shrank_closes_the_file(cast, done, sign_in):
    made = ordered(cast.hr, filters={})
    write(made.pk)
    RoleGrant.objects.filter(person=cast.hr).update(unit=cast.section)
    assert sign_in(cast.hr).get(reverse("download_file", args=[made.pk])).status_code == 403


@pytest.mark.parametrize("key", ["records", "ledger"])
def test_a_county_that_lets_no_history_follow_any_more_closes_the_files_with_it(cast, course, sign_in, key):
    rows.complete(cast.learner, course, at=NOON - timedelta(days=30))
    postings.post(person=cast.learner, unit=cast.other_bureau, title="科员", duties=["staff"], starts_on=NOON.date())
    made = {}
    for by in (cast.other_leader, cast.hr):
        made[by] = ordered(by, key=key, columns=["employee_number"])
        write(made[by].pk)
        assert b"YA10001" in b"".join(downloads.pieces_of(Download.objects.get(pk=made[by].pk), at=NOON))
    in_unit = ordered(cast.other_leader, key=key, columns=["employee_number"], filters={"unit": str(cast.other_bureau.pk)}, form_key="u")
    write(in_unit.pk)

    def status(one) -> int:
        return sign_in(Person.objects.get(pk=one.by_id)).get(reverse("download_file", args=[one.pk])).status_code

    assert [status(one) for one in (*made.values(), in_unit)] == [200] * 3
    units.let_history_follow(county=cast.county, follows=False, basis="姚人社发〔2026〕3号", by=cast.hr)
    # Of a unit that was chosen only what happened in it is told, and whoever reads the whole county reads all that happened there.
    assert [status(one) for one in (made[cast.other_leader], made[cast.hr], in_unit)] == [403, 200, 200]


def test_a_role_that_ended_before_the_writing_writes_nothing(cast, done, private):
    made = ordered(cast.own_leader)
    RoleGrant.objects.filter(person=cast.own_leader).update(ends_on=NOON.date())
    write(made.pk)
    made.refresh_from_db()
    assert made.state == State.FAILED and "权限" in made.why and not files(private)


def test_a_cancelled_order_is_not_written(cast, done, sign_in, private):
    made = ordered(cast.hr)
    sign_in(cast.hr).post(reverse("download_cancel", args=[made.pk]))
    write(made.pk)  # the message was on its way
    made.refresh_from_db()
    assert made.state == State.CANCELLED and not files(private)


def test_a_silent_order_is_handed_to_the_next_worker(cast, done, private):
    made = ordered(cast.hr)
    Download.objects.update(tries=1)
    assert downloads.stuck_gaps(NOON + timedelta(minutes=4), again=write) == []
    (gap,) = downloads.stuck_gaps(NOON + timedelta(minutes=6), again=write)
    gap.mend()
    made.refresh_from_db()
    assert (made.state, made.done, len(files(private))) == (State.DONE, 2, 1)


def test_what_kills_every_worker_is_given_up(cast, done):
    ordered(cast.hr)
    Download.objects.update(tries=downloads.MOST_TRIES)
    (gap,) = downloads.stuck_gaps(NOON + timedelta(minutes=6), again=write)
    gap.mend()
    assert Download.objects.get().state == State.FAILED


def test_a_file_goes_after_its_time(cast, done, sign_in, private):
    made = ordered(cast.hr)
    write(made.pk)
    assert downloads.wipe(at=NOON + downloads.KEPT - timedelta(minutes=1)) == 0
    assert downloads.wipe(at=NOON + downloads.KEPT) == 1 and not files(private)
    assert sign_in(cast.hr).get(reverse("download_file", args=[made.pk])).status_code == 404
    assert "已删除" in sign_in(cast.hr).get(reverse("download", args=[made.pk])).text


def test_a_file_is_gone_when_its_time_is_over_though_nobody_has_removed_it(cast, done, sign_in, private, monkeypatch):
    made = ordered(cast.hr)
    write(made.pk)
    client, door = sign_in(cast.hr), reverse("download_file", args=[made.pk])
    monkeypatch.setattr("core.clock.now", lambda: NOON + downloads.KEPT - timedelta(seconds=1))
    assert client.get(door).status_code == 200
    monkeypatch.setattr("core.clock.now", lambda: NOON + downloads.KEPT)
    assert client.get(door).status_code == 404 and files(private)
    assert "已删除" in client.get(reverse("download", args=[made.pk])).text
    assert "到期已删除" in client.get(reverse("download_list")).text


def test_progress_is_a_piece_of_the_page_that_asks_again(cast, done, sign_in):
    made = ordered(cast.hr)
    piece = sign_in(cast.hr).get(reverse("download", args=[made.pk]), headers={"HX-Request": "true"}).text
    assert piece.startswith("<div") and "hx-trigger" in piece
    assert 'http-equiv="refresh"' in sign_in(cast.hr).get(reverse("download", args=[made.pk])).text


def test_a_file_speaks_the_language_in_which_it_was_ordered(cast, done, private):
    made = {}
    for language in ("en", "zh-hans"):
        with override(language):
            order = ordered(cast.hr, form_key=language)
        write(order.pk)  # a worker speaks the site's language
        order.refresh_from_db()
        made[language] = next(path for path in files(private) if path.name == order.file.rpartition("/")[2]).read_text("utf-8-sig")
    assert made["en"].startswith("Employee number,") and made["zh-hans"].startswith("工号,")
