"""Many certificates at once: ordered, watched, cancelled, taken up again after a crash, without doubles."""

import csv
import io
import threading
import zipfile
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.core.exceptions import PermissionDenied
from django.db import close_old_connections, connection
from django.urls import reverse

from certificates import files, services, tasks
from certificates.models import Batch, Certificate
from certificates.services import batches
from core import clock
from core.errors import Refused
from courses.models import Reversal
from people.models import ReadingOfOthers, Unit
from tests.cast import NOON
from tests.certificates.conftest import a_completion, end

DAY = timedelta(days=1)


def ordered(kind, cast, unit=None, year=2026, by=None, purpose="年终归档"):
    return batches.order(kind=kind, unit=unit or cast.county, year=year, by=by or cast.hr, at=NOON, then=lambda pk: None, purpose=purpose)


@pytest.fixture
def missing(cast, kinds):
    """Three people earned a certificate that nobody issued, one of them two."""
    return [a_completion(person) for person in (cast.learner, cast.learner, cast.colleague, cast.trainer)]


def test_what_was_earned_is_issued_once_however_often_the_batch_runs(cast, missing):
    batch = ordered("issue", cast)
    assert batch.total == 4
    assert batches.run(batch.pk) is False and batches.run(batch.pk) is False
    batch.refresh_from_db()
    assert (batch.state, batch.done, batch.failed) == ("done", 4, 0)
    assert Certificate.objects.count() == 4 == Certificate.objects.values("completion").distinct().count()
    with pytest.raises(Refused) as refused:
        ordered("issue", cast)
    assert refused.value.code == "nothing_to_do"


def test_a_batch_goes_on_where_a_killed_worker_left_it(cast, missing, monkeypatch):
    monkeypatch.setattr(batches, "STEP", 1)
    issue, seen = services.issuing.issue_all, []

    def dies_at_the_third(**facts):
        seen.append(facts["completions"])
        if len(seen) == 3:
            raise KeyboardInterrupt
        return issue(**facts)

    monkeypatch.setattr(services.issuing, "issue_all", dies_at_the_third)
    batch = ordered("issue", cast)
    with pytest.raises(KeyboardInterrupt):
        batches.run(batch.pk)
    assert Certificate.objects.count() == 2 and Batch.objects.get().done == 2

    again = []
    [gap] = batches.stuck_gaps(clock.now() + timedelta(minutes=6), again=again.append)
    gap.mend()
    assert again == [batch.pk]
    batches.run(batch.pk)

    assert Certificate.objects.count() == 4 and seen[3] == seen[2], "it went on with the one that failed"
    assert Batch.objects.get().state == "done"


def test_a_batch_that_dies_again_and_again_is_given_up_and_says_so(cast, missing, monkeypatch):
    batch = ordered("issue", cast)
    Batch.objects.update(tries=3)
    [gap] = batches.stuck_gaps(clock.now() + timedelta(days=400), again=lambda pk: pytest.fail("begun a fourth time"))
    gap.mend()
    batch.refresh_from_db()
    assert batch.state == "failed" and "没有进展" in batch.failures[-1][1]


def test_one_that_cannot_be_done_is_named_and_stops_nobody(cast, missing, private):
    services.issue(completion=a_completion(cast.colleague, name="张\U0001f600"), at=NOON)
    for completion in missing:
        services.issue(completion=completion, at=NOON)
    batch = ordered("render", cast)
    batches.run(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.done, batch.failed) == ("done", 5, 1) and len(batch.failures) == 1
    assert len([name for name in files.names_of(2026) if name.endswith(".pdf")]) == 4


def test_one_that_cannot_be_issued_is_named_and_the_others_of_its_step_are_issued_without_a_gap(cast, missing, monkeypatch):
    facts = Certificate.facts

    def fails_for_the_colleague(self):
        if self.person_id == cast.colleague.pk:
            raise RuntimeError
        return facts(self)

    monkeypatch.setattr(Certificate, "facts", fails_for_the_colleague)
    batch = ordered("issue", cast)
    batches.run(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.done, batch.failed) == ("done", 4, 1) and batch.failures[0][0].startswith(cast.colleague.name)
    serials = sorted(int(number.split("-")[4]) for number in Certificate.objects.values_list("number", flat=True))
    assert serials == [1, 2, 3]


