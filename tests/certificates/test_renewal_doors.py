"""The doors of renewal and of higher certificates, tried by everybody."""

from datetime import timedelta

import pytest
from django.urls import reverse

from certificates import rules, services
from certificates.models import Attestation, Certificate, ConditionSet, Reminder, StatusEvent
from certificates.services import ladder, renewals
from core import clock
from people.models import ReadingOfOthers, Unit
from tests.cast import EVERYBODY, grant
from tests.certificates.conftest import a_completion
from tests.certificates.test_ladder import LOWER, ROWS, finish
from tests.factories import complete, make_course

DAY = timedelta(days=1)
READERS = {"own_leader", "liaison", "hr", "auditor"}  # of the learner's records
ALL_READERS = READERS | {"other_leader", "other_hr"}
NOW = clock.now()
SOON = NOW - timedelta(days=690)  # of a completion whose certificate ends in some weeks


@pytest.fixture
def ending(cast, kinds, private) -> Certificate:
    """The learner's certificate, which ends in some weeks."""
    course = make_course(cast.county, certificate="training", title="政务公开政策解读")
    return complete(cast.learner, course, at=SOON).certificates.get()


@pytest.fixture
def sets(cast, kinds) -> dict[str, ConditionSet]:
    return {one.kind.key: one for one in ladder.ensure_ladder(cast.county, at=NOW)}


# ---- renewal


def test_my_pages_say_what_runs_out_and_lead_to_the_course(cast, ending, sign_in):
    path = renewals.path_of(ending, at=NOW)
    client = sign_in(cast.learner)
    for name, args in (("my_learning", []), ("my_certificates", []), ("certificate_ladder", []), ("certificate", [ending.number])):
        page = client.get(reverse(name, args=args)).content.decode()
        assert path.words.replace("“", "“") in page and f'href="{path.url}"' in page, name
    complete(cast.learner, ending.completion.course, at=NOW)
    for name in ("my_learning", "my_certificates"):
        assert path.words not in client.get(reverse(name)).content.decode()
    assert "已经续过证" in client.get(reverse("certificate", args=[ending.number])).content.decode()


def test_who_reads_anothers_certificate_is_not_offered_to_renew_it(cast, ending, sign_in):
    page = sign_in(cast.hr).get(reverse("certificate", args=[ending.number])).content.decode()
    path = renewals.path_of(ending, at=NOW)
    assert path.words in page and f'href="{path.url}"' not in page


def test_the_page_of_a_renewal_names_the_one_that_it_renews(cast, ending, sign_in):
    new = complete(cast.learner, ending.completion.course, at=NOW).certificates.get()
    page = sign_in(cast.learner).get(reverse("certificate", args=[new.number])).content.decode()
    assert reverse("certificate", args=[ending.number]) in page


@pytest.mark.parametrize("who", sorted(EVERYBODY))
@pytest.mark.parametrize("door", ["certificates_running_out", "certificates_running_out_csv"])
def test_the_list_shows_each_reader_their_own_units(cast, ending, sign_in, who, door):
    response = sign_in(getattr(cast, who)).get(reverse(door))
    if who not in ALL_READERS:
        assert response.status_code == 403
        return
    content = b"".join(response) if response.streaming else response.content
    assert response.status_code == 200 and (ending.number in content.decode()) == (who in READERS)
    assert ReadingOfOthers.objects.get().kind == ("read" if door == "certificates_running_out" else "export")


def test_the_list_leaves_out_what_is_renewed_and_knows_what_has_ended(cast, ending, sign_in, in_any_order):
    long_ago = complete(cast.colleague, ending.completion.course, at=NOW - timedelta(days=760)).certificates.get()
    client, door = sign_in(cast.hr), reverse("certificates_running_out")
    assert ending.number in client.get(door).content.decode() and long_ago.number not in client.get(door).content.decode()
    past = client.get(door, {"which": "past"}).content.decode()
    assert long_ago.number in past and ending.number not in past
    assert ending.number not in client.get(door, {"days": "30"}).content.decode()
    assert ending.number not in client.get(door, {"q": "没有"}).content.decode()
    for nonsense in ({"days": "x"}, {"which": "\x00"}, {"page": "99"}, {"q": "a\x00b" * 40}):
        assert client.get(door, nonsense).status_code == 200
    complete(cast.learner, ending.completion.course, at=NOW)
    assert ending.number not in client.get(door).content.decode()


