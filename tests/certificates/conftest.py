"""Completions to issue certificates for, made by rows: how they come about is tested elsewhere."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest

from certificates import services
from certificates.models import Proposal
from certificates.services import issuing
from courses.models import Completion, Course, CreditPolicy, Edition, Enrolment
from people.models import Duty, Person, Role, Unit
from people.models.snapshot import copied_from, served_at
from tests.cast import NOON, SINCE, grant, person
from tests.conftest import standing_keys
from tests.remembered import remembered

_serial = count(1)
SINCE_EVER = datetime(2024, 1, 1, 1, 0, tzinfo=UTC)


@pytest.fixture
def private(settings, tmp_path):
    """A folder for papers that only this test writes to."""
    settings.MEDIA_ROOT = tmp_path / "media"
    from django.core.files.storage import storages

    storages["private"].__dict__.pop("base_location", None)
    storages["private"].__dict__.pop("location", None)
    yield tmp_path / "private"
    storages["private"].__dict__.pop("base_location", None)
    storages["private"].__dict__.pop("location", None)


@pytest.fixture(autouse=True)
def keys(request, settings, tmp_path):
    """Signing keys of this test alone, wherever it touches the database."""
    settings.KEYS_ROOT = tmp_path / "keys"
    if "cast" not in request.fixturenames:
        return
    request.getfixturevalue("cast")
    standing_keys(settings.KEYS_ROOT, at=SINCE_EVER)


def a_policy() -> CreditPolicy:
    return CreditPolicy.objects.get_or_create(
        name="测试办法",
        defaults={"source": "测试", "valid_from": SINCE, "bands": [], "test_passed": 1, "yearly_target": 50, "step": "0.25"},
    )[0]


def a_completion(
    person, *, county=None, title="政务公开政策解读", certificate="training", score=Decimal("92.5"), at=NOON, course=None, name=None
):
    """A person has completed a course (a new one each time, unless given)."""
    serial = next(_serial)
    county = county or person.unit.county
    course = course or Course.objects.create(county=county, code=f"P{serial:02d}")
    edition = course.current or Edition.objects.create(
        course=course,
        number=1,
        title=title,
        line="policy",
        minutes=90,
        pass_rule="lessons_and_quiz",
        certificate=certificate,
        digest=f"{serial:064d}",
        published_at=NOON,
    )
    if course.current is None:
        course.current = edition
        course.save()
    rounds = Enrolment.objects.filter(person=person, course=course).count()
    snapshot = served_at(person) | ({"person_name": name} if name else {})
    enrolment = Enrolment.objects.create(**snapshot, course=course, edition=edition, round=rounds + 1, enrolled_at=at - timedelta(days=1))
    return Completion.objects.create(
        **copied_from(enrolment),
        enrolment=enrolment,
        course=course,
        edition=edition,
        round=rounds + 1,
        course_code=course.code,
        course_title=edition.title,
        edition_number=1,
        line="policy",
        minutes=90,
        certificate=edition.certificate,
        policy=a_policy(),
        study_hours=Decimal("1.5"),
        test_hours=Decimal("1"),
        score=score,
        completed_at=at,
    )


def second_officer(cast) -> Person:
    """A second person of the county's HR, for what takes two."""
    known = Person.objects.filter(employee_number="YA10011").first()
    if known is None:
        known = person("YA10011", "许二复", Unit.objects.get(code="532325-D01"), Duty.STAFF, title="副股长")
        grant(known, Role.HR, cast.county)
    return known


def end(cast, certificate, *, reason="查实替考", at=NOON, corrections=None):
    """HR revokes a certificate, or replaces it with these corrections; a second officer has confirmed it. Gives the decision."""
    kind = Proposal.Kind.REPLACE if corrections else Proposal.Kind.REVOKE
    proposal = services.propose(certificate=certificate, kind=kind, reason=reason, by=cast.hr, at=at, corrections=corrections)
    return services.decide(proposal=proposal, is_accepted=True, by=second_officer(cast), at=at)


@pytest.fixture
def second(cast) -> Person:
    return second_officer(cast)


@pytest.fixture
def kinds(cast):
    return standing_kinds(cast.county)


@remembered
def standing_kinds(county):
    return services.ensure_kinds(county)


@pytest.fixture
def in_any_order(monkeypatch):
    """Lets a test issue for days that lie before the newest issue, where a true clock only goes on."""
    monkeypatch.setattr(issuing, "SET_BACK", timedelta(days=5000))


@pytest.fixture
def certificate(cast, kinds, private):
    """The learner's certificate."""
    return services.issue(completion=a_completion(cast.learner), at=NOON)
