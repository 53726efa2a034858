"""The people of every test. Two counties; who may see what is told by their names."""

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime

from people.models import Duty, DutyAssignment, Person, Posting, Role, RoleGrant, Unit

NOON = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
SINCE = date(2024, 1, 1)
PASSWORD = "Yaoan-2026-cast"


@dataclass
class Cast:
    """learner and colleague serve in one section of the education bureau; own_leader leads the bureau."""

    county: Unit
    bureau: Unit
    section: Unit
    other_bureau: Unit
    other_county: Unit
    learner: Person
    colleague: Person
    own_leader: Person
    other_leader: Person
    liaison: Person
    trainer: Person
    reviewer: Person
    hr: Person
    admin: Person
    auditor: Person
    other_hr: Person
    stranger: Person  # a learner of the other county

    @property
    def people(self) -> list[Person]:
        return [getattr(self, field.name) for field in fields(self) if isinstance(getattr(self, field.name), Person)]


# The names of all of them, for tests that try every one on a door.
EVERYBODY = [field.name for field in fields(Cast) if field.type is Person]


def person(number: str, name: str, unit: Unit, *duties: str, title: str = "科员", **more) -> Person:
    """A person who serves in a unit since 2024 with these duties."""
    someone = Person(employee_number=number, name=name, unit=unit, post_title=title, email=f"{number.lower()}@example.cn", **more)
    someone.set_password(PASSWORD)
    someone.save()
    posting = Posting.objects.create(person=someone, unit=unit, title=title, starts_on=SINCE)
    for duty in duties:
        DutyAssignment.objects.create(posting=posting, duty=duty, starts_on=SINCE)
    return someone


def grant(someone: Person, role: str, unit: Unit) -> RoleGrant:
    return RoleGrant.objects.create(person=someone, role=role, unit=unit, starts_on=SINCE)


def assemble() -> Cast:
    county = Unit.add_root(code="532325", name="姚安县人民政府", short_name="姚安县", kind=Unit.Kind.COUNTY)
    bureau = county.add_child(code="532325-D03", name="姚安县教育体育局", kind=Unit.Kind.DEPARTMENT)
    section = bureau.add_child(code="532325-D03-01", name="办公室", kind=Unit.Kind.SECTION)
    other_bureau = county.add_child(code="532325-D09", name="姚安县财政局", kind=Unit.Kind.DEPARTMENT)
    office = county.add_child(code="532325-D01", name="姚安县人民政府办公室", kind=Unit.Kind.DEPARTMENT)
    other_county = Unit.add_root(code="532326", name="大姚县人民政府", short_name="大姚县", kind=Unit.Kind.COUNTY)
    cast = Cast(
        county=county,
        bureau=bureau,
        section=section,
        other_bureau=other_bureau,
        other_county=other_county,
        learner=person("YA10001", "张小明", section, Duty.STAFF),
        colleague=person("YA10002", "李云", section, Duty.STAFF, Duty.PUBLISHER),
        own_leader=person("YA10003", "赵一山", bureau, Duty.CHIEF, title="局长"),
        other_leader=person("YA10004", "钱多多", other_bureau, Duty.CHIEF, title="局长"),
        liaison=person("YA10005", "孙联络", section, Duty.LIAISON),
        trainer=person("YA10006", "周讲", office, Duty.LECTURER, title="讲师"),
        reviewer=person("YA10007", "吴审", office, title="副主任"),
        hr=person("YA10008", "郑人事", office, Duty.APPRAISER),
        admin=person("YA10009", "王管", office),
        auditor=person("YA10010", "冯审计", office),
        other_hr=person("DY10001", "陈他县", other_county),
        stranger=person("DY10002", "褚路人", other_county, Duty.STAFF),
    )
    grant(cast.own_leader, Role.LEADER, bureau)
    grant(cast.other_leader, Role.LEADER, other_bureau)
    grant(cast.liaison, Role.LIAISON, bureau)
    grant(cast.trainer, Role.TRAINER, county)
    grant(cast.reviewer, Role.REVIEWER, county)
    grant(cast.hr, Role.HR, county)
    grant(cast.admin, Role.ADMINISTRATOR, county)
    grant(cast.auditor, Role.AUDITOR, county)
    grant(cast.other_hr, Role.HR, other_county)
    return cast
