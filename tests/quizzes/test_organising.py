"""Setting up a sitting: what is refused before it goes wrong on the day, and what is fixed once somebody sits."""

import io
from datetime import timedelta
from itertools import pairwise

import openpyxl
import pytest
from django.db.models import Q
from hypothesis import given
from hypothesis import strategies as st
from wagtail.models import ModelLogEntry

from core.errors import Refused, RefusedRows
from core.text import squeeze
from people.models import Duty, Person
from quizzes import rules
from quizzes.models import Attempt, Candidate, Sitting, Submission
from quizzes.services import attempts, candidates, sittings
from quizzes.services.candidates import Row
from tests.cast import NOON, person
from tests.counties import make_quiz

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BEFORE = NOON - 24 * HOUR


@pytest.fixture
def exam(quiz):
    quiz.is_exam = True
    quiz.save()
    return quiz


@pytest.fixture
def terms(exam):
    """`terms(title=…)`: good terms with these changes."""

    def make(**changes):
        facts = {"quiz": exam, "title": "年度考试", "opens_at": NOON, "closes_at": NOON + HOUR, "late_entry_minutes": 15}
        return sittings.Terms(**facts | changes)

    return make


@pytest.fixture
def sitting(cast, terms):
    return sittings.write(terms=terms(), by=cast.hr, at=BEFORE)


@pytest.fixture
def listed(cast, sitting):
    put(sitting, cast, Row(1, "YA10001", "一号考场", "01"), Row(2, "YA10002", "一号考场", "02"))
    return sitting


@pytest.fixture
def begun(cast, listed):
    sittings.publish(sitting=listed, by=cast.hr, at=BEFORE)
    sittings.enter(person=cast.learner, sitting=listed, at=NOON)
    return listed


def put(sitting, cast, *rows, at=BEFORE, **more):
    plan = candidates.plan(sitting=sitting, rows=rows)
    return candidates.put(sitting=sitting, rows=rows, by=cast.hr, at=at, seen=plan.digest, **more)


def refused(call, **arguments) -> str:
    with pytest.raises(Refused) as error:
        call(**arguments)
    assert error.value.message
    return error.value.code


def actions(instance) -> list[str]:
    return list(ModelLogEntry.objects.for_instance(instance).order_by("pk").values_list("action", flat=True))


# ---- terms ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"title": "  "}, "no_title"),
        ({"closes_at": NOON}, "bad_window"),
        ({"closes_at": NOON - HOUR}, "bad_window"),
        ({"closes_at": NOON + 40 * 24 * HOUR}, "too_long"),
        ({"closes_at": NOON + 19 * MINUTE}, "too_short"),
        ({"late_entry_minutes": 61}, "late_past_closing"),
        ({"results": "sometime"}, "bad_results"),
        ({"opens_at": BEFORE - HOUR, "closes_at": BEFORE}, "nobody_could_enter"),
        ({"opens_at": BEFORE - 15 * MINUTE, "closes_at": BEFORE + HOUR}, "nobody_could_enter"),
    ],
)
def test_terms_that_contradict_themselves_are_refused_in_words(cast, terms, sitting, change, code):
    assert refused(sittings.write, terms=terms(**change), by=cast.hr, at=BEFORE) == code
    assert refused(sittings.write, terms=terms(**change), by=cast.hr, at=BEFORE, sitting=sitting) == code
    assert Sitting.objects.get() == sitting and sittings.terms_of(Sitting.objects.get()) == terms()


def test_only_an_exam_has_sittings(cast, terms):
    course_quiz = make_quiz(cast, "p02-final", "P02")
    assert refused(sittings.write, terms=terms(quiz=course_quiz), by=cast.hr, at=BEFORE) == "not_an_exam"


def test_a_new_sitting_is_a_draft_that_lets_nobody_in(cast, listed):
    assert listed.is_draft and listed.state(NOON) == Sitting.State.DRAFT
    assert refused(sittings.enter, person=cast.learner, sitting=listed, at=NOON) == "draft"


