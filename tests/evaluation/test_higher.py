"""Higher certificates, which no completion earned alone, in records, exports, learning file and API, with what they rest on."""

import csv
import io

import pytest
from django.urls import reverse

from certificates import services
from certificates.models import Certificate
from certificates.services import ladder
from courses.models import Course
from people.models import ApiToken, ReadingOfOthers
from tests.cast import EVERYBODY, NOON
from tests.certificates.conftest import end
from tests.certificates.test_ladder import LOWER, ROWS, finish, held
from tests.evaluation import rows
from tests.evaluation.exporting import take
from tests.evaluation.test_api import DOOR as COMPLETIONS
from tests.evaluation.test_api import key_of, problem  # noqa: F401 - a fixture

DOOR = "/api/v1/certificates/higher"


def earn(cast, someone) -> Certificate:
    """初级 by its three courses, then 中级: it rests on 初级, three more courses and what a trainer attested."""
    sets = {one.kind.key: one for one in ladder.sets_in_force(cast.county)}
    for code in (*LOWER, "S01", "S02", "S03"):
        finish(someone, code, cast.county)
    ladder.attest(person=someone, conditions=sets["compiler"], key=ROWS, evidence="第12号目录条目", by=cast.trainer, at=NOON)
    return held(someone, "compiler")


@pytest.fixture
def compiler(cast) -> Certificate:
    rows.policy(name="测试办法")  # that of the completions
    services.ensure_kinds(cast.county)
    ladder.ensure_ladder(cast.county, at=NOON)
    return earn(cast, cast.learner)


def lines(client, **wanted) -> list[dict]:
    data = b"".join(take(client, "records", filters={"status": "higher", **wanted}).streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(data)))


def test_records_and_exports_show_them_with_what_they_rest_on(cast, compiler, sign_in):
    client = sign_in(cast.hr)
    found = {line["证书编号"]: line for line in lines(client)}
    basic = held(cast.learner, "basic")
    assert set(found) == {compiler.number, basic.number}
    line = found[compiler.number]
    assert (line["工号"], line["课程"]) == ("YA10001", compiler.title)
    assert line["证书状态"] == "有效" and line["学时"] == ""  # they stand with the courses, and count once
    assert basic.number in line["依据"] and "第12号" not in line["依据"] and cast.trainer.name in line["依据"]
    assert all(f"课程{code}" in line["依据"] or code in line["依据"] for code in ("S01", "S02", "S03"))
    page = client.get(reverse("records"), {"status": "higher"})
    assert page.status_code == 200 and compiler.number in page.text and basic.number in page.text and "None" not in page.text
    assert take(client, "records", "xlsx", {"status": "higher"}).status_code == 200
    assert compiler.number not in client.get(reverse("records")).text  # no course of its own


def test_filters_narrow_them(cast, compiler, sign_in):
    client, basic = sign_in(cast.hr), held(cast.learner, "basic")

    def numbers(**wanted):
        return {line["证书编号"] for line in lines(client, **wanted)}

    assert numbers(unit=cast.section.pk) == {compiler.number, basic.number} and numbers(unit=cast.other_bureau.pk) == set()
    assert numbers(q="张小") and numbers(q="YA10001") and numbers(q="李") == set()
    assert numbers(duty="staff") and numbers(duty="chief") == set()
    assert numbers(since="2026-06-15", until="2026-06-15") and numbers(until="2026-06-14") == set()
    assert numbers(course=Course.objects.get(code="P03").pk) == {basic.number}
    assert numbers(course=Course.objects.get(code="S02").pk) == {compiler.number}


@pytest.mark.parametrize("sort", ["-at", "at", "name", "number", "unit", "course", "-hours", "-score"])
def test_every_order_is_shown_and_exported(cast, compiler, sign_in, sort):
    client = sign_in(cast.hr)
    assert client.get(reverse("records"), {"sort": sort, "status": "higher"}).status_code == 200
    assert len(lines(client, sort=sort)) == 2


def test_what_became_of_one_is_said(cast, compiler, sign_in):
    end(cast, compiler, corrections={"person_name": "张晓明"})
    services.suspend(certificate=held(cast.learner, "basic"), by=cast.hr, reason="核查", at=NOON)
    found = {line["证书编号"]: line for line in lines(sign_in(cast.hr))}
    new = compiler.replacement
    assert {number: line["证书状态"] for number, line in found.items()} == {
        compiler.number: "已替换",
        new.number: "有效",
        held(cast.learner, "basic").number: "已暂停",
    }
    assert found[new.number]["依据"] == found[compiler.number]["依据"] and found[new.number]["姓名"] == "张晓明"


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_they_are_seen_by_those_who_reach_the_record_alone(cast, compiler, sign_in, who):
    client = sign_in(getattr(cast, who))
    listed = client.get(reverse("records"), {"status": "higher"})
    reads = {"own_leader", "liaison", "hr", "auditor"}
    assert (compiler.number in listed.text) == (who in reads)
    file = client.get(reverse("learning_file", args=[cast.learner.pk]))
    assert (compiler.number in file.text) == (who in {*reads, "learner"})


