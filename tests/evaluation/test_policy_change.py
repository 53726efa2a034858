"""A county puts a credit policy of its own into force: nothing recorded changes, and the dry run says whom it moves."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
import yaml
from django.core.management import CommandError, call_command

from core import clock
from core.errors import Refused
from courses.models import Completion, CreditPolicy
from courses.services import policies
from evaluation.models import LedgerEntry
from evaluation.policy_change import gains_and_losses
from tests.cast import NOON
from tests.factories import complete, make_course

TODAY = clock.today(NOON)


def written(**changes) -> dict:
    """The default policy's file, as a county would change it."""
    data = yaml.safe_load(policies.DEFAULT.read_text(encoding="utf-8"))
    return data | {"name": "姚安县学时规则", "source": "姚府办发〔2026〕1号", "mark": "D", "valid_from": TODAY} | changes


def targets(hours) -> dict:
    return {"topic_target_by_role": {"具体工作人员": hours}}


def test_it_holds_from_its_day_on_for_its_county_alone_and_what_was_recorded_keeps_its_own(cast):
    earlier = complete(cast.learner, make_course(cast.county, minutes=45))
    recorded = list(LedgerEntry.objects.values())
    day = TODAY + timedelta(days=10)
    policies.put_in_force(policy=policies.read(written(valid_from=day, test_passed=1), county=cast.county), at=NOON)

    assert policies.in_force(day=day - timedelta(days=1), county=cast.county).test_passed == Decimal("0.5")
    assert policies.in_force(day=day, county=cast.county).test_passed == 1
    assert policies.in_force(day=day, county=cast.other_county).test_passed == Decimal("0.5")
    assert list(LedgerEntry.objects.values()) == recorded
    assert Completion.objects.get(pk=earlier.pk).policy.county is None


def test_the_dry_run_names_who_would_reach_the_target_and_who_no_longer(cast):
    complete(cast.learner, make_course(cast.county, minutes=45))
    hours = LedgerEntry.objects.get(kind="online").hours
    low = policies.read(written(**targets(float(hours))), county=cast.county)
    assert gains_and_losses(low, at=NOON) == ([cast.learner], [])
    policies.put_in_force(policy=low, at=NOON)
    high = policies.read(written(valid_from=TODAY + timedelta(days=1), **targets(40)), county=cast.county)
    assert gains_and_losses(high, at=NOON) == ([], [cast.learner])
    assert CreditPolicy.objects.filter(county=cast.county).count() == 1


def test_it_takes_as_many_queries_for_many_people(cast, django_assert_num_queries):
    policies.ensure_default()
    policy = policies.read(written(), county=cast.county)
    with django_assert_num_queries(3):
        gains_and_losses(policy, at=NOON)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"online_video": [{"min_minutes": 0, "max_minutes": 15, "credit": 1}]}, "bands"),
        ({"online_video": [{"minutes": 3}]}, "unreadable"),
        ({"online_video": None}, "unreadable"),
        ({"topic_target_by_role": {"门卫": 3}}, "duty_unknown"),
        ({"test_passed": "0.3"}, "steps"),
        ({"test_passed": -1}, "unreadable"),
        ({"rounding": 0}, "steps"),
        ({"mark": "M"}, "unreadable"),
        ({"source": ""}, "unreadable"),
        ({"name": "长" * 81}, "unreadable"),
        ({"valid_from": "明天"}, "unreadable"),
        ({"reading_share": 2}, "unreadable"),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(cast, changes, code):
    with pytest.raises(Refused) as refusal:
        policies.read(written(**changes), county=cast.county)
    assert refusal.value.code == code


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_a_file_of_something_else_is_refused(data):
    with pytest.raises(Refused):
        policies.read(data)


def test_it_neither_reaches_back_nor_begins_beside_another(cast):
    with pytest.raises(Refused) as refusal:
        policies.put_in_force(policy=policies.read(written(valid_from=TODAY - timedelta(days=1)), county=cast.county), at=NOON)
    assert refusal.value.code == "past"
    policies.put_in_force(policy=policies.read(written(), county=cast.county), at=NOON)
    with pytest.raises(Refused) as refusal:
        policies.put_in_force(policy=policies.read(written(name="又一项"), county=cast.county), at=NOON)
    assert refusal.value.code == "twice"


def test_the_command_says_what_would_happen_and_then_does_it(cast, tmp_path, capsys):
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(written(valid_from=date(2099, 1, 1)), allow_unicode=True), encoding="utf-8")
    call_command("credit_policy", str(file), county="532325", dry_run=True)
    assert "仅预演，未写入。" in capsys.readouterr().out
    assert not CreditPolicy.objects.filter(county=cast.county).exists()

    call_command("credit_policy", str(file), county="532325")
    assert CreditPolicy.objects.get(county=cast.county).valid_from == date(2099, 1, 1)

    file.write_text("name: [", encoding="utf-8")
    for county in ("532325", "999999"):
        with pytest.raises(CommandError):
            call_command("credit_policy", str(file), county=county)