def test_the_list_does_not_grow_in_queries(cast, kinds, private, sign_in, django_assert_max_num_queries):
    for person in (cast.learner, cast.colleague) * 8:
        services.issue(completion=a_completion(person, at=SOON), at=SOON)
    renewals.remind(at=NOW)
    assert Reminder.objects.count() == 16
    client = sign_in(cast.hr)
    for door, most in (("certificates_running_out", 10), ("certificates_running_out_csv", 10)):
        with django_assert_max_num_queries(most):
            response = client.get(reverse(door))
            content = (b"".join(response) if response.streaming else response.content).decode()
        assert content.count("YAZWGK-01") >= 16


def test_the_desk_and_my_certificates_do_not_grow_in_queries(cast, kinds, private, sign_in, django_assert_max_num_queries):
    for _ in range(9):
        services.issue(completion=a_completion(cast.learner, at=SOON), at=SOON)
    client = sign_in(cast.learner)
    with django_assert_max_num_queries(11):
        client.get(reverse("my_certificates"))


def test_a_renewal_course_says_on_its_page_when_it_opens_and_is_refused_before(cast, kinds, sign_in):
    course = make_course(cast.county, "R01", lessons=1)
    kind = kinds[1]
    kind.renewal_course = "R01"
    kind.save()
    held = services.issue(completion=a_completion(cast.learner, certificate="basic", at=NOW - 9 * DAY), at=NOW - 9 * DAY)
    opens = (held.valid_until - timedelta(days=90)).isoformat()
    client = sign_in(cast.learner)
    page = client.get(reverse("course", args=[course.pk])).content.decode()
    assert opens in page and reverse("course_enrol", args=[course.pk]) not in page
    response = client.post(reverse("course_enrol", args=[course.pk]))
    assert response.status_code == 409 and opens in response.content.decode()
    assert "需要先取得" in sign_in(cast.colleague).get(reverse("course", args=[course.pk])).content.decode()


def test_in_the_window_the_course_page_offers_the_course_again(cast, ending, sign_in):
    page = sign_in(cast.learner).get(reverse("course", args=[ending.completion.course_id])).content.decode()
    assert reverse("course_enrol", args=[ending.completion.course_id]) in page


# ---- the ladder


def test_my_ladder_shows_what_is_met_and_where_to_go_on(cast, sets, sign_in):
    course = make_course(cast.county, "P03")
    finish(cast.learner, "P01", cast.county)
    page = sign_in(cast.learner).get(reverse("certificate_ladder")).content.decode()
    assert "政务公开基础合格证明" in page and reverse("course", args=[course.pk]) in page and "P05" in page
    for code in LOWER[1:]:
        finish(cast.learner, code, cast.county)
    page = sign_in(cast.learner).get(reverse("certificate_ladder")).content.decode()
    assert Certificate.objects.get().number in page


def test_a_county_without_a_ladder_and_a_person_without_a_unit_read_what_to_do(cast, kinds, sign_in):
    assert 'class="empty"' in sign_in(cast.stranger).get(reverse("certificate_ladder")).content.decode()
    cast.stranger.unit = None
    cast.stranger.save()
    assert sign_in(cast.stranger).get(reverse("certificate_ladder")).status_code == 200


def test_my_ladder_does_not_grow_in_queries(cast, sets, sign_in, django_assert_max_num_queries):
    for code in (*LOWER, "S01", "S02"):
        finish(cast.learner, code, cast.county)
    client = sign_in(cast.learner)
    with django_assert_max_num_queries(15):
        client.get(reverse("certificate_ladder"))


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_how_people_stand_is_for_those_who_read_their_records(cast, sets, sign_in, who):
    grant(cast.other_hr, "trainer", cast.other_county)
    response = sign_in(getattr(cast, who)).get(reverse("ladder_people"))
    if who not in ALL_READERS | {"trainer", "reviewer"}:
        assert response.status_code == 403
        return
    assert response.status_code == 200
    row = reverse("ladder_person", args=[sets["basic"].kind_id, cast.learner.pk])
    assert (row in response.content.decode()) == (who in READERS)


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_who_attests_sees_of_a_person_only_what_is_attested(cast, sets, sign_in, who):
    finish(cast.learner, "S01", cast.county)
    response = sign_in(getattr(cast, who)).get(reverse("ladder_person", args=[sets["compiler"].kind_id, cast.learner.pk]))
    expected = 200 if who in READERS | {"trainer", "reviewer"} else 404 if who in {"other_leader", "other_hr"} else 403
    assert response.status_code == expected
    if expected == 200:
        page = response.content.decode()
        assert "经审定的目录条目" in page
        assert ("S02" in page) == (who in READERS)
        assert ('name="evidence"' in page) == (who in {"hr", "trainer", "reviewer"})


