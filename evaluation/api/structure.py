"""Who serves where, the units and the courses: as they are now."""

from datetime import date

from django.db.models import F, QuerySet
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from courses.models import Course
from evaluation.api.items import Key, door_of_one, one
from evaluation.api.lists import ListOut, OfUnitIn, PageIn, by_key, door, known, unit_of
from people.models import ApiToken, DutyAssignment, Person, Unit

router = Router()


class PersonOut(Schema):
    """One member of staff as of now. No telephone, no address: nothing here needs them."""

    employee_number: str = Field(description="工号: the key.")
    name: str
    unit_code: str
    post_title: str
    duties: list[str]
    staff_type: str = Field(description="civil_servant, reference, institution, worker, welfare, seconded or external.")
    status: str = Field(description="on_duty, on_leave, left or retired. Whoever left stands with the last unit.")


class PeopleOut(ListOut):
    items: list[PersonOut]


@door(router, "/people", scope=ApiToken.Scope.PEOPLE, out=PeopleOut, name="people", summary="Who serves where now")
def people(request: HttpRequest, wanted: Query[OfUnitIn]):
    """The staff of the token's unit and below. They change: pull them whole each time; an unchanged page is 304 with `If-None-Match`."""
    token = known(request, OfUnitIn)
    unit = unit_of(token, wanted.unit)
    return by_key(request, _people_within(unit or token.unit), wanted, door="people", make=_people_sent, what="people", unit=unit)


@door_of_one(router, "/people/{employee_number}", scope=ApiToken.Scope.PEOPLE, out=PersonOut, name="person", summary="One person")
def person(request: HttpRequest, employee_number: Key):
    """One member of the staff of the token's unit or below, as of now."""
    rows = _people_within(request.auth.unit).filter(employee_number=employee_number)  # type: ignore[attr-defined]
    return one(request, rows, make=_people_sent, what="people", named={"person": employee_number})


def _people_within(unit: Unit) -> QuerySet:
    return Person.objects.within(unit).annotate(unit_code=F("unit__code"))


def _people_sent(page: list) -> list[dict]:
    held: dict[int, set[str]] = {}
    duties = DutyAssignment.objects.filter(posting__person__in=[row.pk for row in page], ends_on=None)
    for person, duty in duties.values_list("posting__person", "duty"):
        held.setdefault(person, set()).add(duty)
    names = ("employee_number", "name", "unit_code", "post_title", "staff_type", "status")
    return [{name: getattr(row, name) for name in names} | {"duties": sorted(held.get(row.pk, ()))} for row in page]


class UnitOut(Schema):
    """A county government, a department or township of it, or a section inside one."""

    code: str = Field(description="The key.")
    name: str
    short_name: str
    kind: str = Field(description="county, department, township or section.")
    parent_code: str = Field(description="Code of the unit above; empty for the county.")
    is_vertical: bool = Field(description="Reports to its own system above the county.")
    closed_on: date | None = Field(description="The day on which it was dissolved; null while it is open.")
    merged_into: str = Field(description="Code of the unit into which it was merged; empty where there is none.")


class UnitsOut(ListOut):
    items: list[UnitOut]


@door(router, "/units", scope=ApiToken.Scope.STRUCTURE, out=UnitsOut, name="units", summary="Units")
def units(request: HttpRequest, wanted: Query[OfUnitIn]):
    """The token's unit and those below it, dissolved ones too."""
    token = known(request, OfUnitIn)
    unit = unit_of(token, wanted.unit)
    rows = Unit.objects.within(unit or token.unit)
    return by_key(request, rows, wanted, door="units", make=_units_sent, what="units", unit=unit)


@door_of_one(router, "/units/{code}", scope=ApiToken.Scope.STRUCTURE, out=UnitOut, name="unit", summary="One unit")
def unit_by_code(request: HttpRequest, code: Key):
    """The token's unit, or one below it."""
    rows = Unit.objects.within(request.auth.unit).filter(code=code)  # type: ignore[attr-defined]
    return one(request, rows, make=_units_sent, what="units", named={"unit": code})


def _units_sent(page: list) -> list[dict]:
    above = {row.path[: -row.steplen] for row in page}
    codes = dict(Unit.objects.filter(path__in=above).values_list("path", "code"))
    names = ("code", "name", "short_name", "kind", "is_vertical", "closed_on")
    into = dict(Unit.objects.filter(pk__in={row.merged_into_id for row in page if row.merged_into_id}).values_list("pk", "code"))
    return [
        {name: getattr(row, name) for name in names}
        | {"parent_code": codes.get(row.path[: -row.steplen], ""), "merged_into": into.get(row.merged_into_id, "")}
        for row in page
    ]


class CourseOut(Schema):
    """A course of the county, with its newest edition."""

    code: str = Field(description="The key.")
    title: str
    edition: int
    line: str = Field(description="policy, theory, standards or practice.")
    minutes: int
    is_open: bool = Field(description="Whether one can enrol now.")
    required_for: list[str] = Field(description="Duties for which it is required.")
    due_on: date | None


class CoursesOut(ListOut):
    items: list[CourseOut]


@door(router, "/courses", scope=ApiToken.Scope.STRUCTURE, out=CoursesOut, name="courses", summary="Courses of the county")
def courses(request: HttpRequest, wanted: Query[PageIn]):
    """The courses of the token's county that were ever published, withdrawn ones too."""
    token = known(request, PageIn)
    return by_key(request, _courses_of(token), wanted, door="courses", make=_courses_sent, what="courses")


@door_of_one(router, "/courses/{code}", scope=ApiToken.Scope.STRUCTURE, out=CourseOut, name="course", summary="One course of the county")
def course(request: HttpRequest, code: Key):
    """One course of the token's county that was ever published."""
    rows = _courses_of(request.auth).filter(code=code)  # type: ignore[attr-defined]
    return one(request, rows, make=_courses_sent, what="courses", named={"course": code})


def _courses_of(token: ApiToken) -> QuerySet:
    rows = Course.objects.filter(county__path=token.unit.county_path, current__isnull=False)
    return rows.select_related("current").prefetch_related("duty_rules")


def _courses_sent(page: list) -> list[dict]:
    return [
        {
            "code": row.code,
            "title": row.current.title,
            "edition": row.current.number,
            "line": row.current.line,
            "minutes": row.current.minutes,
            "is_open": row.is_open,
            "required_for": sorted(rule.duty for rule in row.duty_rules.all() if rule.need == "required"),
            "due_on": row.due_on,
        }
        for row in page
    ]
