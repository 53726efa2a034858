"""A period with lines made by hand, for what builds on frozen rows."""

from datetime import date, timedelta
from decimal import Decimal

from evaluation.models import Calculation, Indicator, IndicatorVersion, Period, PeriodStep, PersonLine, UnitLine
from evaluation.periods import package
from people.models import Person
from tests.cast import NOON, grant, person

State = Period.State


def period(cast, *, year: int = 2026) -> Period:
    """The county's period of a year, with a version that has one item."""
    indicator = Indicator.objects.create(key=f"by-hand-{year}", name="培训与能力建设", county=cast.county)
    version = IndicatorVersion.objects.create(
        indicator=indicator, number=1, spec={"items": [{"key": "K1", "name": "参训率"}]}, source="县定", mark="D", by=cast.hr, at=NOON
    )
    return Period.objects.create(
        county=cast.county,
        year=year,
        version=version,
        opens_on=date(year, 1, 1),
        cutoff_on=date(year, 12, 20),
        publicity_days=5,
        appeal_days=5,
        freeze_on=date(year + 1, 1, 10),
        by=cast.hr,
        at=NOON,
    )


def other_officer(cast) -> Person:
    """HR of the county beside `cast.hr`."""
    known = Person.objects.filter(employee_number="YA30009").first()
    return known or grant(person("YA30009", "另一位", cast.other_bureau), "hr", cast.county).person


def calculation(
    found: Period,
    cast,
    *,
    purpose: str = "freeze",
    hours: str = "20",
    total: str = "8.50",
    digest: str = "a",
    held_in: dict[str, list[str]] | None = None,
) -> Calculation:
    """Two people of the bureau, and the bureau. `hours` and `held_in` are of the first of them. A supplementary list is not by `cast.hr`,
    who may so hand it over."""
    number = found.calculations.count() + 1
    made = Calculation.objects.create(
        period=found,
        number=number,
        purpose=purpose,
        version=found.version,
        digest=digest * 64,
        by=other_officer(cast) if purpose == "supplement" else cast.hr,
        at=NOON + timedelta(days=number),
    )
    for someone in (cast.learner, cast.colleague):
        PersonLine.objects.create(
            calculation=made,
            person=someone,
            employee_number=someone.employee_number,
            person_name=someone.name,
            unit=cast.section,
            organ=cast.bureau,
            unit_code=cast.section.code,
            unit_name="姚安县教育体育局 办公室",
            duties=["staff"],
            held_in=(held_in or {}) if someone == cast.learner else {},
            counted=True,
            reason="roster",
            required=3,
            done=3,
            tests=1,
            passed=1,
            hours=Decimal(hours) if someone == cast.learner else Decimal(20),
            target=Decimal(20),
        )
    UnitLine.objects.create(
        calculation=made,
        unit=cast.bureau,
        unit_code=cast.bureau.code,
        unit_name=cast.bureau.name,
        is_vertical=False,
        figures={"应训人数": "2", "完成必修人数": "2"},
        items=[{"key": "K1", "points": "3", "full": "3", "void": False}],
        bonus=0,
        deduction=0,
        total=Decimal(total),
        band="良",
        rank=1,
    )
    return made


def step(found: Period, cast, state: str, made: Calculation | None = None) -> PeriodStep:
    found.__dict__.pop("steps_taken", None)
    return PeriodStep.objects.create(period=found, number=found.steps.count() + 1, state=state, calculation=made, by=cast.hr, at=NOON)


def frozen(cast, *, year: int = 2026, **more) -> Calculation:
    """A period whose rows are frozen."""
    found = period(cast, year=year)
    made = calculation(found, cast, **more)
    package.seal(made, at=NOON)
    step(found, cast, State.FROZEN, made)
    return made
