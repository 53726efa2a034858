"""Leave: rows by HR over the person, corrected by rows; the person, HR and the auditor read them, nobody else."""

import threading
from datetime import date, timedelta

import pytest
from django.db import connection, connections
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from core.errors import Refused
from core.models import FactChanged
from people.models import Leave, Person, ReadingOfOthers
from people.services import leaves, postings
from tests.cast import EVERYBODY, NOON, grant, person

TODAY = clock.today(NOON)
READERS = {"learner", "hr", "auditor"}


def facts(**changes) -> leaves.Facts:
    return leaves.Facts(**{"kind": "sick", "starts_on": date(2026, 3, 2), "ends_on": date(2026, 3, 20), "voucher": "县医院证明"} | changes)


def record(cast, *, key="a", **changes) -> Leave:
    given = {"person": cast.learner, "by": cast.hr, "form_key": key, "at": NOON}
    return leaves.record(
        facts=facts(**{k: v for k, v in changes.items() if k not in given}), **given | {k: v for k, v in changes.items() if k in given}
    )


def refusal(act) -> str:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code


def test_hr_records_a_leave_with_unit_and_post_of_its_first_day_and_an_audit_entry(cast):
    postings.post(person=cast.learner, unit=cast.other_bureau, title="科长", duties=["staff"], starts_on=date(2026, 5, 1))
    leave = record(cast)

    assert (leave.unit, leave.unit_name, leave.post_title) == (cast.section, "姚安县教育体育局 办公室", "科员")
    assert (leave.by, leave.days) == (cast.hr, "2026-03-02 — 2026-03-20")
    trace = ModelLogEntry.objects.get(action="people.leave_recorded")
    assert trace.user == cast.hr and trace.data["leave"] == leave.pk


@pytest.mark.parametrize("who", [name for name in EVERYBODY if name not in {"hr", "learner"}])
def test_nobody_but_hr_over_the_person_records_it(cast, who):
    assert refusal(lambda: record(cast, by=getattr(cast, who))) == "not_hr"
    assert not Leave.objects.exists()


def test_nobody_records_corrects_or_takes_back_their_own(cast):
    assert refusal(lambda: record(cast, person=cast.hr)) == "own_leave"
    own = record(cast, person=cast.hr, by=Person.objects.create_superuser("ROOT", name="根"))
    assert (
        refusal(lambda: leaves.correct(leave=own, facts=facts(kind="off_post"), reason="错", by=cast.hr, form_key="x", at=NOON))
        == "own_leave"
    )
    assert refusal(lambda: leaves.take_back(leave=own, reason="错", by=cast.hr, form_key="y", at=NOON)) == "own_leave"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ends_on": date(2026, 3, 1)}, "order"),
        ({"starts_on": TODAY + timedelta(days=367), "ends_on": None}, "too_far"),
        ({"starts_on": date(1999, 12, 31)}, "too_early"),
        ({"voucher": "  "}, "no_proof"),
        ({"kind": "holiday"}, "kind"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(cast, changes, code):
    assert refusal(lambda: record(cast, **changes)) == code
    assert not Leave.objects.exists()


def test_a_leave_may_begin_up_to_a_year_ahead(cast):
    assert record(cast, starts_on=TODAY + timedelta(days=366), ends_on=None).ends_on is None


@pytest.mark.parametrize(
    ("starts_on", "ends_on"),
    [
        (date(2026, 3, 20), date(2026, 3, 20)),
        (date(2026, 2, 1), date(2026, 3, 2)),
        (date(2026, 3, 5), date(2026, 3, 6)),
        (date(2026, 1, 1), None),
    ],
)
def test_an_overlap_is_refused_and_the_other_one_named(cast, starts_on, ends_on):
    record(cast)
    with pytest.raises(Refused) as refused:
        record(cast, key="b", starts_on=starts_on, ends_on=ends_on)
    assert refused.value.code == "overlap"
    assert "2026-03-02 — 2026-03-20" in refused.value.message and "县医院证明" in refused.value.message


def test_the_day_before_and_the_day_after_are_free_but_nothing_follows_a_leave_that_lasts(cast):
    record(cast)
    record(cast, key="b", starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 1))
    record(cast, key="c", starts_on=date(2026, 3, 21), ends_on=None)
    assert refusal(lambda: record(cast, key="d", starts_on=date(2026, 6, 1), ends_on=date(2026, 6, 2))) == "overlap"


