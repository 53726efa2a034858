"""Prepared queries give what their QuerySets give; the look at a connection finds what has ended."""

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, models
from django.db.backends.postgresql import base as djangos
from django.db.transaction import TransactionManagementError, atomic
from django.test import Client
from django.test.utils import CaptureQueriesContext

from certificates.models import Certificate
from core import clock
from core.prepared import Prepared
from courses.models import LessonPlace
from people.models import Person, Role, RoleGrant, Unit
from quizzes.models import Attempt
from quizzes.services import attempts, sittings
from tests.cast import grant
from tests.counties import in_full_swing, make_quiz
from tests.quizzes.conftest import sitting_of

needs_postgres = pytest.mark.skipif("connection.vendor != 'postgresql'")


def contents(row, around=()):
    """All that a row brought along, also of other tables; what it hangs on is not said again."""
    if not isinstance(row, models.Model):
        return row
    loaded = {name: value for name, value in vars(row).items() if name != "_state"}
    return (
        type(row),
        loaded,
        {
            name: contents(other, (*around, row))
            for name, other in row._state.fields_cache.items()
            if all(other is not one for one in (*around, row))
        },
    )


# ---- the product's own ----------------------------------------------------------------------


def of_the_product() -> list[Prepared]:
    import config.urls  # noqa: F401 - whatever a door uses is loaded then

    known = [one for one in gc.get_objects() if type(one) is Prepared and not one.build.__module__.startswith("tests")]
    return sorted(known, key=lambda one: (one.build.__module__, one.build.__code__.co_firstlineno))


@pytest.fixture
def values(cast, signing_keys):
    """A value for each name that a prepared query takes, so that every one of them finds something."""
    in_full_swing(cast)
    grant(cast.learner, Role.TRAINER, cast.county)
    place = LessonPlace.objects.get(enrolment__person=cast.learner)
    attempt = Attempt.objects.open().get(person=cast.learner)
    item = attempt.items.first()
    response = attempts.right_response(item)
    attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=response, token="device.1", at=clock.now())
    sittings.allow(person=cast.learner, quiz=attempt.quiz, extra_attempts=1, reason="停电", by=cast.hr, at=clock.now())
    exam = make_quiz(cast, "y01-exam", "Y01")
    browser = Client()
    browser.force_login(cast.learner)
    return {
        "pk": cast.learner.pk,
        "person": cast.learner.pk,
        "quiz": attempt.quiz_id,
        "quiz_key": attempt.quiz.key,
        "course_code": attempt.quiz.course_code,
        "county": cast.county.pk,
        "course": place.enrolment.course_id,
        "enrolment": place.enrolment_id,
        "lesson": place.lesson_id,
        "attempt": attempt.pk,
        "item": item.pk,
        "token": "device.1",
        "known": 0,
        "device_length": 5,
        "device": "other",
        "county_path": cast.county.path,
        "key": browser.session.session_key,
        "sitting": sitting_of(exam, cast.learner, opens_at=clock.now()).pk,
        "number": Certificate.objects.filter(person=cast.learner).first().number,
    }


def test_every_prepared_query_of_the_product_gives_what_its_queryset_gives(values):
    known = of_the_product()
    assert len(known) >= 8
    for one in known:
        given = [values[name] for name in one.build.__code__.co_varnames[: one.build.__code__.co_argcount]]
        with atomic():
            wanted = [contents(row) for row in one.build(*given)]
            assert [contents(row) for row in one(*given)] == wanted, one.build
        assert wanted, f"{one.build}: finds nothing, so nothing is compared"


# ---- what it promises -----------------------------------------------------------------------


def test_it_is_built_once_and_runs_with_other_values(cast, django_assert_num_queries):
    built = []

    def grants(person, role):
        built.append(1)
        return RoleGrant.objects.filter(person=person, role=role).select_related("unit", "granted_by")

    prepared = Prepared(grants)
    for someone in (cast.hr, cast.auditor, cast.learner):
        for role in ("hr", "auditor"):
            with django_assert_num_queries(1):
                found = prepared(someone.pk, role)
            assert [contents(row) for row in found] == [contents(row) for row in grants(someone.pk, role)]
    assert len(built) == 1 + 6