def test_what_is_refused_is_said_and_takes_no_number(cast, missing, kinds):
    outcomes = services.issuing.issue_all(completions=[one.pk for one in missing], at=NOON)
    assert [type(outcomes[one.pk]) for one in missing] == [Certificate] * 4
    reversed_one, other = a_completion(cast.learner), a_completion(cast.colleague)
    Reversal.objects.create(completion=reversed_one, reason="登记有误", by=cast.hr, at=NOON)
    outcomes = services.issuing.issue_all(completions=[reversed_one.pk, other.pk], at=NOON)
    assert outcomes[reversed_one.pk].code == "reversed" and "-00005-" in outcomes[other.pk].number


def test_a_certificate_more_in_a_step_costs_a_few_queries(cast, missing, kinds, django_assert_max_num_queries):
    services.issue(completion=missing[0], at=NOON)  # makes the version and the sequence
    with django_assert_max_num_queries(12 + 6 * 3), services.papers_on_request():  # who holds one may renew it: three of the six
        services.issuing.issue_all(completions=[one.pk for one in missing], at=NOON)
    more = [a_completion(cast.learner).pk for _ in range(10)]
    with django_assert_max_num_queries(12 + 6 * 10), services.papers_on_request():
        services.issuing.issue_all(completions=more, at=NOON)


def test_making_papers_again_keeps_every_fact(cast, kinds, private):
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    before = (certificate.facts(), certificate.facts_digest, Certificate.objects.count())
    storage = files.papers()
    files.ensure(certificate)
    storage.delete(files.name_of(certificate, "pdf"))
    batch = ordered("render", cast)
    batches.run(batch.pk)
    found = Certificate.objects.get()
    assert (found.facts(), found.facts_digest, Certificate.objects.count()) == before and storage.exists(files.name_of(found, "pdf"))


def test_a_package_holds_each_paper_of_the_unit_and_year_by_unit_and_name(cast, kinds, private, in_any_order):
    mine = services.issue(completion=a_completion(cast.learner), at=NOON)
    services.issue(completion=a_completion(cast.other_leader), at=NOON)
    services.issue(completion=a_completion(cast.learner, at=NOON - 400 * DAY), at=NOON - 400 * DAY)
    batch = ordered("pack", cast, unit=cast.bureau)
    batches.run(batch.pk)
    batch.refresh_from_db()
    assert batch.state == "done"
    package = zipfile.ZipFile(io.BytesIO(b"".join(batches.package_of(batch))))
    name, listed = package.namelist()
    assert mine.number in name and mine.person_name in name and package.read(name).startswith(b"%PDF-") and listed == "清单.csv"


def test_a_package_says_what_each_was_worth_that_day_and_sets_apart_what_does_not_stand(cast, kinds, private, second, in_any_order):
    names = ("valid", "expired", "suspended", "restored", "revoked", "replaced")
    made = {name: services.issue(completion=a_completion(cast.learner), at=NOON) for name in names}
    made["expired"] = services.issue(completion=a_completion(cast.learner, at=NOON - 900 * DAY), at=NOON - 900 * DAY)
    for name in ("suspended", "restored"):
        services.suspend(certificate=made[name], by=cast.hr, reason="x", at=NOON)
    services.restore(certificate=made["restored"], by=cast.hr, reason="x", at=NOON)
    end(cast, made["revoked"])
    end(cast, made["replaced"], corrections={"person_name": "=张晓明"})
    made["corrected"] = made["replaced"].replacement
    batch = ordered("pack", cast, year=0)
    batches.run(batch.pk, now=lambda: NOON)
    batch.refresh_from_db()
    package = zipfile.ZipFile(io.BytesIO(b"".join(batches.package_of(batch))))
    data = package.read("清单.csv")
    assert data.startswith(b"\xef\xbb\xbf") and b"\r\n" in data
    lines = {line["证书编号"]: line for line in csv.DictReader(io.StringIO(data.decode("utf-8-sig")))}
    said = {name: lines[one.number]["2026-06-15的状态"] for name, one in made.items()}
    assert said == {
        "valid": "有效",
        "expired": "已过期",
        "suspended": "已暂停",
        "restored": "有效",
        "revoked": "已撤销",
        "replaced": "已替换",
        "corrected": "有效",
    }
    assert lines[made["corrected"].number]["姓名"] == "'=张晓明"  # no formula
    for name, one in made.items():
        file = lines[one.number]["文件"]
        assert one.number in file and package.read(file).startswith(b"%PDF-")
        folder = said[name] if name in ("suspended", "revoked", "replaced") else one.unit_name
        assert file.split("/")[0] == folder.replace(" ", " "), name
    assert len(package.namelist()) == len(lines) + 1