def test_the_same_form_twice_is_one_row(cast):
    assert record(cast) == record(cast)
    assert Leave.objects.count() == 1


def test_a_correction_is_a_row_that_replaces_and_the_earlier_one_stays(cast):
    first = record(cast)
    given = {"leave": first, "facts": facts(ends_on=date(2026, 3, 31)), "by": cast.hr, "form_key": "b", "at": NOON}
    assert refusal(lambda: leaves.correct(**given | {"reason": " "})) == "no_reason"
    assert refusal(lambda: leaves.correct(**given | {"reason": "续假", "facts": facts()})) == "same"
    second = leaves.correct(**given | {"reason": "续假"})

    assert leaves.correct(**given | {"reason": "续假"}) == second
    assert list(Leave.objects.standing()) == [second]
    assert Leave.objects.get(pk=first.pk).ends_on == date(2026, 3, 20)
    assert refusal(lambda: leaves.correct(**given | {"reason": "续假", "form_key": "c"})) == "over"
    with pytest.raises(FactChanged):
        first.save()


def test_what_is_taken_back_stands_no_longer_and_its_days_are_free(cast):
    first = record(cast)
    void = leaves.take_back(leave=first, reason="登记错人", by=cast.hr, form_key="b", at=NOON)

    assert void.is_void and void.replaces == first
    assert not Leave.objects.standing().exists()
    assert refusal(lambda: leaves.take_back(leave=first, reason="再次", by=cast.hr, form_key="c", at=NOON)) == "over"
    record(cast, key="d")


@pytest.mark.parametrize("who", EVERYBODY)
def test_who_reads_the_rows(cast, who):
    record(cast)
    assert Leave.objects.visible_to(getattr(cast, who)).exists() == (who in READERS)


# Who moved to another county


def test_hr_of_where_somebody_served_on_the_first_day_records_corrects_and_takes_back(cast, sign_in):
    postings.post(person=cast.learner, unit=cast.other_county, title="科员", duties=["staff"], starts_on=date(2026, 5, 1))
    later = record(cast, by=cast.other_hr, key="l", starts_on=date(2026, 5, 4), ends_on=None, voucher="外县证明")
    assert refusal(lambda: record(cast, key="m", starts_on=date(2026, 5, 2), ends_on=date(2026, 5, 3))) == "not_hr"
    client, door = sign_in(cast.hr), reverse("leaves", args=[cast.learner.pk])
    data = {"kind": "sick", "starts_on": "2026-04-01", "ends_on": "2026-05-05", "voucher": "介绍信", "reason": "更正", "form_key": "z"}
    refused = client.post(door, data)
    assert refused.status_code == 422 and "重叠" in refused.text and "外县证明" not in refused.text
    assert client.post(door, data | {"ends_on": "2026-04-30"}).status_code == 302
    made = Leave.objects.get(unit=cast.section)
    correct, back = (reverse(name, args=[cast.learner.pk, made.pk]) for name in ("leave_correct", "leave_take_back"))
    page = client.get(door).text
    assert correct in page and back in page and "外县证明" not in page and cast.other_county.name not in page
    assert client.post(correct, data | {"starts_on": "2026-05-02", "ends_on": "2026-05-03", "form_key": "y"}).status_code == 422
    assert client.post(back, {"reason": "未请", "form_key": "x"}).status_code == 302
    assert client.get(reverse("leave_correct", args=[cast.learner.pk, later.pk])).status_code == 404
    assert list(Leave.objects.standing()) == [later]
    for who in ("own_leader", "auditor", "admin", "liaison"):
        assert sign_in(getattr(cast, who)).get(door).status_code == 404, who


