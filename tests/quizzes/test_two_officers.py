"""Two officers at one sitting: nobody undoes what the other did meanwhile, and nothing that was typed is lost."""

import pytest
from django.test import Client
from django.urls import reverse

from core import clock
from core.errors import Refused
from quizzes.models import Allowance, Attempt, Candidate, Extension, Sitting
from quizzes.services import candidates, sittings
from quizzes.services.candidates import Row
from tests.forms import typed_in
from tests.quizzes.exams import HOUR, MINUTE, make_sitting, put


@pytest.fixture
def sitting(cast, quiz):
    return make_sitting(cast, quiz)


@pytest.fixture
def draft(cast, quiz):
    return make_sitting(cast, quiz, published=False)


@pytest.fixture
def hr(cast, sign_in):
    return sign_in(cast.hr)


@pytest.fixture
def admin(cast):
    """Another officer of the county, at another machine."""
    client = Client()
    client.force_login(cast.admin)
    return client


def edit(sitting):
    return reverse("sitting_edit", args=[sitting.pk])


# ---- the terms -----------------------------------------------------------------------------


def test_of_two_forms_of_a_sitting_the_first_is_saved_and_the_second_is_refused_with_its_input(hr, admin, cast, sitting):
    mine, theirs = hr.get(edit(sitting)), admin.get(edit(sitting))
    later = clock.local(sitting.closes_at + HOUR).strftime("%Y-%m-%dT%H:%M")
    assert admin.post(edit(sitting), typed_in(theirs, closes_at=later)).status_code == 302

    page = hr.post(edit(sitting), typed_in(mine, title="补考", late_entry_minutes=20))

    standing = Sitting.objects.get(pk=sitting.pk)
    assert clock.local(standing.closes_at).strftime("%Y-%m-%dT%H:%M") == later
    assert (standing.title, standing.late_entry_minutes) == (sitting.title, 15)
    assert page.status_code == 422 and f"{cast.admin.name} 于 {clock.local(clock.now()):%Y-%m-%d}" in page.text
    assert 'value="补考"' in page.text and "现行内容：" in page.text and later.replace("T", " ") in page.text
    assert f'<a href="{edit(sitting)}" target="_blank">' in page.text
    assert hr.post(edit(sitting), typed_in(page)).status_code == 422, "it stays refused until it is opened anew"
    assert hr.post(edit(sitting), typed_in(hr.get(edit(sitting)), title="补考")).status_code == 302
    standing = Sitting.objects.get(pk=sitting.pk)
    assert standing.title == "补考" and clock.local(standing.closes_at).strftime("%Y-%m-%dT%H:%M") == later


def test_a_sitting_is_saved_twice_in_a_row_and_a_form_sent_twice_is_no_older_one(hr, sitting):
    for title in ("甲场", "乙场"):
        sent = typed_in(hr.get(edit(sitting)), title=title)
        assert [hr.post(edit(sitting), sent).status_code for _time in range(2)] == [302, 302]
    assert Sitting.objects.get(pk=sitting.pk).title == "乙场"


def test_who_edits_a_draft_changes_nothing_of_what_is_published_by_now(hr, cast, draft):
    mine = hr.get(edit(draft))
    sittings.publish(sitting=draft, by=cast.admin, at=clock.now())
    page = hr.post(edit(draft), typed_in(mine, title="补考"))
    assert page.status_code == 422 and cast.admin.name in page.text and Sitting.objects.get(pk=draft.pk).title == draft.title


def test_nobody_publishes_other_terms_than_the_page_showed(hr, cast, draft):
    act, overview = reverse("sitting_act", args=[draft.pk]), reverse("sitting_manage", args=[draft.pk])
    mine = typed_in(hr.get(overview), act="publish")
    sittings.write(terms=terms_with(draft, late_entry_minutes=5), by=cast.admin, at=clock.now(), sitting=draft)
    page = hr.post(act, mine, follow=True)
    assert cast.admin.name in page.text and "晚于您打开本页" in page.text and Sitting.objects.get(pk=draft.pk).is_draft
    hr.post(act, typed_in(hr.get(overview), act="publish"))
    assert not Sitting.objects.get(pk=draft.pk).is_draft