def test_tuples_annotations_and_several_rows_come_as_ever(cast):
    def people(path):
        inside = Person.objects.filter(unit__path__startswith=path)
        held = models.Exists(RoleGrant.objects.filter(person=models.OuterRef("pk"), unit__path__startswith=path))
        return inside.annotate(held=held).order_by("pk").values_list("pk", "date_joined", "held")

    assert Prepared(people)(cast.bureau.path) == list(people(cast.bureau.path))
    assert len(Prepared(people)(cast.bureau.path)) == 4


def test_signs_with_a_meaning_in_patterns_mean_nothing_here(cast):
    named = Prepared(lambda start: Unit.objects.filter(name__startswith=start))

    assert named("%") == named("_") == named("'") == named("\\") == []
    assert len(named("姚安县")) == 4


def test_first_is_the_first_row_or_none(cast):
    by_number = Prepared(lambda number: Person.objects.filter(employee_number=number))

    assert by_number.first("YA10001") == cast.learner
    assert by_number.first("nobody") is None


def test_changing_what_came_back_changes_no_later_answer(cast):
    by_number = Prepared(lambda number: Person.objects.filter(employee_number=number))
    by_number.first("YA10001").name = "另一人"

    assert by_number.first("YA10001").name == "张小明"


@pytest.mark.django_db(transaction=True)
def test_each_thread_has_its_own():
    counties = Prepared(lambda depth: Unit.objects.filter(depth=depth))
    Unit.add_root(code="1", name="甲县", kind=Unit.Kind.COUNTY)
    counties(1)

    def ask(_number):
        try:
            return [unit.name for _time in range(5) for unit in counties(1)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(8))) == [["甲县"] * 5] * 8


@pytest.mark.django_db(transaction=True)
def test_a_thread_that_changes_its_connection_asks_through_the_new_one():
    """An event loop in the thread does that; an old connection knows nothing of the new one's transaction."""
    counties = Prepared(lambda depth: Unit.objects.filter(depth=depth).select_for_update())
    with atomic():
        counties(1)
    first = connections["default"]
    connections["default"] = other = connections.create_connection("default")
    try:
        with CaptureQueriesContext(other) as asked, atomic():
            counties(1)
        assert len(asked) == 3  # with BEGIN and COMMIT
    finally:
        other.close()
        connections["default"] = first


@pytest.mark.django_db(transaction=True)
def test_a_lock_without_a_transaction_is_refused():
    locked = Prepared(lambda pk: Person.objects.filter(pk=pk).select_for_update())
    with atomic():
        assert locked(1) == []
    with pytest.raises(TransactionManagementError):
        locked(1)


@needs_postgres
def test_the_server_plans_a_statement_once(cast):
    by_number = Prepared(lambda number: Person.objects.filter(employee_number=number))
    for number in ("YA10001", "YA10002", "YA10003"):
        by_number(number)

    assert kept_by_the_server() == 1


@needs_postgres
def test_behind_a_pooler_nothing_stays_with_the_server(cast):
    by_number = Prepared(lambda number: Person.objects.filter(employee_number=number))
    connection.connection.prepare_threshold, before = None, connection.connection.prepare_threshold
    try:
        assert by_number.first("YA10001") == cast.learner
        assert kept_by_the_server() == 0
    finally:
        connection.connection.prepare_threshold = before


def kept_by_the_server() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%\"employee_number\" = %%'")
        return cursor.fetchone()[0]


# ---- the look at a connection ---------------------------------------------------------------


@pytest.fixture
def other(db):
    """A second connection to the same database, as a web process keeps one between requests."""
    kept = connection.copy()
    kept.settings_dict = kept.settings_dict | {"CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 60}
    kept.connect()
    yield kept
    kept.close()


def next_request(kept) -> int:
    """What the start of a request and its first query do; the number of the server process that answers."""
    kept.close_if_unusable_or_obsolete()
    with kept.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@needs_postgres
def test_a_connection_that_the_server_ended_is_replaced_before_the_next_query(other):
    first = next_request(other)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [first])

    assert next_request(other) != first


@needs_postgres
def test_a_sound_connection_is_kept_without_a_question(other, monkeypatch):
    first = next_request(other)
    monkeypatch.setattr(djangos.DatabaseWrapper, "is_usable", lambda self: pytest.fail("asked the server"))

    assert next_request(other) == first


@needs_postgres
def test_news_on_a_connection_do_not_end_it(other):
    first = next_request(other)
    with other.cursor() as cursor:
        cursor.execute("LISTEN news")
    speaker = connection.copy()
    with speaker.cursor() as cursor:
        cursor.execute("NOTIFY news")
    speaker.close()

    assert next_request(other) == first