def test_a_sitting_is_published_when_people_the_bank_and_the_course_are_ready(cast, sitting, terms):
    assert refused(sittings.publish, sitting=sitting, by=cast.hr, at=BEFORE) == "no_candidates"
    put(sitting, cast, Row(1, "YA10001"))
    assert refused(sittings.publish, sitting=sitting, by=cast.hr, at=NOON + HOUR) == "nobody_could_enter"
    sitting.quiz.draws.filter(kind="judge").update(count=9)
    assert refused(sittings.publish, sitting=sitting, by=cast.hr, at=BEFORE) == "bank_cannot_serve"
    sitting.quiz.draws.filter(kind="judge").update(count=1)

    sittings.publish(sitting=sitting, by=cast.hr, at=BEFORE)

    assert [Sitting.objects.get().state(at) for at in (NOON - MINUTE, NOON, NOON + HOUR)] == ["coming", "open", "closed"]
    assert "quizzes.sitting_published" in actions(sitting)


def test_a_published_sitting_is_not_left_without_questions_or_people(cast, listed, terms):
    sittings.publish(sitting=listed, by=cast.hr, at=BEFORE)
    empty = make_quiz(cast, "p02-final", "P02")
    empty.is_exam = True
    empty.save()
    assert refused(sittings.write, terms=terms(quiz=empty), by=cast.hr, at=BEFORE, sitting=listed) == "no_course"
    everybody = Candidate.objects.values_list("person", flat=True)
    assert refused(candidates.remove, sitting=listed, people=list(everybody), by=cast.hr, at=BEFORE) == "last_one"
    assert Candidate.objects.count() == 2 and Sitting.objects.get().quiz.key == "p01-final"


@pytest.mark.parametrize(
    "change",
    [
        {"opens_at": NOON - HOUR},
        {"closes_at": NOON + 2 * HOUR},
        {"grace_seconds": 60},
        {"stagger_seconds": 60},
        {"is_listed": False},
    ],
)
def test_what_everybody_shares_is_fixed_once_somebody_began(cast, begun, terms, change):
    at = NOON + MINUTE
    assert refused(sittings.write, terms=terms(**change), by=cast.hr, at=at, sitting=begun) == "has_begun"
    assert refused(sittings.withdraw, sitting=begun, by=cast.hr, at=at) == "has_begun"
    assert sittings.terms_of(Sitting.objects.get()) == terms()


def test_the_exam_is_fixed_once_somebody_began_and_title_and_late_entry_are_not(cast, begun, terms):
    other = make_quiz(cast, "p01-second", "P01")
    other.is_exam = True
    other.save()
    at = NOON + MINUTE
    assert refused(sittings.write, terms=terms(quiz=other), by=cast.hr, at=at, sitting=begun) == "has_begun"

    sittings.write(terms=terms(title="年度考试（上午）", late_entry_minutes=30, results="at_once"), by=cast.hr, at=at, sitting=begun)

    assert Sitting.objects.get().title == "年度考试（上午）" and Sitting.objects.get().late_entry_minutes == 30


def test_the_exam_stays_once_time_was_given_for_it(cast, listed, terms):
    sittings.allow(person=cast.learner, quiz=listed.quiz, sitting=listed, extra_minutes=10, reason="视力障碍", by=cast.hr, at=BEFORE)
    other = make_quiz(cast, "p01-second", "P01")
    other.is_exam = True
    other.save()
    assert refused(sittings.write, terms=terms(quiz=other), by=cast.hr, at=BEFORE, sitting=listed) == "has_allowances"
    assert refused(sittings.discard, sitting=listed, by=cast.hr, at=BEFORE) == "has_allowances"


def test_a_draft_is_thrown_away_and_a_published_sitting_is_not(cast, listed):
    sittings.publish(sitting=listed, by=cast.hr, at=BEFORE)
    assert refused(sittings.discard, sitting=listed, by=cast.hr, at=BEFORE) == "not_a_draft"
    sittings.withdraw(sitting=listed, by=cast.hr, at=BEFORE)

    sittings.discard(sitting=listed, by=cast.hr, at=BEFORE)

    assert not Sitting.objects.exists() and not Candidate.objects.exists()