def moved_away(cast) -> Person:
    postings.post(person=cast.learner, unit=cast.other_county, title="科员", duties=["staff"], starts_on=date(2026, 5, 1))
    return Person.objects.select_related("unit").get(pk=cast.learner.pk)


@pytest.mark.parametrize("ends_on", ["", "2026-05-01"])
def test_hr_of_where_somebody_served_on_the_first_day_gives_a_last_day_that_lies_there(cast, sign_in, ends_on):
    made, someone = record(cast), moved_away(cast)
    client, door = sign_in(cast.hr), reverse("leaves", args=[someone.pk])
    data = {"kind": "off_post", "starts_on": "2026-04-27", "ends_on": ends_on, "voucher": "介绍信", "reason": "更正", "form_key": "z"}
    for there in (door, reverse("leave_correct", args=[someone.pk, made.pk])):
        refused = client.post(there, data)
        assert refused.status_code == 422 and "请填写截止日" in refused.text
    assert list(Leave.objects.all()) == [made]
    assert client.post(door, data | {"ends_on": "2026-04-30"}).status_code == 302


def test_no_leave_of_hr_of_before_spans_a_time_in_another_county(cast):
    moved_away(cast)
    postings.post(person=cast.learner, unit=cast.section, title="科员", duties=["staff"], starts_on=date(2026, 5, 20))
    postings.post(person=cast.learner, unit=cast.other_county, title="科员", duties=["staff"], starts_on=date(2026, 6, 1))
    someone = Person.objects.select_related("unit").get(pk=cast.learner.pk)
    days = {"person": someone, "starts_on": date(2026, 4, 27), "ends_on": date(2026, 5, 25)}
    assert refusal(lambda: record(cast, **days)) == "not_hr"


@pytest.mark.parametrize("ends_on", [None, date(2026, 5, 20)])
def test_hr_and_auditor_of_now_read_a_leave_that_lasts_into_their_time_and_hr_ends_it(cast, sign_in, ends_on):
    record(cast, key="e", starts_on=date(2026, 2, 2), ends_on=date(2026, 2, 6), voucher="二月证明")
    left_open, someone = record(cast, starts_on=date(2026, 4, 1), ends_on=ends_on), moved_away(cast)
    other_auditor = grant(person("DY10003", "卫审计", cast.other_county), "auditor", cast.other_county).person
    readers = {who for who in EVERYBODY if Leave.objects.visible_to(getattr(cast, who)).filter(pk=left_open.pk).exists()}
    assert readers == {*READERS, "other_hr"} and list(Leave.objects.visible_to(other_auditor)) == [left_open]
    correct = reverse("leave_correct", args=[someone.pk, left_open.pk])
    page = sign_in(cast.other_hr).get(reverse("leaves", args=[someone.pk])).text
    assert correct in page and "县医院证明" in page and "二月证明" not in page
    data = {"kind": "sick", "starts_on": "2026-04-01", "ends_on": "2026-04-30", "voucher": "证明", "reason": "已到岗", "form_key": "z"}
    for who in EVERYBODY:
        if who not in ("hr", "other_hr"):
            assert sign_in(getattr(cast, who)).post(correct, data).status_code in (403, 404), who
    assert sign_in(cast.other_hr).post(correct, data).status_code == 302
    assert Leave.objects.standing().get(starts_on=date(2026, 4, 1)).ends_on == date(2026, 4, 30)


@pytest.mark.parametrize("ends_on", [None, date(2026, 5, 20)])
def test_hr_of_before_takes_back_no_leave_that_lasts_into_the_time_of_another_county(cast, sign_in, ends_on):
    made, someone = record(cast, starts_on=date(2026, 4, 1), ends_on=ends_on), moved_away(cast)
    client, back = sign_in(cast.hr), reverse("leave_take_back", args=[someone.pk, made.pk])
    refused = client.post(back, {"reason": "未请", "form_key": "x"})
    assert refused.status_code == 422 and "由现任职单位的人事考评人员撤回" in refused.text and list(Leave.objects.standing()) == [made]
    ended = {
        "leave": made,
        "facts": facts(starts_on=made.starts_on, ends_on=date(2026, 4, 30)),
        "reason": "调离",
        "form_key": "y",
        "at": NOON,
    }
    here = leaves.correct(**ended, by=cast.hr)
    assert leaves.take_back(leave=here, reason="未请", by=cast.hr, form_key="z", at=NOON).is_void


