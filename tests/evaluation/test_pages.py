"""The pages of records: who may open them, what they show, what reading leaves behind."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import openpyxl
import pytest
from django.urls import reverse, reverse_lazy

from core import clock
from courses.models import Completion, CreditPolicy, Enrolment, Reversal
from evaluation import views
from evaluation.exports import EXPORTS
from evaluation.models import LedgerEntry, RecordChange
from people.models import Duty, Person, ReadingOfOthers
from tests import cast as casting
from tests.cast import NOON
from tests.evaluation import rows
from tests.evaluation.exporting import take

READERS = ["own_leader", "liaison", "hr", "auditor"]
NOT_READERS = ["learner", "colleague", "trainer", "reviewer", "admin"]
LISTS = [reverse_lazy("records"), reverse_lazy("records_units"), *(reverse_lazy("export", args=[key]) for key in EXPORTS)]


def body(response) -> str:
    return b"".join(response.streaming_content).decode() if response.streaming else response.content.decode()


@pytest.fixture
def done(cast, course):
    return rows.complete(cast.learner, course)


# The cast on every door


@pytest.mark.parametrize("door", LISTS)
@pytest.mark.parametrize("who", NOT_READERS)
def test_whoever_reads_no_records_is_refused_at_every_list(cast, done, sign_in, who, door):
    assert sign_in(getattr(cast, who)).get(str(door)).status_code == 403


@pytest.mark.parametrize("door", [*LISTS, reverse_lazy("my_file"), reverse_lazy("download_list")])
def test_signed_out_goes_to_the_sign_in(client, cast, door):
    response = client.get(str(door))
    assert response.status_code == 302 and "login" in response["Location"]


@pytest.mark.parametrize(("who", "sees"), [*[(who, True) for who in READERS], ("other_leader", False), ("other_hr", False)])
def test_a_record_is_seen_by_those_who_reach_it_alone(cast, done, sign_in, who, sees):
    client = sign_in(getattr(cast, who))
    assert ("张小明" in body(client.get(reverse("records")))) is sees
    assert ("张小明" in body(take(client, "records"))) is sees
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(take(client, "records", "xlsx").streaming_content))).active
    assert (sheet.max_row == 2) is sees


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("learner", 200),
        ("own_leader", 200),
        ("liaison", 200),
        ("hr", 200),
        ("auditor", 200),
        ("colleague", 404),
        ("other_leader", 404),
        ("trainer", 404),
        ("reviewer", 404),
        ("admin", 404),
        ("other_hr", 404),
        ("stranger", 404),
    ],
)
def test_a_learning_file_opens_for_oneself_and_those_who_reach_the_person(cast, done, sign_in, who, status):
    assert sign_in(getattr(cast, who)).get(reverse("learning_file", args=[cast.learner.pk])).status_code == status


@pytest.mark.parametrize(
    ("who", "status"),
    [("hr", 200), ("own_leader", 404), ("liaison", 404), ("auditor", 404), ("learner", 404), ("other_hr", 404), ("admin", 404)],
)
def test_only_hr_of_the_person_corrects_and_reverses(cast, done, sign_in, who, status):
    client = sign_in(getattr(cast, who))
    assert client.get(reverse("correct_hours", args=[cast.learner.pk])).status_code == status
    assert client.get(reverse("reverse_completion", args=[done.pk])).status_code == status
    if status == 404:
        client.post(reverse("correct_hours", args=[cast.learner.pk]), {"year": 2026, "hours": "1", "reason": "x", "form_key": "k"})
        client.post(reverse("reverse_completion", args=[done.pk]), {"reason": "x", "sure": "on"})
        assert not LedgerEntry.objects.filter(kind="correction").exists() and not Reversal.objects.exists()


@pytest.mark.parametrize(
    ("who", "status"), [("own_leader", 200), ("liaison", 200), ("hr", 200), ("other_leader", 404), ("other_hr", 404), ("learner", 403)]
)
def test_a_units_people_are_read_by_those_who_reach_it(cast, done, sign_in, who, status):
    client = sign_in(getattr(cast, who))
    assert client.get(reverse("records_unit", args=[cast.bureau.pk])).status_code == status
    if status != 403:
        assert client.get(reverse("records_units"), {"unit": cast.bureau.pk}).status_code == status


# The list


def test_the_list_shows_what_was_at_the_event(cast, done, sign_in):
    rows.certificate(done)
    Person.objects.filter(pk=cast.learner.pk).update(name="张改名", post_title="主任")
    page = body(sign_in(cast.hr).get(reverse("records")))
    for text in (
        "张小明",
        "YA10001",
        "姚安县教育体育局 办公室",
        "科员",
        "P01 政务公开基础",
        "1.5",
        "90",
        "2026-06-15 12:00",
        "YAZWGK-01-2026-532325-00001-8",
    ):
        assert text in page
    assert "张改名" not in page


def found(client, **wanted) -> set[str]:
    lines = list(csv.reader(io.StringIO(body(take(client, "records", filters=wanted)).lstrip("\ufeff"))))
    return {line[2] for line in lines[1:]}


def test_filters_narrow_by_unit_course_duty_and_name(cast, course, sign_in):
    other = rows.course(cast.county, "T01")
    rows.complete(cast.learner, course)
    rows.complete(cast.colleague, other)
    rows.complete(cast.other_leader, course)
    client = sign_in(cast.hr)
    assert found(client) == {"YA10001", "YA10002", "YA10004"}
    assert found(client, unit=cast.bureau.pk) == {"YA10001", "YA10002"}
    assert found(client, course=other.pk) == {"YA10002"}
    assert found(client, duty="publisher") == {"YA10002"}
    assert found(client, duty="staff") == {"YA10001", "YA10002"}
    assert found(client, q="李") == {"YA10002"}
    assert found(client, q="ya10004") == {"YA10004"}


def test_a_day_ends_at_midnight_of_shanghai(cast, course, sign_in):
    rows.complete(cast.learner, course, at=datetime(2026, 6, 15, 15, 59, 59, tzinfo=UTC))  # 23:59:59
    rows.complete(cast.colleague, course, at=datetime(2026, 6, 15, 16, 0, tzinfo=UTC))  # 24:00
    client = sign_in(cast.hr)
    assert found(client, until="2026-06-15") == {"YA10001"}
    assert found(client, since="2026-06-16") == {"YA10002"}
    assert found(client, since="2026-06-15", until="2026-06-15") == {"YA10001"}


def test_a_year_begins_at_midnight_of_shanghai(cast, course, sign_in):
    rows.complete(cast.learner, course, at=datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC))
    rows.complete(cast.colleague, course, at=datetime(2025, 12, 31, 16, 0, tzinfo=UTC))
    client = sign_in(cast.hr)
    assert found(client, since="2025-01-01", until="2025-12-31") == {"YA10001"}
    assert found(client, since="2026-01-01", until="2026-12-31") == {"YA10002"}


def test_each_status_has_its_rows(cast, course, sign_in):
    rows.reverse(rows.complete(cast.learner, course), by=cast.hr)
    rows.enrol(cast.colleague, course)
    third = casting.person("YA10020", "何新", cast.section, Duty.STAFF)
    client = sign_in(cast.hr)
    assert found(client, status="completed") == set()
    assert found(client, status="reversed") == {"YA10001"}
    assert found(client, status="in_progress") == {"YA10002"}
    assert found(client, status="not_started") == {"YA10001", third.employee_number}
    assert found(client, status="not_started", q="何") == {"YA10020"}
    assert found(client, status="not_started", unit=cast.other_bureau.pk) == set()


@pytest.mark.parametrize("sort", ["-at", "at", "name", "number", "unit", "course", "-hours", "-score"])
@pytest.mark.parametrize("status", ["completed", "in_progress", "not_started", "reversed", "higher"])
def test_every_order_of_every_status_is_shown_and_exported(cast, course, sign_in, sort, status):
    rows.course(cast.county, "T02", required=["publisher"])
    rows.complete(cast.learner, course)
    client = sign_in(cast.hr)
    assert client.get(reverse("records"), {"sort": sort, "status": status}).status_code == 200
    found(client, sort=sort, status=status)


@pytest.mark.parametrize(
    "wrong",
    [
        {"since": "2026-13-01"},
        {"unit": "999999"},
        {"unit": "x"},
        {"status": "all"},
        {"sort": "pk"},
        {"since": "2026-02-01", "until": "2026-01-01"},
    ],
)
def test_a_wrong_filter_shows_nothing_and_exports_nothing(cast, done, sign_in, wrong):
    client = sign_in(cast.hr)
    response = client.get(reverse("records"), wrong)
    assert response.status_code == 422 and "张小明" not in body(response)
    assert take(client, "records", filters=wrong).status_code == 422


@pytest.mark.parametrize("period", [{"since": "2020-01-01", "until": "2020-02-01"}, {"since": "2020-01-01"}, {"until": "2020-02-01"}])
def test_what_was_not_started_has_no_period_and_the_page_says_so(cast, course, sign_in, period):
    client = sign_in(cast.hr)
    wrong = {"status": "not_started", "q": "张", **period}
    response = client.get(reverse("records"), wrong)
    text = body(response)
    assert response.status_code == 422 and "张小明" not in text
    assert "没有日期" in text and all(f'value="{day}"' in text for day in period.values()) and 'value="张"' in text
    assert not ReadingOfOthers.objects.exists()
    told = take(client, "records", filters=wrong)
    assert told.status_code == 422 and "没有日期" in body(told)


def test_whole_years_are_not_offered_where_no_period_fits(cast, course, sign_in):
    client = sign_in(cast.hr)
    assert "since=2026-01-01" not in body(client.get(reverse("records"), {"status": "not_started"}))
    assert "status=in_progress&amp;since=" in body(client.get(reverse("records"), {"status": "in_progress"}))


def test_a_unit_out_of_reach_is_no_filter(cast, done, sign_in):
    assert sign_in(cast.own_leader).get(reverse("records"), {"unit": cast.other_bureau.pk}).status_code == 422


def test_an_empty_list_says_what_to_do(cast, policy, sign_in):
    assert "empty-title" in body(sign_in(cast.hr).get(reverse("records")))


def test_page_numbers_out_of_range_show_the_last_page(cast, done, sign_in):
    assert "张小明" in body(sign_in(cast.hr).get(reverse("records"), {"page": "99"}))
    assert "张小明" in body(sign_in(cast.hr).get(reverse("records"), {"page": "x"}))


# Traces of reading


def test_reading_and_exporting_leave_a_trace_with_filter_and_rows(cast, done, sign_in):
    client = sign_in(cast.hr)
    client.get(reverse("records"), {"unit": cast.bureau.pk})
    body(take(client, "records", filters={"q": "张"}))
    read, exported = ReadingOfOthers.objects.order_by("pk")
    assert (read.reader, read.kind, read.unit, read.rows) == (cast.hr, "read", cast.bureau, 1)
    assert (exported.kind, exported.rows, exported.filters["q"]) == ("export", 1, "张")
    assert exported.filters["purpose"] == "年度考评：姚人社〔2026〕9号"


def test_reading_anothers_file_leaves_a_trace_and_ones_own_none(cast, done, sign_in):
    sign_in(cast.learner).get(reverse("my_file"))
    sign_in(cast.learner).get(reverse("learning_file", args=[cast.learner.pk]))
    assert not ReadingOfOthers.objects.exists()
    sign_in(cast.own_leader).get(reverse("learning_file", args=[cast.learner.pk]))
    assert ReadingOfOthers.objects.get().subject == cast.learner


# Files


def test_csv_opens_right_in_excel_and_defuses_formulas(cast, course, sign_in):
    evil = casting.person("YA10030", "=HYPERLINK(1)", cast.section, Duty.STAFF, title="@SUM(A1)")
    rows.complete(evil, course, score=None)
    data = b"".join(take(sign_in(cast.hr), "records").streaming_content)
    assert data.startswith(b"\xef\xbb\xbf") and b"\r\n" in data
    line = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))[1]
    assert line[3] == "'=HYPERLINK(1)" and line[6] == "'@SUM(A1)"
    assert line[16] == "1.50" and line[19] == "2026-06-15 12:00:00"


def test_xlsx_keeps_text_as_text_and_types_numbers_and_times(cast, course, sign_in):
    evil = casting.person("YA10030", "=1+1", cast.section, Duty.STAFF)
    rows.complete(evil, course)
    book = openpyxl.load_workbook(io.BytesIO(b"".join(take(sign_in(cast.hr), "records", "xlsx").streaming_content)))
    line = next(book.active.iter_rows(min_row=2))
    assert (line[3].value, line[3].data_type) == ("=1+1", "s") and line[3].quotePrefix
    assert line[16].value == 1.5 and line[19].value == datetime(2026, 6, 15, 12, 0)


def many(cast, course, count: int, start: int = 0) -> None:
    """So many people of the section, each with a completion; in bulk."""
    people = Person.objects.bulk_create(
        Person(employee_number=f"N{n}", name=f"人{n}", unit=cast.section, password="!") for n in range(start, start + count)
    )
    facts = [
        {"person": p, "unit": cast.section, "employee_number": p.employee_number, "person_name": p.name, "unit_name": "办公室"}
        for p in people
    ]
    begun = Enrolment.objects.bulk_create(Enrolment(**f, course=course, edition=course.current, enrolled_at=NOON) for f in facts)
    policy = CreditPolicy.objects.get()
    completions = Completion.objects.bulk_create(
        Completion(
            **f,
            enrolment=e,
            course=course,
            edition=course.current,
            round=1,
            course_code=course.code,
            course_title="课",
            line="policy",
            edition_number=1,
            minutes=45,
            policy=policy,
            study_hours=1,
            test_hours=0,
            completed_at=NOON,
        )
        for f, e in zip(facts, begun, strict=True)
    )
    RecordChange.objects.bulk_create(RecordChange(completion=c, kind="completed", at=NOON) for c in completions)


def test_queries_do_not_grow_with_a_thousand_rows(cast, course, sign_in, django_assert_max_num_queries):
    from django.core.cache import caches
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = sign_in(cast.hr)
    pages = [
        reverse("records"),
        reverse("records") + "?status=not_started",
        reverse("records_units"),
        reverse("records_unit", args=[cast.county.pk]),
    ]
    counts = []
    client.get(pages[0])  # the first page of a session writes it
    for count in (60, 940):
        many(cast, course, count, start=len(counts) * 100)
        counts.append([])
        caches["local"].clear()  # what a process keeps for a minute is looked up once in each round
        for page in pages:
            with CaptureQueriesContext(connection) as queries:
                response = client.get(page)
                response.streaming and b"".join(response.streaming_content)
            counts[-1].append(len(queries))
        for kind in ("csv", "xlsx", "jsonl"):
            take(client, "records", kind)  # the first time keeps the choice
            with CaptureQueriesContext(connection) as queries:
                b"".join(take(client, "records", kind).streaming_content)
            counts[-1].append(len(queries) // 2)
    assert counts[0] == counts[1]
    assert max(counts[1]) <= 15


def test_a_learning_file_takes_few_queries(cast, course, sign_in, django_assert_max_num_queries):
    for n in range(6):
        rows.complete(cast.learner, course, round=n + 1, at=NOON - timedelta(days=365 * (n % 3)))
    client = sign_in(cast.hr)
    client.get(reverse("my_file"))  # the first page of a session writes it
    with django_assert_max_num_queries(16):
        assert client.get(reverse("learning_file", args=[cast.learner.pk])).status_code == 200


# Files of people


def test_the_file_tells_courses_hours_targets_reversals_and_corrections(cast, course, sign_in):
    first = rows.complete(cast.learner, course)
    rows.certificate(first)
    other = rows.course(cast.county, "S01", title="标准化基础")
    rows.reverse(rows.complete(cast.learner, other), by=cast.hr, reason="查实替考")
    rows.enrol(cast.learner, rows.course(cast.county, "T01", title="理论入门"))
    page = body(sign_in(cast.learner).get(reverse("my_file")))
    for text in ("政务公开基础", "YAZWGK-01-2026-532325-00001-8", "查实替考", "标准化基础", "理论入门", "学习学时制介绍"):
        assert text in page
    assert "/reverse/" not in page and "/correct/" not in page  # no act of HR on one's own file


def test_the_file_tells_what_is_required_what_is_missing_and_the_pass_rate(cast, course, sign_in):
    now = clock.now()
    rows.complete(cast.learner, course, at=now)
    rows.course(cast.county, "S01", title="标准化基础", required=["staff"])
    rows.enrol(cast.learner, rows.course(cast.county, "T01", title="理论入门", required=["staff"]), at=now)
    rows.course(cast.county, "P04", title="领导干部微课", required=["chief"])
    rows.sat(cast.learner, course, passed=False, key="first", at=now)
    rows.sat(cast.learner, course, passed=True, key="second", number=2, at=now)
    for page in (sign_in(cast.hr).get(reverse("learning_file", args=[cast.learner.pk])), sign_in(cast.learner).get(reverse("my_file"))):
        part = page.text.partition('id="required"')[2].partition("</section>")[0]
        assert "必修3门，已完成1门" in part and "参加测试2项，合格1项" in part
        assert ">33<" in part and ">50<" in part
        missing = part.partition("未完成")[2]
        assert "S01 标准化基础" in missing and "T01 理论入门" in missing and "学习中" in missing and "未开始" in missing
        assert course.code not in missing and "P04" not in part


def test_of_who_serves_no_longer_the_file_asks_nothing(cast, course, sign_in):
    cast.learner.status = Person.Status.LEFT
    cast.learner.save()

    page = sign_in(cast.hr).get(reverse("learning_file", args=[cast.learner.pk]))
    assert page.status_code == 200 and page.context["required"] is None and 'id="required"' not in page.text


def test_a_newcomer_from_another_county_brings_no_foreign_rows(cast, course, policy, sign_in):
    from people.models import Posting

    foreign = rows.course(cast.other_county, "Q01", title="大姚课程")
    rows.complete(cast.stranger, foreign)
    Posting.objects.filter(person=cast.stranger).update(ends_on=casting.SINCE)
    Person.objects.filter(pk=cast.stranger.pk).update(unit=cast.bureau)
    page = body(sign_in(cast.hr).get(reverse("learning_file", args=[cast.stranger.pk])))
    assert "大姚课程" not in page and 'class="callout"' in page and "1.5" in page


# Acts


def test_hr_writes_a_correction_from_the_form_and_twice_is_once(cast, done, sign_in):
    client, door = sign_in(cast.hr), reverse("correct_hours", args=[cast.learner.pk])
    sent = {"year": 2026, "hours": "-1.25", "reason": "挂机", "form_key": "abc"}
    client.post(door, sent)
    assert client.post(door, sent).status_code == 302
    assert LedgerEntry.objects.get(kind="correction").hours == Decimal("-1.25")


def test_hr_names_the_entry_that_a_correction_answers_from_those_of_the_person(cast, done, sign_in):
    rows.complete(cast.colleague, done.course)
    client, door = sign_in(cast.hr), reverse("correct_hours", args=[cast.learner.pk])
    online, test = done.ledger_entries.order_by("kind")
    offered = client.get(door).context["form"].fields["answers"]
    assert set(offered.queryset) == {online, test}
    assert offered.label_from_instance(offered.queryset.get(pk=online.pk)).endswith("1 学时，还剩 1 学时")
    sent = {"year": 2026, "hours": "-0.5", "reason": "挂机", "form_key": "abc", "answers": online.pk}
    assert client.post(door, sent | {"hours": "-1.25"}).status_code == 422
    assert client.post(door, sent | {"answers": LedgerEntry.objects.filter(person=cast.colleague).first().pk}).status_code == 422
    assert client.post(door, sent).status_code == 302
    assert LedgerEntry.objects.get(kind="correction").answers == online
    assert "更正“网络课程 P01 政务公开基础”：挂机" in client.get(reverse("learning_file", args=[cast.learner.pk])).text


def test_in_january_a_correction_of_an_entry_is_of_the_year_of_that_entry_whatever_year_is_preset(cast, done, sign_in, monkeypatch):
    january = datetime(2027, 1, 8, 4, tzinfo=UTC)
    monkeypatch.setattr(
        views, "clock", SimpleNamespace(now=lambda: january, year_of=clock.year_of, today=lambda at=january: clock.today(at))
    )
    client, door = sign_in(cast.hr), reverse("correct_hours", args=[cast.learner.pk])
    preset = client.get(door).context["form"]["year"].value()
    assert preset == 2027
    online = done.ledger_entries.get(kind="online")
    sent = {"year": preset, "hours": "-0.5", "reason": "挂机", "form_key": "abc", "answers": online.pk}
    assert client.post(door, sent).status_code == 302
    assert LedgerEntry.objects.get(kind="correction").year == 2026


@pytest.mark.parametrize(
    "wrong", [{"hours": "0.3"}, {"hours": "-5"}, {"hours": "viel"}, {"reason": ""}, {"year": 2010}, {"hours": "NaN"}, {"hours": "1e9"}]
)
def test_a_refused_correction_keeps_the_input_and_writes_nothing(cast, policy, sign_in, wrong):
    door = reverse("correct_hours", args=[cast.learner.pk])
    response = sign_in(cast.hr).post(door, {"year": 2026, "hours": "1", "reason": "线下学习", "form_key": "a", **wrong})
    assert response.status_code == 422 and "error-summary" in body(response)
    assert not LedgerEntry.objects.exists()


def test_hr_reverses_a_completion_with_reason_and_tick(cast, done, sign_in):
    from wagtail.models import ModelLogEntry

    client, door = sign_in(cast.hr), reverse("reverse_completion", args=[done.pk])
    assert client.post(door, {"reason": "替考"}).status_code == 422
    assert client.post(door, {"sure": "on"}).status_code == 422
    assert not Reversal.objects.exists()
    assert client.post(door, {"reason": "替考", "sure": "on"}).status_code == 302
    assert client.post(door, {"reason": "again", "sure": "on"}).status_code == 302
    assert Reversal.objects.get().reason == "替考"
    assert LedgerEntry.objects.filter(kind="correction").count() == 1
    assert ModelLogEntry.objects.filter(user=cast.hr).exists()
    assert Completion.objects.get().reversal


def test_a_superuser_opens_every_learning_file(cast, sign_in):
    cast.admin.is_superuser = True
    cast.admin.save()

    assert sign_in(cast.admin).get(f"/people/{cast.learner.pk}/file/").status_code == 200


def test_whoever_opens_a_correction_or_a_reversal_of_another_leaves_a_trace(cast, course, policy, sign_in):
    done = rows.complete(cast.learner, course, rule=policy)
    client = sign_in(cast.hr)
    client.get(reverse("correct_hours", args=[cast.learner.pk]))
    client.get(reverse("reverse_completion", args=[done.pk]))
    traces = ReadingOfOthers.objects.filter(reader=cast.hr).order_by("pk")
    assert [(one.what, one.subject, one.unit, one.rows) for one in traces] == [
        ("hours to correct", cast.learner, cast.section, 1),
        ("completion to reverse", cast.learner, cast.section, 1),
    ]
    assert traces[1].filters == {"completion": done.pk}