def test_nobody_sits_in_two_places_at_once(cast, listed, terms):
    other = sittings.write(terms=terms(title="补考", opens_at=NOON + 2 * HOUR, closes_at=NOON + 3 * HOUR), by=cast.hr, at=BEFORE)
    put(other, cast, Row(1, "YA10001"))
    overlapping = terms(title="补考", opens_at=NOON + 30 * MINUTE, closes_at=NOON + 3 * HOUR)

    with pytest.raises(Refused) as error:
        sittings.write(terms=overlapping, by=cast.hr, at=BEFORE, sitting=other)

    assert error.value.code == "sits_elsewhere" and "张小明（年度考试）" in error.value.message


def test_a_trial_of_some_days_stands_in_nobodys_way(cast, listed, terms):
    trial = sittings.write(terms=terms(title="试考", opens_at=NOON - 10 * HOUR, closes_at=NOON + 14 * 24 * HOUR), by=cast.hr, at=BEFORE)
    put(trial, cast, Row(1, "YA10001"), Row(2, "YA10003"))
    assert not candidates.plan(sitting=listed, rows=[Row(1, "YA10003")]).errors

    day = sittings.write(terms=terms(title="一天", opens_at=NOON, closes_at=NOON + 24 * HOUR), by=cast.hr, at=BEFORE)
    assert [error.row for error in candidates.plan(sitting=day, rows=[Row(1, "YA10001"), Row(2, "YA10003")]).errors] == [1]


def test_an_open_attempt_of_the_trial_does_not_become_the_exam(cast, listed, terms):
    trial = sittings.write(
        terms=terms(title="试考", opens_at=NOON - 10 * HOUR, closes_at=NOON + 72 * HOUR, late_entry_minutes=4920), by=cast.hr, at=BEFORE
    )
    put(trial, cast, Row(1, "YA10001"))
    for sitting in (trial, listed):
        sittings.publish(sitting=sitting, by=cast.hr, at=BEFORE)
    practised = sittings.enter(person=cast.learner, sitting=trial, at=NOON - 5 * MINUTE)

    entered = sittings.enter(person=cast.learner, sitting=listed, at=NOON)

    assert entered.sitting == listed and entered != practised
    assert Submission.objects.get().attempt == practised


def test_a_sitting_that_grows_beyond_a_day_may_overlap_and_one_that_shrinks_may_not(cast, listed, terms):
    other = sittings.write(terms=terms(title="补考", opens_at=NOON + 2 * HOUR, closes_at=NOON + 3 * HOUR), by=cast.hr, at=BEFORE)
    put(other, cast, Row(1, "YA10001"))

    sittings.write(terms=terms(title="补考", opens_at=NOON - 13 * HOUR, closes_at=NOON + 12 * HOUR), by=cast.hr, at=BEFORE, sitting=other)

    shorter = terms(title="补考", opens_at=NOON - HOUR, closes_at=NOON + 12 * HOUR)
    assert refused(sittings.write, terms=shorter, by=cast.hr, at=BEFORE, sitting=other) == "sits_elsewhere"
    third = sittings.write(terms=terms(title="同时"), by=cast.hr, at=BEFORE)
    assert [error.row for error in candidates.plan(sitting=third, rows=[Row(1, "YA10001"), Row(2, "YA10003")]).errors] == [1]


def test_invigilators_serve_in_the_county_and_are_no_candidates(cast, listed):
    def appoint(who):
        sittings.appoint(sitting=listed, person=who, by=cast.hr, at=BEFORE)

    for who, code in [(cast.stranger, "other_county"), (cast.learner, "is_candidate")]:
        with pytest.raises(Refused) as error:
            appoint(who)
        assert error.value.code == code
    appoint(cast.liaison), appoint(cast.liaison)
    assert list(listed.invigilators.all()) == [cast.liaison]
    assert [error.row for error in candidates.plan(sitting=listed, rows=[Row(3, "YA10005")]).errors] == [3]
    sittings.dismiss(sitting=listed, person=cast.liaison, by=cast.hr, at=BEFORE)
    assert not listed.invigilators.exists()
    assert actions(listed).count("quizzes.invigilator_appointed") == 1