def test_hr_of_now_takes_back_a_leave_that_lasts_into_their_time(cast):
    made = record(cast, starts_on=date(2026, 4, 1), ends_on=None)
    moved_away(cast)
    leave = Leave.objects.select_related("person__unit", "unit").get(pk=made.pk)
    assert leaves.take_back(leave=leave, reason="未请", by=cast.other_hr, form_key="z", at=NOON).is_void


# The pages


@pytest.mark.parametrize("who", EVERYBODY)
def test_who_opens_the_page(cast, sign_in, who):
    record(cast)
    page = sign_in(getattr(cast, who)).get(reverse("leaves", args=[cast.learner.pk]))

    assert page.status_code == (200 if who in READERS else 404)
    assert ('name="voucher"' in page.text) == (who == "hr")
    assert ReadingOfOthers.objects.filter(what="leave").exists() == (who in READERS - {"learner"})


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("door", ["leaves", "leave_correct", "leave_take_back"])
def test_who_gets_through_the_forms(cast, sign_in, who, door):
    leave = record(cast)
    args = [cast.learner.pk] if door == "leaves" else [cast.learner.pk, leave.pk]
    data = {"kind": "maternity", "starts_on": "2026-04-01", "ends_on": "2026-04-30", "voucher": "介绍信", "reason": "更正", "form_key": "z"}
    answer = sign_in(getattr(cast, who)).post(reverse(door, args=args), data)

    assert answer.status_code == (302 if who == "hr" else 403 if who in READERS else 404)
    assert Leave.objects.count() == (2 if who == "hr" else 1)


def test_a_refused_form_keeps_its_input_and_says_why_beside_the_field(cast, sign_in):
    data = {"kind": "off_post", "starts_on": "2026-04-09", "ends_on": "2026-04-01", "voucher": "组织部函", "form_key": "z"}
    page = sign_in(cast.hr).post(reverse("leaves", args=[cast.learner.pk]), data)

    assert page.status_code == 422
    assert "截止日早于起始日" in page.text
    assert 'value="2026-04-09"' in page.text and "组织部函" in page.text


def test_signed_out_nobody_reads(cast, client):
    assert client.get(reverse("leaves", args=[cast.learner.pk])).status_code == 302


def test_a_leave_that_covers_today_is_said_on_the_page_and_changes_no_status(cast, sign_in):
    record(cast, starts_on=clock.today() - timedelta(days=1), ends_on=clock.today() + timedelta(days=366), at=clock.now())
    page = sign_in(cast.hr).get(reverse("person", args=[cast.learner.pk]))

    assert "今天在请假中：病假" in page.text and "花名册登记的状态：在岗" in page.text
    assert Person.objects.get(pk=cast.learner.pk).status == "on_duty"
    leader = sign_in(cast.own_leader).get(reverse("person", args=[cast.learner.pk]))
    assert "病假" not in leader.text


def test_the_learning_file_shows_it_to_the_person_and_not_to_the_leader(cast, sign_in):
    record(cast)
    assert "县医院证明" in sign_in(cast.learner).get(reverse("my_file")).text
    assert "县医院证明" in sign_in(cast.hr).get(reverse("learning_file", args=[cast.learner.pk])).text
    assert "县医院证明" not in sign_in(cast.own_leader).get(reverse("learning_file", args=[cast.learner.pk])).text


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_officers_at_once_record_one_of_two_that_overlap(cast):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    gate, found = threading.Barrier(2), []

    def act(key):
        gate.wait()
        try:
            found.append(record(cast, key=key).pk)
        except Refused as refused:
            found.append(refused.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act, args=(key,)) for key in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "overlap" in found and Leave.objects.count() == 1