def test_a_trainer_finds_people_by_name_and_nobody_without_one(cast, sets, sign_in):
    client = sign_in(cast.trainer)
    row = reverse("ladder_person", args=[sets["compiler"].kind_id, cast.learner.pk])
    asked = {"kind": sets["compiler"].kind_id}
    for query, found in (("", False), ("张", False), ("小明", True), ("YA10001", True), ("没有", False)):
        assert (row in client.get(reverse("ladder_people"), asked | {"q": query}).content.decode()) == found


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_only_hr_trainers_and_reviewers_attest_at_the_door(cast, sets, sign_in, who):
    address = reverse("ladder_person", args=[sets["compiler"].kind_id, cast.learner.pk])
    response = sign_in(getattr(cast, who)).post(address, {"key": ROWS, "act": "attest", "evidence": "第12号"})
    may = who in {"hr", "trainer", "reviewer"}
    assert Attestation.objects.exists() == may
    assert response.status_code == (302 if may else 404 if who in {"other_leader", "other_hr"} else 403)


def test_attesting_keeps_input_asks_for_evidence_and_can_be_taken_back(cast, sets, sign_in):
    address = reverse("ladder_person", args=[sets["compiler"].kind_id, cast.learner.pk])
    client = sign_in(cast.trainer)
    assert client.post(address, {"key": ROWS, "act": "attest", "evidence": "   "}).status_code == 422
    assert client.post(address, {"key": "nothing", "act": "attest", "evidence": "x"}).status_code == 422
    assert client.post(address, {"key": ROWS, "act": "withdraw", "evidence": "早了"}).status_code == 422
    assert not Attestation.objects.exists()
    client.post(address, {"key": ROWS, "act": "attest", "evidence": "第12号"})
    assert "第12号" in client.get(address).content.decode()
    assert client.post(address, {"key": ROWS, "act": "withdraw", "evidence": "未过复审"}).status_code == 302
    assert list(Attestation.objects.values_list("is_met", flat=True)) == [True, False]
    own = reverse("ladder_person", args=[sets["compiler"].kind_id, cast.trainer.pk])
    assert client.post(own, {"key": ROWS, "act": "attest", "evidence": "自己"}).status_code == 403


def test_what_a_certificate_rests_on_already_can_still_be_taken_back(cast, sets, sign_in):
    for code in (*LOWER, "S01", "S02", "S03"):
        finish(cast.learner, code, cast.county)
    address = reverse("ladder_person", args=[sets["compiler"].kind_id, cast.learner.pk])
    client = sign_in(cast.trainer)
    assert 'value="withdraw"' not in client.get(address).text, "nothing is attested"
    client.post(address, {"key": ROWS, "act": "attest", "evidence": "第12号"})
    held = Certificate.objects.get(person=cast.learner, kind__key="compiler")

    page = client.get(address).text
    assert 'value="withdraw"' in page and 'value="attest"' in page, "back, or anew for a further certificate"
    client.post(address, {"key": ROWS, "act": "withdraw", "evidence": "未过复审"})
    assert 'value="withdraw"' not in client.get(address).text
    assert held.number in sign_in(cast.hr).get(reverse("ladder_people")).text, "HR sees what rests on it"


def test_the_list_of_people_names_their_organ_and_what_is_suspended(cast, sets, sign_in):
    for code in LOWER:
        finish(cast.learner, code, cast.county)
    held = Certificate.objects.get(person=cast.learner, kind__key="basic")
    client, asked = sign_in(cast.hr), {"kind": sets["basic"].kind_id, "q": cast.learner.employee_number}

    text = client.get(reverse("ladder_people"), asked).content.decode()
    organ = Unit.objects.get(path=cast.learner.unit.organ_path)
    assert f"{organ.name} {cast.learner.unit.name}" in text and organ != cast.learner.unit
    assert "✓ 已持有" in text and "已暂停" not in text.split("<tbody>")[1]

    services.suspend(certificate=held, by=cast.hr, reason="查", at=held.issued_at)
    assert "持有，已暂停" in client.get(reverse("ladder_people"), asked).content.decode()


def test_the_list_of_people_does_not_grow_in_queries(cast, sets, sign_in, django_assert_max_num_queries):
    for person in (cast.learner, cast.colleague, cast.liaison):
        for code in LOWER:
            finish(person, code, cast.county)
    client = sign_in(cast.hr)
    client.get(reverse("display"))  # the first page of a session writes it
    with django_assert_max_num_queries(15):
        client.get(reverse("ladder_people"))