def test_a_paper_that_cannot_be_made_is_in_the_list_without_a_file(cast, kinds, private):
    services.issue(completion=a_completion(cast.learner, name="张\U0001f600"), at=NOON)
    batch = ordered("pack", cast)
    batches.run(batch.pk)
    batch.refresh_from_db()
    package = zipfile.ZipFile(io.BytesIO(b"".join(batches.package_of(batch))))
    [line] = csv.DictReader(io.StringIO(package.read("清单.csv").decode("utf-8-sig")))
    assert line["文件"] == "" and set(package.namelist()) == {"清单.csv", "未能生成.txt"}


def test_names_in_a_package_lead_nowhere_else(cast, kinds, private):
    services.issue(completion=a_completion(cast.learner, name="../../etc/passwd"), at=NOON)
    batch = ordered("pack", cast)
    batches.run(batch.pk)
    batch.refresh_from_db()
    name, _listed = zipfile.ZipFile(io.BytesIO(b"".join(batches.package_of(batch)))).namelist()
    assert ".." not in name and name.count("/") == 1


def test_a_package_is_gone_after_a_day(cast, kinds, private):
    services.issue(completion=a_completion(cast.learner), at=NOON)
    batch = ordered("pack", cast)
    batches.run(batch.pk, now=lambda: NOON)
    batch.refresh_from_db()
    assert batches.wipe(at=NOON + timedelta(hours=23)) == 0
    assert batches.wipe(at=NOON + timedelta(hours=25)) == 1 and batches.wipe(at=NOON + timedelta(hours=25)) == 0
    assert not files.papers().exists(batch.files[0]) and batches.package_of(Batch.objects.get()) is None


# ---- a package in parts


@pytest.fixture
def five(cast, kinds, private, monkeypatch):
    """Five certificates of three people, and packages of two papers a part."""
    monkeypatch.setattr(batches, "PART", 2)
    monkeypatch.setattr(batches, "STEP", 2)
    people = (cast.learner, cast.colleague, cast.trainer, cast.learner, cast.colleague)
    return [services.issue(completion=a_completion(someone), at=NOON) for someone in people]


def parts_of(batch) -> list[list[str]]:
    """The numbers of the papers in each part, by its list; each paper lies in the part that lists it."""
    batch.refresh_from_db()
    found = []
    for part in range(1, len(batch.files) + 1):
        package = zipfile.ZipFile(io.BytesIO(b"".join(batches.package_of(batch, part))))
        lines = list(csv.DictReader(io.StringIO(package.read("清单.csv").decode("utf-8-sig"))))
        assert all(package.read(line["文件"]).startswith(b"%PDF-") for line in lines) and len(package.namelist()) == len(lines) + 1
        found.append(sorted(line["证书编号"] for line in lines))
    return found


def test_a_large_package_is_written_in_parts_and_holds_each_paper_once(cast, five):
    batch = ordered("pack", cast)
    assert batches.run(batch.pk) is False
    numbers = [one.number for one in five]
    assert parts_of(batch) == [numbers[0:2], numbers[2:4], numbers[4:5]] and batch.state == "done"
    assert batches.package_of(batch, 0) is None and batches.package_of(batch, 4) is None


def test_each_part_is_a_step_after_which_others_have_a_turn(cast, five):
    ticks = iter(NOON + number * timedelta(seconds=50) for number in range(1000))
    batch, turns = ordered("pack", cast), 1
    while batches.run(batch.pk, now=lambda: next(ticks)):
        turns += 1
        assert Batch.objects.get().state == "running"
    assert turns > 3 and sum(map(len, parts_of(batch))) == 5


def test_a_worker_killed_in_a_part_is_followed_by_one_that_writes_this_part_anew_and_no_other(cast, five, monkeypatch):
    write, begun = batches._write_part, []

    def dies_in_the_second(batch, keys, out, now):
        begun.append(keys[0])
        if len(begun) == 2:
            out.write(b"half a part")
            raise KeyboardInterrupt
        return write(batch, keys, out, now)

    monkeypatch.setattr(batches, "_write_part", dies_in_the_second)
    batch = ordered("pack", cast)
    with pytest.raises(KeyboardInterrupt):
        batches.run(batch.pk)
    batch.refresh_from_db()
    assert batch.state == "running" and len(batch.files) == 2 and batches.package_of(batch, 1) is None

    [gap] = batches.stuck_gaps(clock.now() + timedelta(minutes=6), again=batches.run)
    gap.mend()
    numbers = [one.number for one in five]
    assert parts_of(batch) == [numbers[0:2], numbers[2:4], numbers[4:5]]
    assert begun == [five[0].pk, five[2].pk, five[2].pk, five[4].pk]


