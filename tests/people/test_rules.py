"""What the words of a roster mean: pure rules, tried with many values."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from people import rules
from people.models import Duty, Person, Role, Unit

TODAY = date(2026, 6, 15)


def test_the_vocabularies_lead_to_values_that_the_models_know():
    assert set(rules.DUTY_WORDS.values()) == set(Duty.values)
    assert set(rules.STAFF_TYPE_WORDS.values()) == set(Person.StaffType.values)
    assert set(rules.STATUS_WORDS.values()) == set(Person.Status.values)
    assert set(rules.UNIT_KIND_WORDS.values()) == set(Unit.Kind.values)
    assert {role for role, _reach in rules.ROLE_OF_DUTY.values()} <= set(Role.values) and set(rules.ROLE_OF_DUTY) <= set(Duty.values)


@given(st.dates(min_value=rules.EARLIEST, max_value=TODAY))
def test_every_way_to_write_a_day_is_the_same_day(day):
    ways = [
        day,
        day.isoformat(),
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}.{day.month}.{day.day}",
        f"{day.year}年{day.month}月{day.day}日",
        day.strftime("%Y%m%d"),
        f"　{day.isoformat()} ",
        (day - date(1899, 12, 30)).days,
        float((day - date(1899, 12, 30)).days),
    ]
    assert {rules.day(way, today=TODAY) for way in ways} == {day}


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none()))
def test_no_cell_breaks_the_reading(value):
    for read in (
        rules.identifier,
        rules.unit_code,
        rules.person_name,
        rules.phone,
        rules.mail,
        rules.duties,
        lambda cell: rules.day(cell, today=TODAY),
    ):
        try:
            read(value)
        except rules.Unreadable as problem:
            assert problem.code


@given(st.text(alphabet=st.characters(categories=["Lo"]), min_size=1, max_size=20))
def test_a_name_reads_the_same_when_read_again(name):
    once = rules.person_name(name)
    assert rules.person_name(once) == once


@given(st.lists(st.sampled_from(sorted(rules.DUTY_WORDS)), min_size=1), st.sampled_from(["、", "，", ",", ";", "；", "/", " ", "　"]))
def test_duties_are_read_whatever_divides_them(words, divider):
    assert set(rules.duties(divider.join(words))) == {rules.DUTY_WORDS[word] for word in words}


@given(st.integers(min_value=10_000_000_000, max_value=19_999_999_999))
def test_a_number_cell_and_a_text_cell_are_the_same_number(number):
    assert rules.identifier(float(number)) == rules.identifier(str(number)) == rules.identifier(f"{number}.0") == str(number)


@given(st.text(min_size=1, max_size=30), st.integers(min_value=0, max_value=12))
def test_a_section_keeps_its_code_and_gives_way_when_it_is_taken(name, rounds):
    taken: list[str] = []
    for _round in range(rounds):
        code = rules.section_code("532325-D03", name, taken)
        assert code not in taken
        taken.append(code)
    assert rules.section_code("532325-D03", name) == rules.section_code("532325-D03", name)


@pytest.mark.parametrize("phone", ["19900000001", "199 0000 0001", "+86 199-0000-0001", "0878-5712345", "５７１２３４５", "087857123456"])
def test_phone_numbers_that_people_write(phone):
    assert rules.phone(phone)


def test_tomorrow_is_no_day_to_have_begun():
    with pytest.raises(rules.Unreadable):
        rules.day(TODAY + timedelta(days=1), today=TODAY)


def test_chief_and_deputy_bring_one_leader_role():
    assert rules.roles_of(["deputy", "chief", "staff"]) == {("leader", rules.ORGAN): "deputy"}


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        ("Mozilla/5.0 (Linux; Android 12) Chrome/107.0 Mobile Safari/537.36 XWEB/5127 MicroMessenger/8.0.40", "微信 · Android"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 Edg/120.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile Safari/604.1", "Safari · iPhone"),
        ("curl/8.0", "curl/8.0"),
        ("", ""),
    ],
)
def test_a_session_is_told_by_browser_and_system(user_agent, shown):
    from people.templatetags.people_words import device_name

    assert device_name(user_agent) == shown