# ---- the list ------------------------------------------------------------------------------


def test_a_pasted_list_is_read_with_tabs_commas_or_blanks():
    text = "工号\t考场\t座位\nYA10001\t一号 考场\t01\n\nYA10002，二号考场，02\nYA10003 三号考场\n"
    assert candidates.rows_of_text(text) == [
        Row(2, "YA10001", "一号 考场", "01"),
        Row(4, "YA10002", "二号考场", "02"),
        Row(5, "YA10003", "三号考场"),
    ]


@given(st.lists(st.tuples(*[st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)] * 3), max_size=20))
def test_what_a_plan_page_carries_on_is_what_was_handed_in(cells):
    rows = [Row(line, *map(squeeze, each)) for line, each in enumerate(cells, start=2) if each[0] != "工号"]
    assert candidates.rows_of_text(candidates.as_text(rows)) == rows


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_a_workbook_and_a_gbk_csv_are_read(kind):
    table = [
        ["姚安县年度考试考生名单"],
        ["序号", "工号", "姓名", "考场", "座位"],
        [1, "YA10001", "张小明", "一号考场", 1.0],
        [2, "YA10002"],
    ]
    if kind == "xlsx":
        book = openpyxl.Workbook()
        for line in table:
            book.active.append(line)
        file = io.BytesIO()
        book.save(file)
        file.seek(0)
    else:
        file = io.BytesIO("\n".join(",".join(str(cell).removesuffix(".0") for cell in line) for line in table).encode("gbk"))
    assert candidates.rows_of_file(file, name=f"list.{kind}") == [Row(3, "YA10001", "一号考场", "1"), Row(4, "YA10002")]


def test_a_file_without_the_column_is_refused():
    assert refused(candidates.rows_of_file, file=io.BytesIO("姓名\n张小明\n".encode()), name="a.csv") == "no_header"


def test_a_room_whose_formula_failed_is_refused_and_changes_no_place(cast, sitting):
    book, file = openpyxl.Workbook(), io.BytesIO()
    for line in (["工号", "考场", "座位"], ["YA10001", "#N/A", 1], ["YA10002", "一号考场", '=A3&"座"']):
        book.active.append(line)
    book.save(file)
    file.seek(0)
    made = candidates.plan(sitting=sitting, rows=candidates.rows_of_file(file, name="list.xlsx"))
    assert [(error.row, error.field) for error in made.errors] == [(2, "考场"), (3, "座位")] and made.is_empty


def test_every_bad_row_is_named_and_nothing_is_half_written(cast, sitting):
    Person.objects.filter(pk=cast.other_leader.pk).update(status=Person.Status.LEFT)
    rows = [
        Row(2, "ya10001", "一号考场", "01"),
        Row(3, "YA99999"),
        Row(4, "DY10002"),
        Row(5, "YA10001"),
        Row(6, "YA10004"),
        Row(7, "YA10002", "一号考场", "01"),
        Row(8, "YA10003", "房" * 61),
        Row(9, "YA10003", "一号考场", "二" * 21),
    ]
    plan = candidates.plan(sitting=sitting, rows=rows)
    assert [(error.row, error.field) for error in plan.errors] == [
        (3, "工号"),
        (4, "工号"),
        (5, "工号"),
        (6, "工号"),
        (7, "座位"),
        (8, "考场"),
        (9, "座位"),
    ]
    assert "DY10002" in str(plan.errors[1]) and "褚路人" not in str(plan.errors[1])  # another county's names stay there

    with pytest.raises(RefusedRows):
        put(sitting, cast, *rows)
    assert not Candidate.objects.exists()

    put(sitting, cast, *rows, skip_bad_rows=True)
    assert [(c.person, c.room, c.seat) for c in Candidate.objects.all()] == [(cast.learner, "一号考场", "01")]


def test_a_list_handed_in_twice_changes_nothing_and_an_empty_place_stays(cast, listed):
    again = put(listed, cast, Row(1, "YA10001"), Row(2, "YA10002", "一号考场"))
    assert again.is_empty and again.standing == 2
    moved = put(listed, cast, Row(1, "YA10001", "二号考场"))
    assert [(c.room, c.seat, room, seat) for c, room, seat in moved.moved] == [("二号考场", "", "一号考场", "01")]