def terms_with(sitting, **changes) -> sittings.Terms:
    return sittings.Terms(**vars(sittings.terms_of(sitting)) | changes)


def test_nobody_throws_away_a_draft_on_which_a_colleague_has_worked_since(hr, cast, draft):
    act, overview = reverse("sitting_act", args=[draft.pk]), reverse("sitting_manage", args=[draft.pk])
    mine = typed_in(hr.get(overview), holding="list_opened_on", act="discard")
    put(draft, cast, Row(1, "YA10003", "二号考场", "01"), at=clock.now())
    page = hr.post(act, mine, follow=True)
    assert "您本人已于" in page.text and Sitting.objects.filter(pk=draft.pk).exists()  # the list was put in by HR, in another window
    hr.post(act, typed_in(hr.get(overview), holding="list_opened_on", act="discard"))
    assert not Sitting.objects.filter(pk=draft.pk).exists()


# ---- rooms and seats -----------------------------------------------------------------------


def places(sitting) -> dict:
    return {one.person.name: (one.room, one.seat) for one in Candidate.objects.filter(sitting=sitting).select_related("person")}


def test_two_officers_who_seat_different_people_do_not_undo_each_other(hr, admin, cast, sitting):
    address = reverse("sitting_candidates", args=[sitting.pk])
    one, two = Candidate.objects.filter(sitting=sitting).select_related("person").order_by("person__employee_number")
    mine, theirs = hr.get(address), admin.get(address)
    admin.post(address, typed_in(theirs, holding="candidate", act="seat", **{f"room-{one.pk}": "三号考场", f"seat-{one.pk}": "31"}))
    assert hr.post(address, typed_in(mine, holding="candidate", act="seat", **{f"seat-{two.pk}": "22"})).status_code == 302
    assert places(sitting) == {one.person.name: ("三号考场", "31"), two.person.name: ("一号考场", "22")}


def test_who_was_moved_by_a_colleague_is_moved_again_only_knowingly(hr, admin, cast, sitting):
    address = reverse("sitting_candidates", args=[sitting.pk])
    one, two = Candidate.objects.filter(sitting=sitting).select_related("person").order_by("person__employee_number")
    mine, theirs = hr.get(address), admin.get(address)
    moves = {f"room-{one.pk}": "三号考场", f"seat-{one.pk}": "31", f"seat-{two.pk}": "09"}
    admin.post(address, typed_in(theirs, holding="candidate", act="seat", **moves))
    stood = places(sitting)

    page = hr.post(address, typed_in(mine, holding="candidate", act="seat", **{f"room-{one.pk}": "四号考场", f"seat-{one.pk}": "41"}))

    assert page.status_code == 422 and places(sitting) == stood
    assert f"{one.person.name}（三号考场 31）" in page.text and "现为：三号考场 31" in page.text
    again = typed_in(page, holding="candidate", act="seat")
    assert (again[f"room-{one.pk}"], again[f"seat-{one.pk}"], again[f"seat-{two.pk}"]) == ("四号考场", "41", "09")
    assert hr.post(address, again).status_code == 302
    assert places(sitting) == {one.person.name: ("四号考场", "41"), two.person.name: ("一号考场", "09")}


def test_seating_everybody_anew_does_not_undo_places_that_a_colleague_gave_meanwhile(hr, cast, sitting):
    address = reverse("sitting_rooms", args=[sitting.pk])
    mine = hr.get(address)
    one = Candidate.objects.filter(sitting=sitting).order_by("pk").first()
    candidates.seat(sitting=sitting, places={one.pk: ("三号考场", "31")}, by=cast.admin, at=clock.now())
    stood = places(sitting)
    page = hr.post(address, typed_in(mine, who="all", names="大会议室", order="unit"))
    assert page.status_code == 422 and cast.admin.name in page.text and "大会议室" in page.text and places(sitting) == stood
    assert hr.post(address, typed_in(mine, who="rest", names="大会议室", order="unit")).status_code == 302 and places(sitting) == stood
    assert hr.post(address, typed_in(hr.get(address), who="all", names="大会议室", order="unit")).status_code == 302
    assert {room for room, _seat in places(sitting).values()} == {"大会议室"}


