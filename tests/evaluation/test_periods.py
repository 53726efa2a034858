"""The steps of a period: their order, their days, two officers at once, the freeze."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from wagtail.models import ModelLogEntry

from core.errors import Refused
from core.models import FactChanged
from evaluation.indicators import calculation, versions
from evaluation.models import Calculation, Indicator, IndicatorApproval, IndicatorVersion, Period, PeriodStep, PersonLine, Reopening, Seal
from evaluation.periods import appeals, handover, package, rules, services
from people.models import Person, Posting
from tests.cast import NOON, grant
from tests.certificates.conftest import keys, private
from tests.evaluation import rows, year
from tests.evaluation.year import refused
from tests.quizzes.test_races import together

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys", "policy")


# Opening


def test_a_period_takes_its_days_from_the_version(cast):
    period = year.opened(cast)
    assert (period.opens_on, period.cutoff_on, period.freeze_on) == (date(2026, 1, 1), date(2026, 12, 20), date(2027, 1, 10))
    assert (period.publicity_days, period.appeal_days, period.state) == (5, 5, "open")
    assert ModelLogEntry.objects.filter(action="evaluation.period_opened", user=cast.hr).count() == 1


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"opens_on": date(2026, 12, 20)}, "opens_after_cutoff"),
        ({"freeze_on": date(2026, 12, 20)}, "cutoff_after_freeze"),
        ({"cutoff_on": date(2025, 12, 20), "opens_on": date(2025, 1, 1)}, "other_year"),
        ({"cutoff_on": date(9999, 12, 30), "freeze_on": date(9999, 12, 31)}, "other_year"),
        ({"opens_on": date(206, 1, 1), "freeze_on": date(9000, 1, 1)}, "too_far"),
        ({"opens_on": date(2024, 12, 31)}, "too_far"),
        ({"opens_on": date(2025, 12, 31)}, "too_far"),
        ({"freeze_on": date(2028, 1, 1)}, "too_far"),
        ({"freeze_on": date(2026, 12, 31)}, "too_short"),
    ],
)
def test_days_that_cross_are_refused_in_words_and_nothing_is_written(cast, more, code):
    said = refused(code, year.opened, cast=cast, **more)
    assert said and not Period.objects.exists()


def test_what_does_not_fit_says_which_day_is_the_earliest(cast):
    assert "2027-01-07" in refused("too_short", year.opened, cast=cast, freeze_on=date(2027, 1, 5))
    assert year.opened(cast, freeze_on=date(2027, 1, 7))


@pytest.mark.parametrize("who", ["learner", "own_leader", "liaison", "trainer", "admin", "auditor", "other_hr"])
def test_only_hr_of_the_whole_county_opens_and_takes_steps(cast, who):
    version, someone = versions.ensure_default(at=NOON), getattr(cast, who)
    refused("not_hr", services.open_period, county=cast.county, year=2026, version=version, by=someone, at=NOON)
    period = year.opened(cast)
    refused("not_hr", services.cut_off, period=period, by=someone, at=year.CLOSED)
    refused("not_hr", services.publish, period=period, by=someone, at=year.CLOSED)
    refused("not_hr", services.freeze, period=period, by=someone, at=year.CLOSED)
    refused("not_hr", services.propose_reopen, period=period, by=someone, reason="错", at=year.CLOSED)


def test_hr_of_one_bureau_runs_no_countys_evaluation(cast):
    grant(cast.colleague, "hr", cast.bureau)
    refused("not_hr", services.cut_off, period=year.opened(cast), by=cast.colleague, at=year.CLOSED)


def test_a_year_has_one_period_a_county(cast):
    year.opened(cast)
    refused("standing", year.opened, cast=cast)


def test_a_version_that_nobody_approved_or_of_another_county_cannot_be_used(cast, second):
    general = versions.ensure_default(at=NOON)
    indicator = Indicator.objects.create(key="training", name="培训", county=cast.county)
    own = IndicatorVersion.objects.create(
        indicator=indicator, number=1, spec=general.spec, source="县发〔2026〕1号", mark="D", by=cast.hr, at=NOON
    )
    refused("not_approved", services.open_period, county=cast.county, year=2026, version=own, by=cast.hr, at=NOON)
    IndicatorApproval.objects.create(version=own, author=cast.hr, by=second, at=NOON)
    refused("other_county", services.open_period, county=cast.other_county, year=2026, version=own, by=cast.other_hr, at=NOON)
    assert services.open_period(county=cast.county, year=2026, version=own, by=cast.hr, at=NOON).version == own


# Steps and days


def at(*day, hour=12):
    return datetime(*day, hour, tzinfo=UTC) - timedelta(hours=8)


def test_the_year_is_cut_off_only_when_its_last_day_is_over(cast):
    period = year.opened(cast)
    assert "2026-12-20" in refused("too_early", services.cut_off, period=period, by=cast.hr, at=at(2026, 12, 20, hour=23))
    assert services.cut_off(period=period, by=cast.hr, at=at(2026, 12, 21, hour=0)).state == "cut_off"


def test_publicity_and_appeals_last_their_working_days_to_the_last_hour(cast):
    period = year.published(cast)
    assert PeriodStep.objects.get(state="publicity").due_on == date(2026, 12, 28)
    assert "2026-12-28" in refused("publicity_runs", services.open_appeals, period=period, by=cast.hr, at=at(2026, 12, 28, hour=23))
    step = services.open_appeals(period=period, by=cast.hr, at=at(2026, 12, 29, hour=0))
    assert step.due_on == date(2027, 1, 6)
    assert "2027-01-06" in refused("appeals_run", services.freeze, period=period, by=cast.hr, at=at(2027, 1, 6, hour=23))
    assert services.freeze(period=period, by=cast.hr, at=at(2027, 1, 7, hour=0)).state == "frozen"


def test_no_step_can_be_left_out_and_the_refusal_says_where_it_stands(cast):
    period = year.opened(cast)
    for act in (services.publish, services.open_appeals, services.freeze):
        assert str(Period.State.OPEN.label) in refused("order", act, period=period, by=cast.hr, at=year.CLOSED)
    assert not PeriodStep.objects.exists() and not Calculation.objects.exists()


@given(st.lists(st.sampled_from(rules.ORDER), max_size=12), st.integers(0, 60))
def test_whatever_is_tried_a_period_only_moves_to_the_next_step(tried, days):
    state = rules.OPEN
    for to in tried:
        standing = rules.Standing(state, date(2026, 12, 1) + timedelta(days=days), date(2026, 12, 20), date(2026, 12, 28))
        if rules.hindrance(to, standing) is None:
            assert rules.ORDER.index(to) == rules.ORDER.index(state) + 1
            state = to


def test_what_was_published_is_kept_as_lines_whatever_comes_later(cast):
    period = year.published(cast)
    lines = PersonLine.objects.filter(calculation=services.published(period))
    assert lines.get(person=cast.learner).unit_name == "姚安县教育体育局 办公室"
    cast.section.name = "改名了"
    cast.section.save()
    assert lines.get(person=cast.learner).unit_name == "姚安县教育体育局 办公室"
    with pytest.raises(FactChanged):
        lines.update(hours=99)


# Freezing


def test_freezing_is_idempotent(cast):
    period = year.frozen(cast)
    before = package.of(period).data
    again = services.freeze(period=period, by=cast.hr, at=year.AFTER_APPEALS + timedelta(hours=1))
    assert again == PeriodStep.objects.get(state="frozen")
    assert Calculation.objects.filter(purpose="freeze").count() == 1 == Seal.objects.count()
    assert package.of(period).data == before


def test_whatever_is_tried_in_whichever_order_one_frozen_calculation_stands_with_the_same_package(cast, second):
    period = year.in_appeals(cast)
    acts = st.sampled_from([services.freeze, handover.supplement])

    @settings(max_examples=15, deadline=None, database=None, derandomize=True)
    @given(st.lists(st.tuples(acts, st.sampled_from([cast.hr, second])), max_size=5))
    def hold(tried):
        with transaction.atomic():
            first = None
            for hours, (act, by) in enumerate(tried):
                try:
                    with transaction.atomic():
                        act(period=Period.objects.get(pk=period.pk), by=by, at=year.AFTER_APPEALS + timedelta(hours=hours))
                except Refused:
                    pass
                frozen = list(Calculation.objects.filter(period=period, purpose="freeze"))
                assert len(frozen) == (1 if services.freeze in [act for act, _by in tried[: hours + 1]] else 0)
                for one in frozen:
                    kept = one.pk, one.digest, package.make(one).data
                    first = first or kept
                    assert kept == first and calculation.digest_of(one) == one.digest
            transaction.set_rollback(True)

    hold()


def test_another_officer_is_told_who_has_frozen_it(cast, second):
    period = year.frozen(cast)
    assert cast.hr.name in refused("order", services.freeze, period=period, by=second, at=year.AFTER_APPEALS)


def test_an_appeal_without_an_answer_holds_the_freeze(cast):
    period = year.in_appeals(cast)
    appeal = appeals.file(period=period, by=cast.learner, text="学时少了", form_key="a", at=year.APPEALS)
    assert "1" in refused("unanswered", services.freeze, period=period, by=cast.hr, at=year.AFTER_APPEALS)
    appeals.refuse(appeal=appeal, by=cast.hr, reason="台账无误", at=year.AFTER_APPEALS)
    assert services.freeze(period=period, by=cast.hr, at=year.AFTER_APPEALS).state == "frozen"


def test_without_a_key_nothing_is_frozen(cast, settings, tmp_path):
    from certificates import keyring

    period = year.in_appeals(cast)
    settings.KEYS_ROOT = tmp_path / "nowhere"
    keyring.forget()
    with transaction.atomic():
        refused("no_key", services.freeze, period=period, by=cast.hr, at=year.AFTER_APPEALS)


def test_frozen_lines_match_their_digest(cast):
    made = package.frozen(year.frozen(cast))
    assert calculation.digest_of(made) == made.digest


def test_what_is_asked_for_is_settled_at_the_cut_off_and_january_changes_no_year_before(cast, second):
    kept, closed = (rows.course(cast.county, code, required=["staff"]) for code in ("P01", "P02"))
    for course in (kept, closed):
        rows.complete(cast.learner, course)
    period = year.in_appeals(cast)
    published = PersonLine.objects.get(calculation=services.published(period), person=cast.learner)
    assert (published.required, published.done) == (2, 2)

    type(closed).objects.filter(pk=closed.pk).update(is_open=False)
    kept.duty_rules.all().delete()
    rows.course(cast.county, "P03", required=["staff"])
    services.freeze(period=period, by=cast.hr, at=year.AFTER_APPEALS)
    frozen = PersonLine.objects.get(calculation=package.frozen(period), person=cast.learner)
    assert (frozen.required, frozen.done) == (2, 2)

    services.propose_reopen(period=period, by=cast.hr, reason="必修设置有误", at=year.AFTER_APPEALS, settle_anew=True)
    services.reopen(period=period, by=second, at=year.AFTER_APPEALS)
    services.publish(period=period, by=cast.hr, at=at(2027, 1, 11))
    anew = PersonLine.objects.get(calculation=services.published(Period.objects.get()), person=cast.learner)
    assert (anew.required, anew.done) == (1, 0), "two officers may settle anew what it asked for"


# Reopening


def test_reopening_takes_two_persons_and_goes_back_to_cut_off(cast, second):
    period = year.frozen(cast)
    proposal = services.propose_reopen(period=period, by=cast.hr, reason="漏报一份请假", at=year.AFTER_APPEALS)
    refused("same_officer", services.reopen, period=period, by=cast.hr, at=year.AFTER_APPEALS)
    assert Period.objects.get().state == "frozen" and package.digest(period)
    step = services.reopen(period=period, by=second, at=year.AFTER_APPEALS)
    assert (step.state, step.by, step.second, step.reason) == ("cut_off", cast.hr, second, "漏报一份请假")
    refused("not_frozen", package.digest, period=period)
    refused("no_proposal", services.reopen, period=period, by=second, at=year.AFTER_APPEALS)
    assert services.published(period) is None and Reopening.objects.get() == proposal
    assert ModelLogEntry.objects.filter(action="evaluation.period_reopened", user=second).count() == 1


def test_a_proposal_is_void_once_another_step_was_taken(cast, second):
    period = year.published(cast)
    services.propose_reopen(period=period, by=cast.hr, reason="错", at=year.CLOSED)
    services.open_appeals(period=period, by=cast.hr, at=year.APPEALS)
    refused("no_proposal", services.reopen, period=period, by=second, at=year.APPEALS)


def test_an_open_period_and_one_without_reason_are_not_reopened(cast):
    period = year.opened(cast)
    refused("order", services.propose_reopen, period=period, by=cast.hr, reason="错", at=year.CLOSED)
    refused("no_reason", services.propose_reopen, period=year.published(cast, period), by=cast.hr, reason=" ", at=year.CLOSED)


def test_a_period_that_was_reopened_is_published_and_frozen_anew(cast, second):
    period = year.frozen(cast)
    first = package.frozen(period)
    services.propose_reopen(period=period, by=cast.hr, reason="漏报", at=year.AFTER_APPEALS)
    services.reopen(period=period, by=second, at=year.AFTER_APPEALS)
    services.publish(period=period, by=cast.hr, at=at(2027, 1, 11))
    services.open_appeals(period=period, by=cast.hr, at=at(2027, 1, 19))
    services.freeze(period=period, by=second, at=at(2027, 1, 27))
    assert package.frozen(period) != first and package.make(first).data != package.of(period).data


def test_a_proposal_that_says_otherwise_than_the_one_that_stands_is_refused_and_names_it(cast, second):
    period = year.frozen(cast)
    made = services.propose_reopen(period=period, by=cast.hr, reason="漏报", at=year.AFTER_APPEALS)
    for otherwise in ({"reason": "必修有误"}, {"reason": "漏报", "settle_anew": True}):
        said = refused("standing", services.propose_reopen, period=period, by=second, at=year.AFTER_APPEALS, **otherwise)
        assert cast.hr.name in said and "“漏报”" in said
    assert services.propose_reopen(period=period, by=second, reason="漏报", at=year.AFTER_APPEALS) == made


def test_who_proposed_wrongly_proposes_otherwise_and_the_newest_stands(cast, second):
    period = year.frozen(cast)
    given = {"period": period, "by": cast.hr, "reason": "漏报", "at": year.AFTER_APPEALS}
    wrong = services.propose_reopen(settle_anew=True, **given)
    assert services.propose_reopen(settle_anew=True, **given) == wrong == Reopening.objects.get()
    right = services.propose_reopen(settle_anew=False, **given)
    assert services.standing_proposal(period) == right != wrong
    assert services.propose_reopen(settle_anew=True, **given) == services.standing_proposal(period) and Reopening.objects.count() == 3
    right = services.propose_reopen(settle_anew=False, **given)
    assert services.propose_reopen(**given | {"by": second}) == right
    confirm = {"period": period, "by": second, "at": year.AFTER_APPEALS}
    assert "请重新查看" in refused("replaced", services.reopen, seen=str(wrong.pk), **confirm)
    assert services.reopen(seen=str(right.pk), **confirm).state == "cut_off"


# At once


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_officers_freezing_at_once_freeze_once_and_one_is_told(cast, second):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    period = year.in_appeals(cast)
    freeze = lambda who: lambda: services.freeze(period=Period.objects.get(pk=period.pk), by=who, at=year.AFTER_APPEALS)  # noqa: E731
    results = together(freeze(cast.hr), freeze(second))
    told = [one for one in results if isinstance(one, Refused)]
    assert len(told) == 1 and told[0].code in ("busy", "taken", "order"), results
    assert (
        PeriodStep.objects.filter(state="frozen").count()
        == 1
        == Seal.objects.count()
        == Calculation.objects.filter(purpose="freeze").count()
    )


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_while_somebody_files_an_appeal_the_officer_is_told_what_is_true(cast, monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    period, told = year.in_appeals(cast), []

    def meanwhile(*args, **more):  # the appeal holds the period's row
        told.extend(together(lambda: services.propose_reopen(period=Period.objects.get(), by=cast.hr, reason="错", at=year.APPEALS)))
        return []

    monkeypatch.setattr(appeals, "kinds_of", meanwhile)
    appeals.file(period=period, by=cast.learner, text="学时少了", form_key="a", at=year.APPEALS)
    assert [one.code for one in told] == ["busy"] and "申诉" in told[0].message and "另一位" not in told[0].message


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_roster_that_changes_in_the_middle_of_freezing_is_seen_whole_or_not_at_all(cast, monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    period = year.in_appeals(cast)
    facts, begun = calculation._facts, []

    def slowly(*args):
        found = facts(*args)
        if not begun:
            begun.append(True)
            together(move_everybody)  # commits while the freeze looks
        return found

    def move_everybody():
        with transaction.atomic():
            for someone in (cast.learner, cast.colleague):
                Posting.objects.filter(person=someone, ends_on=None).update(unit=cast.other_bureau)
                Person.objects.filter(pk=someone.pk).update(unit=cast.other_bureau)

    monkeypatch.setattr(calculation, "_facts", slowly)
    services.freeze(period=period, by=cast.hr, at=year.AFTER_APPEALS)
    made = package.frozen(period)
    organs = set(made.people.filter(person__in=[cast.learner, cast.colleague]).values_list("organ__code", flat=True))
    counted = {line.unit_code: line.figures["在册人数"] for line in made.units.all()}
    of_rows = {code: str(made.people.filter(organ__code=code).count()) for code in counted}
    assert len(organs) == 1 and counted == of_rows and calculation.digest_of(made) == made.digest
    assert package.of(period).data and PeriodStep.objects.filter(state="frozen").count() == 1