def test_two_people_change_seats_in_one_file(cast, listed):
    put(listed, cast, Row(1, "YA10001", "一号考场", "02"), Row(2, "YA10002", "一号考场", "01"))
    assert dict(Candidate.objects.values_list("person__name", "seat")) == {"张小明": "02", "李云": "01"}


def test_a_plan_that_is_no_longer_the_one_looked_at_is_not_carried_out(cast, sitting):
    rows = [Row(1, "YA10001")]
    seen = candidates.plan(sitting=sitting, rows=rows).digest
    put(sitting, cast, *rows)
    assert refused(candidates.put, sitting=sitting, rows=rows, by=cast.hr, at=BEFORE, seen=seen) == "changed"


def test_candidates_come_by_unit_and_duty_and_by_enrolment(cast, sitting, enrolment):
    def numbers(people):
        return [someone.employee_number for someone in people]

    assert numbers(candidates.serving_in(sitting, unit=cast.section)) == ["YA10001", "YA10002", "YA10005"]
    assert numbers(candidates.serving_in(sitting, unit=cast.bureau, duties=[Duty.PUBLISHER, Duty.CHIEF])) == ["YA10003", "YA10002"]
    assert "DY10002" not in numbers(candidates.serving_in(sitting, unit=cast.other_county))
    assert numbers(candidates.enrolled_in(sitting, enrolment.course, only_open=True)) == ["YA10001"]


def test_who_began_stays_on_the_list_and_others_leave_it(cast, begun):
    assert refused(candidates.remove, sitting=begun, people=[cast.learner.pk, cast.colleague.pk], by=cast.hr, at=NOON) == "has_begun"
    assert Candidate.objects.count() == 2

    assert candidates.remove(sitting=begun, people=[cast.colleague.pk], by=cast.hr, at=NOON) == 1
    assert "quizzes.candidates_removed" in actions(begun)


def test_the_list_of_a_closed_sitting_is_history(cast, begun):
    late = NOON + HOUR
    place = {Candidate.objects.first().pk: ("二号考场", "01")}
    assert refused(candidates.seat, sitting=begun, places=place, by=cast.hr, at=late) == "over"
    assert refused(candidates.remove, sitting=begun, people=[cast.colleague.pk], by=cast.hr, at=late) == "over"
    with pytest.raises(Refused):
        put(begun, cast, Row(1, "YA10003"), at=late)


# ---- rooms ---------------------------------------------------------------------------------


def crowd(cast, sitting, count: int) -> None:
    for number in range(count):
        person(f"YA2{number:04d}", f"考生{number}", [cast.trainer.unit, cast.other_bureau, cast.bureau][number % 3])
    put(sitting, cast, *[Row(number + 1, f"YA2{number:04d}") for number in range(count)])


def test_rooms_are_filled_so_many_a_room_and_numbered_on(cast, sitting):
    crowd(cast, sitting, 23)

    candidates.fill_rooms(sitting=sitting, names=["大会议室"], places=10, mixed=False, everybody=True, by=cast.hr, at=BEFORE)

    assert [(room, sitting.candidates.filter(room=room).count()) for room in ("大会议室", "第2考场", "第3考场")] == [
        ("大会议室", 10),
        ("第2考场", 10),
        ("第3考场", 3),
    ]
    assert list(sitting.candidates.filter(room="第3考场").order_by("seat").values_list("seat", flat=True)) == ["01", "02", "03"]


def test_neighbours_serve_in_different_organs_when_mixed(cast, sitting):
    crowd(cast, sitting, 20)

    candidates.fill_rooms(sitting=sitting, names=[], places=30, mixed=True, everybody=True, by=cast.hr, at=BEFORE)

    row = [c.person.unit.organ_path for c in sitting.candidates.select_related("person__unit").order_by("seat")]
    assert all(left != right for left, right in pairwise(row))