def test_what_a_cancelled_package_left_is_gone_after_a_day(cast, five, monkeypatch):
    write = batches._write_part

    def cancels_after_the_first(batch, keys, out, now):
        if keys[0] == five[2].pk:
            batches.cancel(batch=batch, by=cast.hr, at=NOON)
        return write(batch, keys, out, now)

    monkeypatch.setattr(batches, "_write_part", cancels_after_the_first)
    batch = ordered("pack", cast)
    assert batches.run(batch.pk) is False
    batch.refresh_from_db()
    first, second = batch.files
    assert batch.state == "cancelled" and files.papers().exists(first) and batches.package_of(batch, 1) is None

    assert batches.wipe(at=NOON + timedelta(hours=25)) == 1
    assert not files.papers().exists(first) and not files.papers().exists(second) and Batch.objects.get().files == []


def test_the_page_offers_each_part(cast, five, sign_in):
    batch = ordered("pack", cast)
    batches.run(batch.pk)
    client = sign_in(cast.hr)
    page = client.get(reverse("certificate_batch", args=[batch.pk])).text
    doors = [reverse("certificate_batch_file", args=[batch.pk, part]) for part in (1, 2, 3)]
    assert all(f'href="{door}"' in page for door in doors) and "第3部分" in page
    answer = client.get(doors[2])
    assert "-3.zip" in answer["Content-Disposition"].replace("%2D", "-") and b"".join(answer.streaming_content).startswith(b"PK")
    assert ReadingOfOthers.objects.get(what="certificates as ZIP").filters["part"] == 3
    assert client.get(reverse("certificate_batch_file", args=[batch.pk, 4])).status_code == 404


def test_a_cancelled_batch_stops_after_its_step_and_what_was_done_stays(cast, missing, monkeypatch):
    monkeypatch.setattr(batches, "STEP", 1)
    batch = ordered("issue", cast)
    issue = services.issuing.issue_all

    def cancels(**facts):
        if not Certificate.objects.exists():
            batches.cancel(batch=batch, by=cast.hr, at=NOON)
        return issue(**facts)

    monkeypatch.setattr(services.issuing, "issue_all", cancels)
    assert batches.run(batch.pk) is False
    assert Certificate.objects.count() == 1 and Batch.objects.get().state == "cancelled"
    with pytest.raises(Refused):
        batches.cancel(batch=batch, by=cast.hr, at=NOON)
    assert batches.run(batch.pk) is False and Certificate.objects.count() == 1


def test_long_work_gives_way_after_a_turn_and_is_queued_again(cast, missing, monkeypatch):
    monkeypatch.setattr(batches, "STEP", 1)
    ticks = iter(NOON + minute * timedelta(seconds=45) for minute in range(1000))
    batch = ordered("issue", cast)
    assert batches.run(batch.pk, now=lambda: next(ticks)) is True
    assert 0 < Batch.objects.get().done < 4
    while batches.run(batch.pk):
        pass
    assert Certificate.objects.count() == 4


def test_the_same_order_twice_is_one_batch(cast, missing):
    assert ordered("issue", cast) == ordered("issue", cast) and Batch.objects.count() == 1


def test_nobody_orders_but_hr_of_the_unit(cast, missing):
    for person in cast.people:
        if person == cast.hr:
            continue
        with pytest.raises(PermissionDenied):
            ordered("issue", cast, by=person)
    with pytest.raises(PermissionDenied):
        ordered("issue", cast, unit=cast.other_county)


def test_a_package_needs_a_purpose(cast, kinds):
    services.issue(completion=a_completion(cast.learner), at=NOON)
    with pytest.raises(Refused) as refused:
        ordered("pack", cast, purpose="  ")
    assert refused.value.code == "no_purpose"


def test_the_same_package_for_another_purpose_is_not_taken_for_the_one_that_runs(cast, kinds):
    services.issue(completion=a_completion(cast.learner), at=NOON)
    first = ordered("pack", cast)
    assert ordered("pack", cast) == first
    with pytest.raises(Refused) as refused:
        ordered("pack", cast, purpose="巡察")
    assert refused.value.code == "other_purpose" and "年终归档" in refused.value.message and Batch.objects.count() == 1


