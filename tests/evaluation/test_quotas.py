"""Quotas by staff type and rank: data with a source, told in words, never an entry of the ledger."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused
from courses.rules import HOUR_KINDS
from courses.services import policies
from evaluation import policy_change, quotas, rules, services
from evaluation.models import HourClaim, LedgerEntry
from people.models import Duty, Person
from people.models.snapshot import served_at
from tests.cast import EVERYBODY, NOON, person
from tests.evaluation import rows
from tests.evaluation.test_policy_change import written

YEARLY = {
    "key": "yearly",
    "title": "集中培训（每年）",
    "staff_types": ["公务员"],
    "rank": "乡科级",
    "hours": 90,
    "kinds": ["lecture", "exchange"],
    "source": "《干部教育培训工作条例》（2023年修订）",
    "mark": "S",
}


def quota(**changes) -> rules.Quota:
    policy = policies.read(written(quotas=[YEARLY | changes]))
    return rules.quotas_of(policy.quotas)[0]


def entry(someone: Person, hours, *, kind="lecture", year=2026, at=NOON, **more) -> LedgerEntry:
    return LedgerEntry.objects.create(**served_at(someone), kind=kind, year=year, hours=Decimal(hours), course_title="集训", at=at, **more)


def words(someone: Person, year=2026) -> list[str]:
    told = quotas.told(
        quotas.asked_of(services.policies_on(services.day_of(year, NOON)).of(someone.unit), someone.staff_type, someone.current_duties),
        year,
        quotas.hours_by_kind([someone.pk]).get(someone.pk, {}),
    )
    return [one.words for one in told]


@pytest.fixture
def default(cast):
    return policies.ensure_default()


def test_the_kinds_of_the_policy_are_those_of_the_ledger():
    assert set(HOUR_KINDS) == set(LedgerEntry.Kind.values)


def test_a_civil_servant_owes_the_yearly_ones_and_a_county_leader_the_five_years(cast, default):
    chief = person("YA20001", "县长", cast.county, Duty.COUNTY_LEADER, title="县长")
    entry(cast.learner, "15")
    entry(cast.learner, "7.5", kind="exchange")
    entry(cast.learner, "2", kind="self_study")
    for year in (2021, 2022, 2026):
        entry(chief, "100", year=year)

    assert words(cast.learner) == [
        "集中培训（每年）：90 学时；2026 年已计 22.5 学时（讲座或培训班、交流考察）；还差 67.5 学时",
        "网络自学（每年）：50 学时；2026 年已计 0 学时（网络课程、测试合格、更正）；还差 50 学时",
    ]
    assert words(chief)[0] == "集中培训（每5年）：550 学时；2022—2026 年已计 200 学时（讲座或培训班、交流考察）；还差 350 学时"


def test_no_figure_is_set_for_public_institutions_but_the_online_one(cast, default):
    Person.objects.filter(pk=cast.learner.pk).update(staff_type="institution")
    cast.learner.refresh_from_db()
    assert [one.split("：")[0] for one in words(cast.learner)] == ["网络自学（每年）"]
    Person.objects.filter(pk=cast.learner.pk).update(staff_type="worker")
    cast.learner.refresh_from_db()
    assert words(cast.learner) == []


def test_a_reversed_completion_counts_to_no_quota_and_a_correction_by_hand_to_those_that_list_it(cast, course):
    rows.reverse(rows.complete(cast.learner, course), by=cast.hr)
    rows.complete(cast.learner, course, round=2, study="0.5", test="0")
    rows.added(person=cast.learner, year=2026, hours=Decimal(3), reason="补登", by=cast.hr, at=NOON)
    hours = quotas.hours_by_kind([cast.learner.pk])[cast.learner.pk]

    assert hours == {(2026, "online"): Decimal("0.5"), (2026, "correction"): Decimal(3)}
    assert hours == quotas.hours_of(LedgerEntry.objects.filter(person=cast.learner))
    assert rules.quota_state(quota(kinds=["online", "test"]), 2026, hours).total == Decimal("0.5")
    assert rules.quota_state(quota(kinds=["online", "correction"]), 2026, hours).total == Decimal("3.5")


def test_a_lecture_that_a_correction_takes_back_counts_to_its_own_quota_no_longer_and_to_no_other(cast, default):
    entry(cast.learner, "50", kind="online")
    attended = entry(cast.learner, "7.5")
    services.correct(person=cast.learner, year=2026, hours=Decimal("-7.5"), reason="未到场", by=cast.hr, at=NOON, answers=attended)

    assert words(cast.learner)[0].endswith("2026 年已计 0 学时（讲座或培训班、交流考察）；还差 90 学时")
    assert words(cast.learner)[1].endswith("2026 年已计 50 学时（网络课程、测试合格、更正）")
    assert quotas.hours_by_kind([cast.learner.pk])[cast.learner.pk] == quotas.hours_of(LedgerEntry.objects.filter(person=cast.learner))


def test_what_was_taken_from_a_completion_before_its_reversal_counts_to_no_quota(cast, course):
    done = rows.complete(cast.learner, course)
    answers = done.ledger_entries.get(kind="online")
    services.correct(person=cast.learner, year=2026, hours=Decimal("-0.5"), reason="挂机", by=cast.hr, at=NOON, answers=answers)
    assert quotas.hours_by_kind([cast.learner.pk])[cast.learner.pk] == {(2026, "online"): Decimal("0.5"), (2026, "test"): Decimal("0.5")}
    rows.reverse(done, by=cast.hr)
    assert quotas.hours_by_kind([cast.learner.pk]) == {} == quotas.hours_of(LedgerEntry.objects.filter(person=cast.learner))


# Windows and what is carried over


def test_five_years_are_the_year_and_the_four_before_or_blocks_from_a_year_on():
    assert list(quota(years=5).window(2026)) == [2022, 2023, 2024, 2025, 2026]
    blocks = quota(years=5, from_year=2023)
    assert list(blocks.window(2026)) == [2023, 2024, 2025, 2026]
    assert list(blocks.window(2027)) == [2023, 2024, 2025, 2026, 2027]
    assert list(blocks.window(2028)) == [2028]


def test_nothing_is_carried_over_unless_the_policy_says_so():
    hours = {(2025, "lecture"): Decimal(100), (2026, "lecture"): Decimal(10)}
    assert rules.quota_state(quota(), 2026, hours).carried == 0
    assert rules.quota_state(quota(carry_over=20), 2026, hours).carried == 10
    assert rules.quota_state(quota(carry_over=4), 2026, hours).carried == 4
    assert rules.quota_state(quota(carry_over=20), 2027, hours).carried == 0


def test_what_is_carried_over_is_a_line_of_the_balance_and_no_entry(cast, default):
    policies.put_in_force(policy=policies.read(written(quotas=[YEARLY | {"carry_over": 4}]), county=cast.county), at=NOON)
    entry(cast.learner, "100", year=2025)
    entry(cast.learner, "10")

    assert words(cast.learner) == [
        "集中培训（每年）：90 学时；2026 年已计 10 学时（讲座或培训班、交流考察）；上年（2025 年）结转 4 学时；还差 76 学时"
    ]
    assert services.balance(cast.learner, 2026) == 10
    assert LedgerEntry.objects.count() == 2


@given(
    st.dictionaries(st.tuples(st.integers(2020, 2027), st.sampled_from(HOUR_KINDS)), st.decimals(0, 200, places=2), max_size=12),
    st.integers(2021, 2027),
    st.decimals(0, 50, places=2),
)
def test_whatever_the_hours_a_state_adds_up(hours, year, most):
    state = rules.quota_state(quota(carry_over=most), year, hours)
    kinds = ("lecture", "exchange")

    assert state.counted == sum(value for (of, kind), value in hours.items() if of == year and kind in kinds)
    assert 0 <= state.carried <= most
    assert state.carried == 0 or sum(v for (of, kind), v in hours.items() if of == year - 1 and kind in kinds) >= 90 + state.carried
    assert state.is_reached == (state.total >= 90) and state.left == max(0, 90 - state.total)


# The file of a policy


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "A B"},
        {"hours": 0},
        {"years": 0},
        {"years": True},
        {"years": 5, "carry_over": 3},
        {"from_year": 2023},
        {"staff_types": ["门卫"]},
        {"staff_types": []},
        {"rank": "处级"},
        {"kinds": ["reading"]},
        {"kinds": []},
        {"mark": "M"},
        {"source": "长" * 201},
        {"hour": 3},
    ],
)
def test_a_quota_that_cannot_be_is_refused_with_its_title(changes):
    with pytest.raises(Refused) as refusal:
        quota(**changes)
    assert refusal.value.code == "quota" and "集中培训（每年）" in refusal.value.message


@pytest.mark.parametrize("rows_", [["text"], [{}], [YEARLY | {"source": ""}], [YEARLY | {"hours": "many"}], "text"])
def test_a_quota_without_its_facts_is_refused(rows_):
    with pytest.raises(Refused):
        policies.read(written(quotas=rows_))


def test_two_quotas_with_one_key_are_refused():
    with pytest.raises(Refused) as refusal:
        policies.read(written(quotas=[YEARLY, YEARLY]))
    assert refusal.value.code == "quota"


# Where it is shown


@pytest.mark.parametrize("who", ["learner", "hr", "own_leader", "auditor"])
def test_the_learning_file_says_each_quota_with_its_source(cast, default, sign_in, who):
    entry(cast.learner, "15")
    address = reverse("my_file") if who == "learner" else reverse("learning_file", args=[cast.learner.pk])
    page = sign_in(getattr(cast, who)).get(address).text

    assert "集中培训（每年）：90 学时；2026 年已计 15 学时" in page
    assert "《干部教育培训工作条例》（2023年修订）" in page
    assert page.count("《全国干部教育培训规划（2023—2027年）》") == 1


def test_my_learning_says_them_too(cast, default, sign_in):
    page = sign_in(cast.learner).get(reverse("my_learning")).text
    assert "集中培训（每年）：90 学时" in page and "《干部教育培训工作条例》" in page


def test_the_export_of_people_says_them_in_a_column(cast, default):
    from core.exports import csv_chunks
    from evaluation.exports import EXPORTS

    entry(cast.learner, "15")
    opened = EXPORTS["people"].open(cast.hr, {"unit": str(cast.bureau.pk), "year": "2026"}, NOON)
    text = b"".join(csv_chunks(opened.make())).decode("utf-8-sig")

    assert "集中培训（每年）：90 学时；2026 年已计 15 学时" in text and "依据：《干部教育培训工作条例》（2023年修订）（核实等级 S）" in text


def test_the_export_takes_no_more_queries_for_more_people(cast, default, django_assert_max_num_queries):
    from evaluation import exports, standing

    def rows_of():
        people = standing.counted(year=2026, at=NOON)
        ids = [one.pk for one in standing.in_need(standing.figures(people, year=2026, at=NOON))]
        return list(exports.people_of_a_year(people, ids, name="x", names={}, year=2026, at=NOON).rows)

    with django_assert_max_num_queries(12):
        assert len(rows_of()) == len(EVERYBODY)


# A new policy


def test_the_dry_run_names_whom_new_quotas_leave_short_and_whom_they_free(cast, default, tmp_path, capsys, django_assert_num_queries):
    import yaml

    entry(cast.learner, "15")
    entry(cast.colleague, "30")
    low = policies.read(written(quotas=[YEARLY | {"hours": 20}]), county=cast.county)
    with django_assert_num_queries(4):
        changes = {one.title: one for one in policy_change.quota_changes(low, at=NOON)}
    assert changes["集中培训（每年）"].no_longer_short == [cast.colleague]
    assert changes["集中培训（每年）"].newly_short == []
    assert cast.learner in changes["网络自学（每年）"].no_longer_short  # asked of nobody any more
    assert cast.stranger not in changes["网络自学（每年）"].no_longer_short

    policies.put_in_force(policy=low, at=NOON)
    later = written(valid_from=datetime(2026, 7, 1, tzinfo=UTC).date(), quotas=[YEARLY | {"hours": 40}])
    again = policy_change.quota_changes(policies.read(later, county=cast.county), at=NOON)
    assert [one.newly_short for one in again] == [[cast.colleague]]

    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(later | {"valid_from": datetime(2099, 1, 1, tzinfo=UTC).date()}, allow_unicode=True), encoding="utf-8")
    call_command("credit_policy", str(file), county="532325", dry_run=True)
    assert "集中培训（每年）：将新增未达标" in capsys.readouterr().out


def test_nothing_but_reading_happened(cast, default):
    words(cast.learner)
    assert not HourClaim.objects.exists() and not LedgerEntry.objects.exists()