def test_only_those_without_a_room_take_the_free_places(cast, sitting):
    crowd(cast, sitting, 5)
    put(sitting, cast, Row(1, "YA20000", "第1考场", "02"), Row(2, "YA20001", "第1考场"))

    candidates.fill_rooms(sitting=sitting, names=[], places=4, mixed=False, everybody=False, by=cast.hr, at=BEFORE)

    places = dict(sitting.candidates.values_list("person__employee_number", "seat"))
    assert places["YA20000"] == "02" and places["YA20001"] == ""
    rooms = sitting.candidates.filter(~Q(person__employee_number__in=["YA20000", "YA20001"])).order_by("room", "seat")
    assert list(rooms.values_list("room", "seat")) == [("第1考场", "01"), ("第1考场", "03"), ("第2考场", "01")]


def test_a_seat_is_given_once(cast, listed):
    first, second = Candidate.objects.order_by("pk")
    taken = {second.pk: ("一号考场", "01")}
    assert refused(candidates.seat, sitting=listed, places=taken, by=cast.hr, at=BEFORE) == "seat_taken"
    both = {first.pk: ("一号考场", "02"), second.pk: ("一号考场", "01")}
    assert candidates.seat(sitting=listed, places=both, by=cast.hr, at=BEFORE) == 2


def test_a_room_of_no_places_is_refused(cast, listed):
    for places in (0, 501):
        arguments = {"sitting": listed, "names": [], "places": places, "mixed": False, "everybody": True, "by": cast.hr, "at": BEFORE}
        assert refused(candidates.fill_rooms, **arguments) == "bad_places"


@given(st.lists(st.integers(1, 6), max_size=8))
def test_neighbours_are_apart_wherever_that_is_possible(sizes):
    groups = [[group] * size for group, size in enumerate(sizes)]
    row = rules.apart(groups)
    assert sorted(row) == sorted(member for group in groups for member in group)
    if sizes and max(sizes) <= (sum(sizes) + 1) // 2:
        assert all(left != right for left, right in pairwise(row))


def test_plans_and_rooms_take_the_same_queries_for_two_and_for_forty(cast, sitting, django_assert_max_num_queries):
    crowd(cast, sitting, 40)
    rows = [Row(number + 1, f"YA2{number:04d}", "第1考场", str(number)) for number in range(40)]
    with django_assert_max_num_queries(6):
        candidates.plan(sitting=sitting, rows=rows)
    with django_assert_max_num_queries(10):
        candidates.fill_rooms(sitting=sitting, names=[], places=4, mixed=True, everybody=True, by=cast.hr, at=BEFORE)


# ---- allowances ----------------------------------------------------------------------------


def test_allowances_are_for_candidates_who_have_not_begun(cast, begun):
    def give(who, **more):
        facts = {"person": who, "quiz": begun.quiz, "sitting": begun, "extra_minutes": 10, "reason": "视力障碍", "by": cast.hr, "at": NOON}
        return sittings.allow(**facts | more)

    assert refused(give, who=cast.own_leader) == "not_a_candidate"
    assert refused(give, who=cast.stranger) == "other_county"
    assert refused(give, who=cast.learner) == "has_begun"
    assert refused(give, who=cast.hr) == "own_allowance"
    assert refused(give, who=cast.colleague, at=NOON + HOUR) == "over"
    assert give(cast.colleague) == give(cast.colleague)  # a second click
    assert give(cast.colleague, at=NOON + 2 * MINUTE) != give(cast.colleague)


def test_another_attempt_is_begun_after_late_entry_closed(cast, begun):
    attempt = Attempt.objects.get()
    attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=NOON + 5 * MINUTE)
    late = NOON + 40 * MINUTE
    sittings.allow(person=cast.learner, quiz=begun.quiz, sitting=begun, extra_attempts=1, reason="电脑死机", by=cast.hr, at=late)

    assert sittings.enter(person=cast.learner, sitting=begun, at=late).number == 2
    assert refused(sittings.enter, person=cast.colleague, sitting=begun, at=late) == "too_late"