def test_a_batch_takes_the_same_number_of_queries_for_each_certificate(cast, kinds, private, django_assert_max_num_queries):
    for _number in range(6):
        files.ensure(services.issue(completion=a_completion(cast.learner), at=NOON))
    batch = ordered("pack", cast)
    with django_assert_max_num_queries(20):
        batches.run(batch.pk)


# ---- the doors


def test_hr_orders_watches_and_downloads_and_it_is_on_record(
    cast, kinds, private, sign_in, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(tasks.run_batch, "delay", lambda pk: batches.run(pk))
    services.issue(completion=a_completion(cast.learner), at=NOON)
    client = sign_in(cast.hr)
    page = client.post(reverse("certificate_batches"), {"kind": "pack", "unit": cast.county.pk, "year": 2026, "purpose": ""})
    assert page.status_code == 422 and "请填写用途" in page.text
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("certificate_batches"), {"kind": "pack", "unit": cast.county.pk, "year": 2026, "purpose": "年终归档"})
    batch = Batch.objects.get()
    page = client.get(reverse("certificate_batch", args=[batch.pk]))
    assert "下载压缩包" in page.text
    answer = client.get(reverse("certificate_batch_file", args=[batch.pk, 1]))
    assert zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))).namelist()
    trace = ReadingOfOthers.objects.get(what="certificates as ZIP")
    assert trace.reader == cast.hr and trace.filters["purpose"] == "年终归档" and trace.rows == 1


def test_a_section_is_named_with_its_organ(cast, kinds, private, sign_in):
    services.issue(completion=a_completion(cast.learner), at=NOON)
    section = cast.learner.unit
    batch = ordered("pack", cast, unit=section)
    batches.run(batch.pk)
    whole = f"{Unit.objects.get(path=section.organ_path).name} {section.name}"

    client = sign_in(cast.hr)
    for address in (reverse("certificate_batches"), reverse("certificate_batch", args=[batch.pk])):
        assert whole in client.get(address).content.decode()
    assert quote(whole) in client.get(reverse("certificate_batch_file", args=[batch.pk, 1]))["Content-Disposition"]


def test_the_button_of_a_batch_speaks_of_work_and_not_of_learning(sign_in, cast):
    page = sign_in(cast.hr).get(reverse("certificate_batches")).content.decode()
    assert ">开始处理</button>" in page and "开始学习" not in page


def test_a_batch_is_nobody_elses(cast, kinds, private, sign_in):
    services.issue(completion=a_completion(cast.learner), at=NOON)
    batch = ordered("pack", cast)
    batches.run(batch.pk)
    paths = [reverse("certificate_batch", args=[batch.pk]), reverse("certificate_batch_file", args=[batch.pk, 1])]
    for person in cast.people:
        if person != cast.hr:
            assert {sign_in(person).get(path).status_code for path in paths} <= {404}
            assert sign_in(person).post(reverse("certificate_batch_cancel", args=[batch.pk])).status_code == 404
    for person in (cast.learner, cast.trainer, cast.own_leader, cast.auditor):
        assert sign_in(person).get(reverse("certificate_batches")).status_code == 403


def test_the_list_takes_the_same_queries_for_one_and_for_many(cast, missing, sign_in, django_assert_num_queries):
    from tests.home.test_doors import queries_of

    batch = ordered("issue", cast)
    client = sign_in(cast.hr)
    few = queries_of(reverse("certificate_batches"), client)
    Batch.objects.bulk_create(
        Batch(kind="issue", unit=cast.county, by=cast.hr, state="done", made_at=NOON, seen_at=NOON) for _number in range(12)
    )
    assert queries_of(reverse("certificate_batches"), client) == few and batch.pk


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_workers_on_one_batch_issue_nothing_twice(cast, kinds):
    for _number in range(12):
        a_completion(cast.learner)
    batch = ordered("issue", cast)
    barrier, wrong = threading.Barrier(4), []

    def work():
        try:
            barrier.wait()
            batches.run(batch.pk)
        except Exception as error:
            wrong.append(error)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert wrong == [] and Certificate.objects.count() == 12 and Batch.objects.get().state == "done"
    assert sorted(int(one.number.split("-")[4]) for one in Certificate.objects.all()) == list(range(1, 13))