def test_a_plan_that_moves_somebody_holds_for_the_place_that_they_leave(cast, sitting):
    rows = [Row(1, "YA10001", "四号考场", "41")]
    looked_at = candidates.plan(sitting=sitting, rows=rows).digest
    one = Candidate.objects.get(sitting=sitting, person=cast.learner)
    candidates.seat(sitting=sitting, places={one.pk: ("三号考场", "31")}, by=cast.admin, at=clock.now())
    with pytest.raises(Refused) as refusal:
        candidates.put(sitting=sitting, rows=rows, by=cast.hr, at=clock.now(), seen=looked_at)
    assert refusal.value.code == "changed" and places(sitting)[cast.learner.name] == ("三号考场", "31")


# ---- what comes on top ---------------------------------------------------------------------


def test_two_officers_who_give_the_same_person_time_are_told_of_each_other(hr, admin, cast, sitting):
    address = reverse("sitting_allowances", args=[sitting.pk]) + f"?person={cast.learner.pk}"
    mine, theirs = hr.get(address), admin.get(address)
    assert admin.post(address, typed_in(theirs, holding="seen", extra_minutes=15, reason="视力残疾")).status_code == 302
    page = hr.post(address, typed_in(mine, holding="seen", extra_minutes=15, reason="眼疾"))
    assert page.status_code == 422 and Allowance.objects.count() == 1
    assert all(said in page.text for said in (cast.admin.name, "视力残疾", "15 分钟", "眼疾"))
    assert hr.post(address, typed_in(page, holding="seen")).status_code == 302 and Allowance.objects.count() == 2  # knowingly, on top


def test_two_officers_who_give_the_same_attempt_at_a_course_quiz_are_told_of_each_other(hr, admin, cast, quiz, enrolment, monkeypatch):
    cast.admin.is_superuser = True
    cast.admin.save()
    address = reverse("person_attempts", args=[cast.learner.pk])
    mine = typed_in(hr.get(address), holding="seen", extra_attempts=1, reason="请假")
    sittings.allow(person=cast.learner, quiz=quiz, extra_attempts=1, reason="病假", by=cast.admin, at=clock.now())
    page = hr.post(address, mine)
    assert page.status_code == 422 and "病假" in page.text and "请假" in page.text and Allowance.objects.count() == 1


@pytest.fixture
def running(cast, quiz):
    """A sitting that is open, with the learner in it."""
    made = make_sitting(cast, quiz, opens_at=clock.now() - 10 * MINUTE)
    sittings.enter(person=cast.learner, sitting=made, at=clock.now())
    return made


def test_two_invigilators_who_add_the_minutes_of_one_power_cut_do_not_add_them_twice(hr, admin, cast, running):
    attempt = Attempt.objects.get()
    for_all, for_one = reverse("sitting_time", args=[running.pk]), reverse("attempt_time", args=[running.pk, attempt.pk])
    mine, of_one, theirs = hr.get(for_all), hr.get(for_one), admin.get(for_all)
    assert admin.post(for_all, typed_in(theirs, holding="seen", minutes=10, reason="停电", sure="on")).status_code == 302

    for address, opened in ((for_all, mine), (for_one, of_one)):
        page = hr.post(address, typed_in(opened, holding="seen", minutes=10, reason="断电十分钟", sure="on"))
        assert page.status_code == 422 and Extension.objects.count() == 1
        assert all(said in page.text for said in (cast.admin.name, "停电", "断电十分钟"))
    assert hr.post(for_one, typed_in(page, holding="seen", sure="on")).status_code == 302
    assert Extension.objects.get(attempt=attempt).minutes == 10


def test_what_was_given_before_the_page_was_opened_stands_in_nobodys_way(hr, cast, running):
    sittings.extend(sitting=running, minutes=5, reason="停电", by=cast.admin, at=clock.now())
    address = reverse("sitting_time", args=[running.pk])
    assert hr.post(address, typed_in(hr.get(address), holding="seen", minutes=7, reason="又停电", sure="on")).status_code == 302
    assert sum(Extension.objects.values_list("minutes", flat=True)) == 12