def test_nobody_adds_time_to_their_own_attempt(cast, listed):
    put(listed, cast, Row(1, "YA10008"))
    sittings.publish(sitting=listed, by=cast.admin, at=BEFORE)
    attempt = sittings.enter(person=cast.hr, sitting=listed, at=NOON)
    assert refused(sittings.extend, attempt=attempt, minutes=5, reason="停电", by=cast.hr, at=NOON) == "own_time"


@pytest.mark.parametrize("begins", [False, True])
def test_nobody_who_is_listed_adds_time_for_all(cast, listed, begins):
    put(listed, cast, Row(1, "YA10008"))
    sittings.publish(sitting=listed, by=cast.admin, at=BEFORE)
    if begins:
        sittings.enter(person=cast.hr, sitting=listed, at=NOON)
    facts = {"sitting": listed, "minutes": 60, "reason": "停电", "at": NOON}
    assert refused(sittings.extend, **facts, by=cast.hr) == "own_time" and not listed.extensions.exists()
    assert sittings.extend(**facts, by=cast.admin)


def test_who_is_listed_and_has_handed_in_adds_time_for_all_where_no_attempt_is_left(cast, listed):
    put(listed, cast, Row(1, "YA10008"))
    sittings.publish(sitting=listed, by=cast.admin, at=BEFORE)
    attempts.submit(attempt=sittings.enter(person=cast.hr, sitting=listed, at=NOON), cause=Submission.Cause.LEARNER, at=NOON + MINUTE)
    facts = {"sitting": listed, "minutes": 60, "reason": "停电", "by": cast.hr}
    assert sittings.extend(**facts, at=NOON + 2 * MINUTE)

    sittings.allow(
        person=cast.hr, quiz=listed.quiz, sitting=listed, extra_attempts=1, reason="电脑死机", by=cast.admin, at=NOON + 3 * MINUTE
    )
    assert refused(sittings.extend, **facts, at=NOON + 4 * MINUTE) == "own_time"


def test_nobody_who_sits_without_a_list_adds_time_for_all(cast, listed):
    Sitting.objects.filter(pk=listed.pk).update(is_listed=False, is_draft=False)
    listed.refresh_from_db()
    attempt = sittings.enter(person=cast.hr, sitting=listed, at=NOON)
    facts = {"sitting": listed, "minutes": 60, "reason": "停电", "by": cast.hr}
    assert refused(sittings.extend, **facts, at=NOON) == "own_time"
    attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=NOON + MINUTE)
    assert sittings.extend(**facts, at=NOON + 2 * MINUTE)


def test_a_second_click_adds_no_time(cast, begun):
    facts = {"sitting": begun, "minutes": 10, "reason": "停电", "by": cast.hr}
    first = sittings.extend(**facts, at=NOON)
    assert sittings.extend(**facts, at=NOON + timedelta(seconds=5)) == first
    assert sittings.extend(**facts, at=NOON + 2 * MINUTE) != first and begun.extensions.count() == 2


# ---- results -------------------------------------------------------------------------------


def test_answers_are_shown_when_the_sitting_is_over_for_everybody(cast, begun, terms):
    attempt = Attempt.objects.get()
    attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=NOON + MINUTE)
    with_more_time = {"person": cast.colleague, "quiz": begun.quiz, "sitting": begun, "extra_minutes": 90, "reason": "视力障碍"}
    sittings.allow(**with_more_time, by=cast.hr, at=NOON)
    other = sittings.enter(person=cast.colleague, sitting=begun, at=NOON + MINUTE)

    def waits(at):
        return sittings.results_wait_for(Attempt.objects.select_related("sitting").get(pk=attempt.pk), at)

    assert "2026-06-15 13:00" in waits(NOON + 59 * MINUTE)
    assert waits(NOON + 61 * MINUTE)
    attempts.submit(attempt=other, cause=Submission.Cause.LEARNER, at=NOON + 62 * MINUTE)
    assert waits(NOON + 63 * MINUTE) == ""
    sittings.write(terms=terms(results="held"), by=cast.hr, at=NOON, sitting=begun)
    assert waits(NOON + 63 * MINUTE)
    sittings.write(terms=terms(results="at_once"), by=cast.hr, at=NOON, sitting=begun)
    assert waits(NOON + 2 * MINUTE) == ""