def test_hr_sees_what_rests_on_a_revoked_certificate(cast, sets, sign_in):
    from certificates.models import CertificateKind

    kind = CertificateKind.objects.get(key="leader", county=cast.county)
    ladder.put_into_force(kind=kind, terms=ladder.Terms(kinds=("training",)), by=cast.hr, at=NOW)
    finish(cast.learner, "P09", cast.county, certificate="training", at=NOW - DAY)
    lower, higher = Certificate.objects.order_by("pk")
    StatusEvent.objects.create(certificate=lower, kind="revoked", reason="查实替考", by=cast.hr, at=NOW)
    for who, sees in (("hr", True), ("own_leader", True), ("other_leader", False), ("trainer", False), ("other_hr", False)):
        assert (higher.number in sign_in(getattr(cast, who)).get(reverse("ladder_people")).content.decode()) == sees


# ---- conditions


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_only_hr_and_administrators_of_the_county_set_conditions(cast, sets, sign_in, who):
    kind = sets["basic"].kind
    client, address = sign_in(getattr(cast, who)), reverse("ladder_conditions", args=[kind.pk])
    expected = 200 if who in {"hr", "admin"} else 404
    assert client.get(address).status_code == expected
    client.post(address, {"courses": ["P01"], "seen": ""})
    assert ConditionSet.objects.filter(kind=kind).count() == 1


def test_conditions_come_into_force_after_a_look_at_who_would_gain(cast, sets, sign_in, django_capture_on_commit_callbacks, monkeypatch):
    from certificates import tasks

    monkeypatch.setattr(tasks.catch_up, "delay", tasks.catch_up)
    finish(cast.learner, "P01", cast.county, at=NOW - DAY)
    kind = sets["basic"].kind
    client, address = sign_in(cast.hr), reverse("ladder_conditions", args=[kind.pk])
    wanted = {"courses": ["P01"], "source": "县办发〔2026〕1号"}
    page = client.post(address, wanted)
    assert page.status_code == 200 and "张小明" in page.content.decode() and ConditionSet.objects.filter(kind=kind).count() == 1
    seen = page.context["seen"]
    changed = client.post(address, {"courses": ["P03"], "seen": seen})  # not what was looked at
    assert changed.status_code == 200 and ConditionSet.objects.filter(kind=kind).count() == 1
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(address, wanted | {"seen": seen}).status_code == 302
    newest = ConditionSet.objects.filter(kind=kind).last()
    assert (newest.number, newest.courses, newest.by) == (2, ["P01"], cast.hr)
    assert Certificate.objects.get(kind=kind).person == cast.learner


def test_a_circle_is_refused_at_the_door_and_the_input_stays(cast, sets, sign_in):
    address = reverse("ladder_conditions", args=[sets["basic"].kind_id])
    response = sign_in(cast.hr).post(address, {"kinds": ["compiler"], "source": "某号"})
    page = response.content.decode()
    assert response.status_code == 422 and "互为条件" in page and "某号" in page


def test_a_condition_keeps_its_key_with_its_wording(cast, sets, sign_in):
    kind = sets["compiler"].kind
    client, address = sign_in(cast.hr), reverse("ladder_conditions", args=[kind.pk])
    wanted = {"kinds": ["basic"], "attested": "一组经审定的目录条目\r\n\r\n  现场  考核 "}
    seen = client.post(address, wanted).context["seen"]
    client.post(address, wanted | {"seen": seen})
    (first, second) = ConditionSet.objects.filter(kind=kind).last().attested
    assert first["key"] == ROWS and second["title"] == "现场 考核" and second["key"].startswith("c-")
    assert client.post(address, {"attested": "\n".join("甲乙丙丁戊己庚辛壬癸子")}).status_code == 422


# ---- what is printed and checked


def test_a_higher_certificate_prints_and_checks_what_it_rests_on(cast, sets, private, sign_in, client):
    from certificates import paper

    for code in LOWER:
        finish(cast.learner, code, cast.county, at=NOW - DAY)
    certificate = Certificate.objects.get()
    assert paper.printed(certificate)["course"] == certificate.course_title
    assert paper.pdf(certificate).startswith(b"%PDF-")
    page = client.get(reverse("verify_number", args=[certificate.number])).content.decode()
    assert "P03 课程P03" in page and "None" not in page
    page = sign_in(cast.learner).get(reverse("certificate", args=[certificate.number])).content.decode()
    assert page.count("P03 课程P03") >= 2 and "None" not in page
    assert rules.digest(certificate.facts()) == certificate.facts_digest


def test_a_course_that_only_renews_is_no_elective_on_the_desk(cast, kinds, sign_in):
    make_course(cast.county, "R01", lessons=1, title="只续证的测试", required_for=[])
    client = sign_in(cast.learner)
    assert "只续证的测试" in client.get(reverse("my_learning")).content.decode()
    kinds[1].renewal_course = "R01"
    kinds[1].save()
    assert "只续证的测试" not in client.get(reverse("my_learning")).content.decode()