def test_the_learning_file_shows_them_with_what_they_rest_on(cast, compiler, sign_in):
    page = sign_in(cast.learner).get(reverse("my_file"))
    assert [row.certificate_number for row in page.context["higher"]] == [compiler.number, held(cast.learner, "basic").number]
    assert cast.trainer.name in page.text and page.text.count(held(cast.learner, "basic").number) >= 2
    assert not sign_in(cast.colleague).get(reverse("my_file")).context["higher"]


def test_lists_and_files_of_many_cost_no_more_queries(cast, compiler, sign_in, django_assert_max_num_queries):
    for someone in (cast.colleague, cast.liaison):
        earn(cast, someone)
    client = sign_in(cast.hr)
    client.get(reverse("records"))
    with django_assert_max_num_queries(13):
        assert client.get(reverse("records"), {"status": "higher"}).context["page"].paginator.count == 6
    with django_assert_max_num_queries(19):  # the form and the file
        assert len(lines(client)) == 6
    with django_assert_max_num_queries(17):
        client.get(reverse("learning_file", args=[cast.learner.pk]))


# ---- API ------------------------------------------------------------------------------------


@pytest.fixture
def pull(client, key_of):  # noqa: F811
    key = key_of()
    return lambda **wanted: client.get(DOOR, wanted, headers={"Authorization": f"Bearer {key}"})


def test_the_api_tells_them_with_what_they_rest_on(cast, compiler, pull):
    basic, higher = pull().json()["items"]
    assert (higher["number"], higher["kind"], higher["state"], higher["replaces"]) == (compiler.number, "compiler", "valid", "")
    assert (higher["employee_number"], higher["unit_code"], higher["person_name"]) == ("YA10001", cast.section.code, "张小明")
    assert higher["hours"] == f"{compiler.hours:.2f}" and higher["issued_at"] == "2026-06-15T12:00:00+08:00"
    assert [ground["certificate_number"] for ground in higher["rests_on"] if ground["certificate_number"]] == [basic["number"]]
    assert [ground["attested_by"] for ground in higher["rests_on"] if ground["attested_by"]] == [cast.trainer.name]
    completions = {ground["completion_id"] for row in (basic, higher) for ground in row["rests_on"]} - {None}
    assert len(completions) == 6
    trace = ReadingOfOthers.objects.get()
    assert (trace.what, trace.rows, trace.kind) == ("higher certificates", 2, "api")


def test_the_ids_are_those_of_the_completions(cast, compiler, client, key_of):  # noqa: F811
    headers = {"Authorization": f"Bearer {key_of()}"}
    ids = {item["id"] for item in client.get(COMPLETIONS, headers=headers).json()["items"]}
    told = client.get(DOOR, headers=headers).json()["items"]
    assert {ground["completion_id"] for row in told for ground in row["rests_on"]} - {None} == ids


def test_pages_and_filters_of_the_api(cast, compiler, pull):
    first = pull(limit=1).json()
    assert first["has_more"] and len(first["items"]) == 1
    rest = pull(limit=1, cursor=first["next_cursor"]).json()
    assert (rest["has_more"], rest["next_cursor"]) == (False, None) and rest["items"][0]["number"] == compiler.number
    problem(pull(limit=1, cursor=first["next_cursor"], person="YA10001"), 422, "cursor_of_other_filter")
    problem(pull(cursor="x"), 422, "cursor")
    problem(pull(course="P01"), 422, "parameters")
    assert len(pull(person="YA10001").json()["items"]) == 2 and pull(person="YA10002").json()["items"] == []
    assert pull(unit=cast.other_bureau.code).json()["items"] == []


def test_a_token_reads_its_subtree_alone_and_needs_the_scope(cast, compiler, client, key_of):  # noqa: F811
    def told(key):
        return client.get(DOOR, headers={"Authorization": f"Bearer {key}"})

    assert told(key_of(unit=cast.other_bureau)).json()["items"] == []
    assert told(key_of(owner=cast.other_hr, unit=cast.other_county)).json()["items"] == []
    assert len(told(key_of(unit=cast.bureau)).json()["items"]) == 2
    problem(client.get(DOOR), 401, "no_token")
    problem(client.post(DOOR), 405, "method")
    key = key_of()
    ApiToken.objects.update(scopes=["certificates:check"])
    problem(told(key), 403, "scope")


def test_many_rows_of_the_api_cost_no_more_queries(cast, compiler, pull, django_assert_max_num_queries):
    for someone in (cast.colleague, cast.liaison):
        earn(cast, someone)
    pull()
    with django_assert_max_num_queries(12):
        assert len(pull().json()["items"]) == 6
