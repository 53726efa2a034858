"""The doors of indicators: who reads, who writes, who approves, what a line opens down to."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import yaml
from django.db import IntegrityError, transaction

from core.errors import Refused
from evaluation.indicator_forms import as_text
from evaluation.indicators import calculation, dry_run, explain, reports, versions
from evaluation.indicators.figures import COUNTED, FIGURES
from evaluation.indicators.spec import RefusedSpec, read
from evaluation.models import (
    FigureConfirmation,
    IndicatorVersion,
    Period,
    PeriodStep,
    PersonLine,
    PointCorrection,
    UnitFigure,
    UnitLine,
)
from evaluation.periods import services as periods
from people.models import DutyAssignment, Posting, ReadingOfOthers, Role, Unit
from people.services import postings
from tests.cast import EVERYBODY, NOON, grant, person
from tests.evaluation import rows

CLOSED = datetime(2026, 12, 21, 1, 0, tzinfo=UTC)


@pytest.fixture
def hr2(cast):
    made = person("YA10011", "许人事", cast.other_bureau)
    grant(made, Role.HR, cast.county)
    return made


@pytest.fixture
def general(cast):
    return versions.ensure_default(at=NOON)


@pytest.fixture
def period(cast, policy, general):
    return Period.objects.create(
        county=cast.county,
        year=2026,
        version=general,
        opens_on=date(2026, 1, 1),
        cutoff_on=date(2026, 12, 20),
        publicity_days=5,
        appeal_days=5,
        freeze_on=date(2027, 1, 10),
        by=cast.hr,
        at=NOON,
    )


@pytest.fixture
def line(cast, period, course):
    rows.complete(cast.learner, course)
    made = calculation.record(period=period, purpose="publicity", by=cast.hr, at=CLOSED)
    PeriodStep.objects.create(period=period, number=1, state="publicity", calculation=made, by=cast.hr, at=CLOSED)
    return UnitLine.objects.get(calculation=made, unit=cast.bureau)


def changed(version, **parts) -> dict:
    data = yaml.safe_load(as_text(read(version.spec)))
    for item in data["items"]:
        if item["key"] in parts:
            item["points"] = parts[item["key"]]
            item["formula"] = f"{parts[item['key']]}{item['formula'][1:]}"
    return data


def proposed(cast, general, **parts) -> IndicatorVersion:
    return versions.propose(
        county=cast.county,
        after=general,
        data=changed(general, **(parts or {"K1": 2, "K3": 3})),
        source="县考核办通知",
        mark="D",
        note="学时更重",
        by=cast.hr,
        at=NOON,
    )


def statuses(cast, sign_in, address) -> dict[str, int]:
    return {name: sign_in(getattr(cast, name)).get(address).status_code for name in EVERYBODY}


# Versions


def test_the_default_is_written_once_and_approved(cast):
    assert versions.ensure_default(at=NOON) == versions.ensure_default(at=NOON)
    assert IndicatorVersion.objects.get().approval.by is None


def test_whoever_serves_in_the_county_reads_how_it_is_judged(cast, sign_in, general):
    own = proposed(cast, general)

    assert set(statuses(cast, sign_in, "/evaluation/indicators/").values()) == {200}
    assert set(statuses(cast, sign_in, f"/evaluation/indicators/{general.pk}/").values()) == {200}
    seen = statuses(cast, sign_in, f"/evaluation/indicators/{own.pk}/")
    assert {name for name, status in seen.items() if status == 404} == {"other_hr", "stranger"}


def test_hr_of_two_counties_reads_and_approves_the_versions_of_both(cast, sign_in, general):
    own = proposed(cast, general)
    theirs = versions.propose(
        county=cast.other_county,
        after=general,
        data=changed(general, K1=1, K3=4),
        source="县",
        mark="D",
        note="新",
        by=cast.other_hr,
        at=NOON,
    )
    both = person("YA10011", "许人事", cast.other_bureau)
    grant(both, Role.HR, cast.county)
    grant(both, Role.HR, cast.other_county)
    for version in (own, theirs):
        page = sign_in(both).get(f"/evaluation/indicators/{version.pk}/")
        assert page.status_code == 200 and page.context["may_approve"]


def test_a_version_is_shown_with_each_figures_definition(cast, sign_in, general):
    page = sign_in(cast.learner).get(f"/evaluation/indicators/{general.pk}/").content.decode()

    assert "3 * min(1, 完成必修人数 / 应训人数)" in page
    assert str(FIGURES["完成必修人数"].words) in page and "取消当次学时和证书并通报" in page


def test_hr_of_the_county_alone_writes_and_tries_versions(cast, sign_in, general, policy):
    for door in ("next", "dry-run"):
        seen = statuses(cast, sign_in, f"/evaluation/indicators/{general.pk}/{door}/")
        assert {name for name, status in seen.items() if status == 200} == {"hr", "other_hr"}, door
        assert {status for name, status in seen.items() if name not in ("hr", "other_hr")} == {403}


def test_hr_writes_the_next_version_and_another_officer_approves_it(cast, sign_in, general, hr2):
    client = sign_in(cast.hr)
    form = {"text": yaml.safe_dump(changed(general, K1=2, K3=3), allow_unicode=True), "note": "学时更重", "source": "通知", "mark": "D"}

    response = client.post(f"/evaluation/indicators/{general.pk}/next/", form)

    made = IndicatorVersion.objects.get(indicator__county=cast.county)
    assert response.status_code == 302 and (made.number, made.by, made.spec["items"][0]["points"]) == (1, cast.hr, "2")
    assert client.post(f"/evaluation/indicators/{made.pk}/").status_code == 422  # one's own
    assert sign_in(cast.auditor).post(f"/evaluation/indicators/{made.pk}/").status_code == 403
    assert sign_in(cast.other_hr).post(f"/evaluation/indicators/{made.pk}/").status_code == 404
    assert sign_in(hr2).post(f"/evaluation/indicators/{made.pk}/").status_code == 302
    assert IndicatorVersion.objects.get(pk=made.pk).approval.by == hr2


def test_a_county_writes_another_indicator_and_evaluates_a_year_by_it(cast, sign_in, general, hr2, policy):
    client = sign_in(cast.hr)
    door = f"/evaluation/indicators/{general.pk}/next/"
    form = {"text": as_text(read(general.spec)), "note": "另立一项", "source": "通知", "mark": "D", "name": "信息发布能力"}
    assert 'value="培训与能力建设"' in client.get(door).content.decode()

    client.post(door, form)

    made = IndicatorVersion.objects.get(indicator__county=cast.county)
    assert (made.indicator.name, made.number, made.spec) == ("信息发布能力", 1, general.spec)
    assert made.indicator.key != general.indicator.key
    refused = client.post(door, form)
    assert refused.status_code == 422 and refused.context["form"].errors["name"] and refused.context["form"]["text"].value() == form["text"]
    proposed(cast, general)  # the county's own training indicator stands beside it
    again = versions.propose(
        county=cast.county, after=made, data=changed(general, K1=2, K3=3), source="通知", mark="D", note="新", by=cast.hr, at=NOON
    )
    assert (again.indicator, again.number) == (made.indicator, 2)

    assert next(str(one) for one in client.get(f"/evaluation/indicators/{made.pk}/dry-run/").context["others"]) == "信息发布能力 · 2"
    versions.approve(version=made, by=hr2, at=NOON)
    assert "信息发布能力 · 1" in client.get("/evaluation/new/").content.decode()
    opened = client.post("/evaluation/new/", {"county": cast.county.pk, "year": 2026, "version": made.pk})
    assert opened.status_code == 302 and Period.objects.get().version == made


def test_a_text_with_faults_comes_back_with_each_of_them_and_nothing_lost(cast, sign_in, general):
    data = changed(general, K1=9)
    data["items"][1]["formula"] = "2 * 不存在的数 / 应考人数"
    text = yaml.safe_dump(data, allow_unicode=True)

    response = sign_in(cast.hr).post(
        f"/evaluation/indicators/{general.pk}/next/", {"text": text, "note": "试", "source": "通知", "mark": "D"}
    )

    page = response.content.decode()
    assert response.status_code == 422 and "不存在的数" in page and "16" in page and "K2" in page
    assert response.context["form"]["text"].value() == text and response.context["form"]["note"].value() == "试"
    assert not IndicatorVersion.objects.exclude(pk=general.pk).exists()


@pytest.mark.parametrize("text", ["items: [", "a: &a [x]\nb: [*a, *a]", "", "- 1", "!!python/object/apply:os.system ['true']", "[" * 5000])
def test_a_text_that_is_none_is_refused(cast, sign_in, general, text):
    response = sign_in(cast.hr).post(
        f"/evaluation/indicators/{general.pk}/next/", {"text": text, "note": "试", "source": "通知", "mark": "D"}
    )

    assert response.status_code == 422 and response.context["form"].errors["text"]


def test_the_text_of_a_version_reads_back_as_the_version(cast, general):
    spec = read(general.spec)

    assert read(yaml.safe_load(as_text(spec))) == spec


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"note": " "}, "no_note"),
        ({"source": ""}, "no_source"),
        ({"mark": "X"}, "mark"),
        ({"data": None}, "spec"),
        ({"by": "auditor"}, "not_hr"),
        ({"by": "other_hr"}, "not_hr"),
    ],
)
def test_a_version_without_its_proof_or_by_somebody_else_is_refused(cast, general, change, code):
    facts = {"data": changed(general, K1=2, K3=3), "source": "通知", "mark": "D", "note": "新", "by": "hr", **change}
    facts["by"] = getattr(cast, facts["by"])

    with pytest.raises(Refused) as caught:
        versions.propose(county=cast.county, after=general, at=NOON, **facts)
    assert caught.value.code == code


def test_a_version_whose_formula_cannot_be_counted_is_not_written(cast, general):
    item = general.spec["items"][0] | {"formula": "999999999 * 99999999 * 在册人数"}
    data = general.spec | {"items": [item, *general.spec["items"][1:]]}

    with pytest.raises(RefusedSpec, match="K1"):
        versions.propose(county=cast.county, after=general, data=data, source="县定", mark="D", note="新", by=cast.hr, at=NOON)


def test_two_officers_do_not_write_over_each_other_and_nothing_new_is_no_version(cast, general):
    first = proposed(cast, general)
    with pytest.raises(Refused) as caught:
        proposed(cast, general, K1=1, K2=4)
    assert caught.value.code == "newer"
    with pytest.raises(Refused) as caught:
        proposed(cast, first, K1=2, K3=3)
    assert caught.value.code == "same"


def test_a_version_is_approved_once_and_the_database_wants_two(cast, general, hr2):
    version = proposed(cast, general)
    versions.approve(version=version, by=hr2, at=NOON)
    with pytest.raises(Refused) as caught:
        versions.approve(version=version, by=hr2, at=NOON)
    assert caught.value.code == "done"
    with pytest.raises(IntegrityError), transaction.atomic():
        type(version.approval).objects.create(version=proposed(cast, version, K1=1, K3=4), author=cast.hr, by=cast.hr, at=NOON)


# Dry run


def test_a_dry_run_shows_each_unit_by_both_versions_and_writes_nothing(cast, sign_in, general, period, course):
    rows.complete(cast.learner, course)
    new = proposed(cast, general, K1=1, K3=4)

    found = {one.new.unit_code: one for one in dry_run.compare(period=period, old=general, new=new, at=NOON)}

    assert (found["532325-D03"].old.total, found["532325-D03"].new.total) == (Decimal("3.00"), Decimal("1.00"))
    assert found["532325-D03"].difference == Decimal("-2.00") and found["532325-D09"].difference is None
    page = sign_in(cast.hr).get(f"/evaluation/indicators/{new.pk}/dry-run/").content.decode()
    assert "-2.00" in page and "姚安县教育体育局" in page
    assert not UnitLine.objects.exists()


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"chain_below": 10}, ("低于 6 分", "低于 10 分")),
        ({"chain": [{"level": "primary", "duties": ["chief"], "action": "约谈提醒"}]}, ("约谈提醒",)),
        (
            {"period": {"open": "01-01", "cutoff": "11-30", "publicity_days": 7, "appeal_days": 5, "freeze": "01-10"}},
            ("11-30", "公示 7 个"),
        ),
        ({"rules": {"months_joined": 5, "months_away": 3}}, ("至少 5 个月",)),
    ],
)
def test_a_dry_run_tells_the_rules_that_change_beside_the_points(cast, sign_in, general, period, course, parts, words):
    new = versions.propose(
        county=cast.county, after=general, data=changed(general) | parts, source="县定", mark="D", note="改规则", by=cast.hr, at=NOON
    )
    page = sign_in(cast.hr).get(f"/evaluation/indicators/{new.pk}/dry-run/").text
    assert "同时变化的其他规则" in page and all(word in page for word in words)
    assert (
        "同时变化的其他规则" not in sign_in(cast.hr).get(f"/evaluation/indicators/{proposed(cast, new).pk}/dry-run/?against={new.pk}").text
    )


def test_a_dry_run_counts_the_units_that_a_higher_mark_puts_below_it(cast, sign_in, general, period, course):
    rows.complete(cast.learner, course)
    low = versions.propose(
        county=cast.county,
        after=general,
        data=changed(general) | {"chain_below": 1},
        source="县定",
        mark="D",
        note="线",
        by=cast.hr,
        at=NOON,
    )
    high = versions.propose(
        county=cast.county, after=low, data=changed(low) | {"chain_below": 5}, source="县定", mark="D", note="线", by=cast.hr, at=NOON
    )
    found = {one.new.unit_code: one for one in dry_run.compare(period=period, old=low, new=high, at=NOON)}
    bureau = found["532325-D03"]
    assert (bureau.was_below, bureau.is_below, bureau.difference, bureau.differs) == (False, True, 0, True)
    page = sign_in(cast.hr).get(f"/evaluation/indicators/{high.pk}/dry-run/?against={low.pk}").text
    assert "否 → 是" in page and "中有 1 个结果不同" in page


def test_a_dry_run_shows_a_unit_that_one_version_alone_counts(cast, sign_in, general, period):
    late = date(2026, 11, 1)
    Posting.objects.filter(person=cast.learner).update(unit=cast.county)
    postings.post(person=cast.learner, unit=cast.other_bureau, title="科员", duties=["staff"], starts_on=late)
    data = changed(general)
    new = versions.propose(
        county=cast.county,
        after=general,
        data=data | {"rules": {"months_joined": 0, "months_away": 3}},
        source="县定",
        mark="D",
        note="不看月数",
        by=cast.hr,
        at=NOON,
    )

    for old, other in ((general, new), (new, general)):
        found = [one.new.unit_code for one in dry_run.compare(period=period, old=old, new=other, at=NOON)]
        assert found == sorted(found) and cast.county.code in found
    page = sign_in(cast.hr).get(f"/evaluation/indicators/{new.pk}/dry-run/")
    assert page.status_code == 200 and cast.county.name in page.content.decode()


def test_a_dry_run_reads_what_is_known_once(cast, sign_in, general, period, django_assert_max_num_queries):
    new, client = proposed(cast, general), sign_in(cast.hr)
    client.get("/evaluation/")
    with django_assert_max_num_queries(16):
        client.get(f"/evaluation/indicators/{new.pk}/dry-run/")


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("2", ["“K1 参训率”的公式未引用任何数据：无论各单位做得如何，得分都一样。"]),
        ("0.5 + 0 * 应训人数", ["“K1 参训率”按目前数据在所有单位都得 0.5 分。"]),
        ("完成必修人数 / (应训人数 - 应训人数)", ["“K1 参训率”在所有单位分母均为0：该项不计分，其分值归入其他项。"]),
        ("完成必修人数 / 2 - 1", ["“K1 参训率”在 2 个单位中有 1 个超过其 3 分（甲局达 4）：超出部分不计。"]),
        ("4 - 完成必修人数 / 2", ["“K1 参训率”在 2 个单位中有 1 个低于 0（甲局为 -1）：按 0 分计。"]),
        ("3 * 完成必修人数 / 应训人数", []),
    ],
)
def test_a_dry_run_remarks_on_a_formula_that_tells_no_units_apart_or_leaves_its_bounds(general, formula, words):
    data = changed(general)
    data["items"][0]["formula"] = formula
    counts = (("甲局", 10), ("乙局", 2))
    lines = [UnitLine(unit_name=name, figures=dict.fromkeys(FIGURES, "10") | {"完成必修人数": str(done)}) for name, done in counts]

    assert [one for one in dry_run.remarks(read(data), lines) if "K1" in one] == words


def test_a_dry_run_remarks_on_bands_that_no_unit_can_come_to(cast, sign_in, general, period, course):
    data = changed(general)
    for item in data["items"]:
        item["formula"] = "1"
    data["items"][0]["formula"] = "完成必修人数"  # from 0 to 3 of its own, and 4 of the others
    data["deduct"] = []
    new = versions.propose(county=cast.county, after=general, data=data, source="县", mark="D", note="试", by=cast.hr, at=NOON)
    page = sign_in(cast.hr).get(f"/evaluation/indicators/{new.pk}/dry-run/").text
    told = [f"没有单位能达到等次“{band}”：按这些公式，得分在 4 至 8 分之间。" in page for band in ("优", "良", "中", "差")]
    assert told == [True, False, False, False]
    for item in data["items"][:4]:
        item["formula"] = str(item["points"])
    data["items"][4]["formula"], data["bonus"] = "年度任务数", []  # 8 of the others, and from 0 to 2
    low = "没有单位能达到等次“{}”：按这些公式，得分在 8 至 10 分之间。"
    assert [one for one in dry_run.remarks(read(data), []) if "等次" in one] == [low.format("中"), low.format("差")]


def test_a_countys_own_indicator_comes_before_the_general_one(cast, sign_in, general, hr2):
    versions.approve(version=(own := proposed(cast, general)), by=hr2, at=NOON)

    offered = sign_in(cast.hr).get("/evaluation/new/").context["form"].fields["version"].queryset

    assert list(offered) == [own, general]


def test_days_that_were_left_open_come_from_the_version_that_was_chosen(cast, sign_in, general, hr2):
    data = general.spec | {"period": general.spec["period"] | {"publicity_days": 7, "appeal_days": 9}}
    own = versions.propose(county=cast.county, after=general, data=data, source="县定", mark="D", note="更久", by=cast.hr, at=NOON)
    versions.approve(version=own, by=hr2, at=NOON)
    client = sign_in(cast.hr)
    shown = client.get("/evaluation/new/").context["form"]

    left = {name: shown[name].value() or "" for name in ("publicity_days", "appeal_days")}
    client.post("/evaluation/new/", {"county": cast.county.pk, "year": 2026, "version": general.pk, **left})

    opened = Period.objects.get(county=cast.county)
    assert (opened.publicity_days, opened.appeal_days) == (5, 5)


def test_a_dry_run_against_what_one_may_not_read_is_not_found(cast, sign_in, general):
    own = proposed(cast, general)

    assert sign_in(cast.other_hr).get(f"/evaluation/indicators/{general.pk}/dry-run/?against={own.pk}").status_code == 404


# Reported figures


def reported(period, cast, *, by=None, key="f1", value="4", name="年度任务数"):
    return reports.report(
        period=period, unit=cast.bureau, values={name: Decimal(value)}, reason="责任书", form_key=key, by=by or cast.hr, at=NOON
    )[0]


def test_a_figure_counts_once_another_officer_has_confirmed_it(cast, sign_in, period, hr2):
    client = sign_in(cast.hr)
    fields = {"unit": cast.bureau.pk, "figure_0": "", "figure_1": "4", "reason": "责任书", "form_key": "one"}
    assert client.post(f"/evaluation/periods/{period.pk}/figures/", fields).status_code == 302
    assert client.post(f"/evaluation/periods/{period.pk}/figures/", fields).status_code == 302  # sent twice
    figure = UnitFigure.objects.get()
    assert (figure.name, figure.value, figure.unit) == ("年度任务数", Decimal("4.00"), cast.bureau)

    assert client.post(f"/evaluation/periods/{period.pk}/figures/", {"confirm": figure.pk}).status_code == 422
    assert sign_in(hr2).post(f"/evaluation/periods/{period.pk}/figures/", {"confirm": figure.pk}).status_code == 302
    assert FigureConfirmation.objects.get().by == hr2 and reports.counting(period) == [figure] and not reports.waiting(period)


def test_hr_and_auditors_of_the_county_read_what_is_reported_and_hr_alone_reports(cast, sign_in, period):
    seen = statuses(cast, sign_in, f"/evaluation/periods/{period.pk}/figures/")
    assert {name for name, status in seen.items() if status == 200} == {"hr", "auditor"}
    assert {name for name, status in seen.items() if status == 404} == {"other_hr", "stranger"}
    assert sign_in(cast.auditor).post(f"/evaluation/periods/{period.pk}/figures/", {"unit": cast.bureau.pk}).status_code == 403


def test_a_form_with_faults_keeps_what_was_entered(cast, sign_in, period):
    fields = {"unit": cast.bureau.pk, "figure_1": "-3", "reason": "责任书", "form_key": "one"}

    response = sign_in(cast.hr).post(f"/evaluation/periods/{period.pk}/figures/", fields)

    assert response.status_code == 422 and response.context["form"]["figure_1"].value() == "-3"
    assert "责任书" in response.content.decode() and not UnitFigure.objects.exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"values": {}}, "nothing"),
        ({"values": {"应训人数": Decimal(3)}}, "unknown"),
        ({"values": {"年度任务数": Decimal(-1)}}, "value"),
        ({"values": {"年度任务数": Decimal("NaN")}}, "value"),
        ({"reason": " "}, "no_reason"),
        ({"unit": "section"}, "unit"),
        ({"unit": "other_county"}, "unit"),
        ({"by": "other_hr"}, "not_hr"),
        ({"by": "auditor"}, "not_hr"),
    ],
)
def test_what_cannot_be_reported_is_refused(cast, period, change, code):
    facts = {"unit": "bureau", "values": {"年度任务数": Decimal(3)}, "reason": "责任书", "by": "hr", **change}
    facts |= {name: getattr(cast, facts[name]) for name in ("unit", "by")}

    with pytest.raises(Refused) as caught:
        reports.report(period=period, form_key="x", at=NOON, **facts)
    assert caught.value.code == code


@pytest.mark.parametrize(("on", "is_merged"), [(date(2026, 10, 7), True), (date(2026, 12, 31), False)])
def test_the_desk_names_what_was_reported_of_a_unit_that_was_merged_since(cast, sign_in, period, hr2, on, is_merged):
    reports.confirm(figure=reported(period, cast, value="3"), by=hr2, at=NOON)
    Unit.objects.filter(pk=cast.bureau.pk).update(closed_on=on, merged_into=cast.other_bureau)
    page = sign_in(cast.hr).get(f"/evaluation/periods/{period.pk}/figures/")
    assert ("姚安县教育体育局 → 姚安县财政局：年度任务数" in page.text) == is_merged
    assert bool(page.context["counting"]) is not is_merged


def test_only_the_newest_report_is_confirmed_and_once(cast, period, hr2):
    old, new = reported(period, cast, key="a"), reported(period, cast, key="b", value="5")

    assert reports.waiting(period) == [new]
    with pytest.raises(Refused) as caught:
        reports.confirm(figure=old, by=hr2, at=NOON)
    assert caught.value.code == "replaced"
    reports.confirm(figure=new, by=hr2, at=NOON)
    with pytest.raises(Refused) as caught:
        reports.confirm(figure=new, by=hr2, at=NOON)
    assert caught.value.code == "done"


def test_nothing_is_reported_or_confirmed_once_the_period_is_frozen(cast, period, hr2):
    figure = reported(period, cast)
    PeriodStep.objects.create(period=period, number=1, state="frozen", by=cast.hr, at=NOON)

    for act in (lambda: reported(period, cast, key="late"), lambda: reports.confirm(figure=figure, by=hr2, at=NOON)):
        with pytest.raises(Refused) as caught:
            act()
        assert caught.value.code == "over"


def test_the_database_wants_two_persons_for_a_figure_and_for_points(cast, period):
    figure = reported(period, cast)
    with pytest.raises(IntegrityError), transaction.atomic():
        FigureConfirmation.objects.create(figure=figure, author=cast.hr, by=cast.hr, at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        PointCorrection.objects.create(
            period=period, unit=cast.bureau, item_key="K1", points=1, reason="-", by=cast.hr, approved=cast.hr, at=NOON
        )


# A line opened up


def test_a_line_opens_down_to_formulas_figures_and_rows(cast, sign_in, line):
    page = sign_in(cast.hr).get(f"/evaluation/lines/{line.pk}/").content.decode()
    assert "3 * min(1, 1 / 2)" in page and "3.00" in page

    page = sign_in(cast.hr).get(f"/evaluation/lines/{line.pk}/?figure=完成必修人数").content.decode()
    assert page.index("张小明") < page.index("李云") < page.index("赵一山")  # who counts comes first
    assert "YA10001" in page and "应训人数" in page


def test_a_person_behind_a_figure_opens_to_the_file_and_the_courses_asked_for_are_named(cast, sign_in, period, course):
    rows.complete(cast.learner, course)
    periods.cut_off(period=period, by=cast.hr, at=CLOSED)
    periods.publish(period=period, by=cast.hr, at=CLOSED)
    line = UnitLine.objects.get(unit=cast.bureau)
    address = f"/evaluation/lines/{line.pk}/?figure=完成必修人数"

    page = sign_in(cast.hr).get(address).text
    assert f"/people/{cast.learner.pk}/file/#y2026" in page and "当时要求的必修课程" in page and str(course) in page
    assert [(one.duty, one.courses) for one in explain.asked_for(line)] == [("具体工作人员", [course])]


def test_how_points_were_scaled_and_rounded_is_said(line):
    scaled = {one.item.key: one.words for one in explain.explain(line).items}
    assert scaled["K1"] == "公式得1.5分（满分3分）；无分母的项目让出的分值按比例分摊后，得3.00分（满分6.00分）。" and not scaled["K2"]

    line.items = [one | {"full": "3.00", "points": "1.51"} if one["key"] == "K1" else one for one in line.items]
    rounded = {one.item.key: one.words for one in explain.explain(line).items}
    assert rounded["K1"] == "公式得1.5分，取为1.51分：百分位统一分配，使各项之和等于合计。"

    line.items = [one | {"points": "1.50"} for one in line.items]
    assert explain.explain(line).items[0].words == "", "what is simply the formula's needs no words"


def test_every_counted_figure_is_the_number_of_people_shown_for_it(cast, line, course):
    spec = read(line.calculation.version.spec)
    for figure in COUNTED:
        people = PersonLine.objects.behind(line, duty=figure.duty)
        found = explain.behind(figure, people, spec, organ=line.unit_id)
        assert len(found) == 4 and all(one.why for one in found)
        if figure.name != "学时合计":
            assert sum(one.counts for one in found) == int(line.figures[figure.name]), figure.name


def test_whoever_leads_a_unit_beside_another_posting_is_shown_behind_its_figure_and_at_home_as_counted_there(cast, sign_in, period):
    rows.course(cast.county, "P09", required=["chief"])
    posting = Posting.objects.create(person=cast.learner, unit=cast.other_bureau, starts_on=date(2024, 1, 1), is_main=False)
    DutyAssignment.objects.create(posting=posting, duty="chief", starts_on=date(2024, 1, 1))
    made = calculation.record(period=period, purpose="publicity", by=cast.hr, at=CLOSED)
    there, home = (UnitLine.objects.get(calculation=made, unit=unit) for unit in (cast.other_bureau, cast.bureau))

    for line in (there, home):
        for figure in COUNTED:
            found = explain.behind(figure, PersonLine.objects.behind(line, duty=figure.duty), read(made.version.spec), organ=line.unit_id)
            if figure.name != "学时合计":
                assert sum(one.counts for one in found) == int(line.figures[figure.name]), figure.name
    page = sign_in(cast.hr).get(f"/evaluation/lines/{there.pk}/?figure=主要领导人数").text
    assert "张小明" in page and "兼任本单位此职责，按兼任在此计入；花名册人数在其任职单位计入。" in page
    assert "张小明" not in sign_in(cast.hr).get(f"/evaluation/lines/{there.pk}/?figure=在册人数").text
    assert "在其他单位担任此职责，按该职责在那里计入。" in sign_in(cast.hr).get(f"/evaluation/lines/{home.pk}/?figure=主要领导人数").text


def test_hr_and_auditors_see_all_a_leader_the_own_organ_and_others_themselves(cast, sign_in, line):
    address = f"/evaluation/lines/{line.pk}/?figure=在册人数"
    shown = {}
    for name in EVERYBODY:
        response = sign_in(getattr(cast, name)).get(address)
        shown[name] = {one.line.employee_number for one in response.context["page"].object_list} if response.status_code == 200 else None
    everybody = {"YA10001", "YA10002", "YA10003", "YA10005"}

    assert {name for name, seen in shown.items() if seen == everybody} == {"hr", "auditor", "own_leader", "liaison"}
    assert shown["learner"] == {"YA10001"} and shown["colleague"] == {"YA10002"}
    assert {name for name, seen in shown.items() if seen is None} == set(EVERYBODY) - {
        "hr", "auditor", "own_leader", "liaison", "learner", "colleague"
    }  # fmt: skip


def test_a_line_that_was_not_published_is_for_hr_and_auditors_and_so_is_one_of_a_reopened_period(cast, sign_in, line):
    def who_reads(one) -> set[str]:
        return {name for name in EVERYBODY if sign_in(getattr(cast, name)).get(f"/evaluation/lines/{one.pk}/").status_code == 200}

    period = line.calculation.period
    listed = calculation.record(period=period, purpose="supplement", by=cast.hr, at=CLOSED)
    assert who_reads(UnitLine.objects.get(calculation=listed, unit=cast.bureau)) == {"hr", "auditor"}
    assert {"own_leader", "learner"} < who_reads(line)
    PeriodStep.objects.create(period=period, number=2, state="cut_off", by=cast.hr, at=CLOSED)
    assert who_reads(line) == {"hr", "auditor"}


def test_reading_the_people_of_a_unit_leaves_a_trace_and_reading_oneself_none(cast, sign_in, line):
    sign_in(cast.learner).get(f"/evaluation/lines/{line.pk}/?figure=在册人数")
    assert not ReadingOfOthers.objects.exists()

    sign_in(cast.own_leader).get(f"/evaluation/lines/{line.pk}/?figure=在册人数")
    trace = ReadingOfOthers.objects.get()
    assert (trace.reader, trace.what, trace.rows, trace.filters["figure"]) == (cast.own_leader, "people behind a figure", 3, "在册人数")


@pytest.mark.parametrize("name", ["不存在", "年度任务数"])
def test_a_figure_that_no_people_stand_behind_is_not_found(cast, sign_in, line, name):
    assert sign_in(cast.hr).get(f"/evaluation/lines/{line.pk}/?figure={name}").status_code == 404


def test_strangers_are_sent_to_sign_in(client, cast, line):
    for address in (f"/evaluation/lines/{line.pk}/", "/evaluation/indicators/"):
        assert client.get(address).status_code == 302


def test_a_line_takes_few_queries_however_many_people(cast, sign_in, period, course, django_assert_max_num_queries):
    for number in range(60):
        person(f"M{number}", f"人{number}", cast.section, "staff")
    made = calculation.record(period=period, purpose="publicity", by=cast.hr, at=CLOSED)
    line = UnitLine.objects.get(calculation=made, unit=cast.bureau)
    client = sign_in(cast.hr)

    with django_assert_max_num_queries(20):
        client.get(f"/evaluation/lines/{line.pk}/?figure=在册人数")
