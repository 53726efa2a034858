"""The cast on every door of the people app."""

from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core import clock
from people.models import Person, ReadingOfOthers, Role, RoleGrant, Unit
from people.services import accounts, readings, roster
from tests.cast import EVERYBODY, NOON, PASSWORD, grant, person


def doors(cast):
    return {
        "person_list": (reverse("person_list"), {"own_leader", "other_leader", "liaison", "hr", "admin", "auditor", "other_hr"}),
        "person": (reverse("person", args=[cast.learner.pk]), {"learner", "own_leader", "liaison", "hr", "admin", "auditor"}),
        "roster_import": (reverse("roster_import"), {"hr", "admin", "other_hr"}),
        "unit_list": (reverse("unit_list"), {"hr", "admin", "other_hr"}),
        "activation_codes": (reverse("activation_codes"), {"hr", "admin", "other_hr"}),
        "my_account": (reverse("my_account"), set(EVERYBODY)),
        "audit_readings": (reverse("audit_readings"), {"auditor"}),
        "audit_roles": (reverse("audit_roles"), {"auditor"}),
        "audit_units": (reverse("audit_units"), {"auditor"}),
        "audit_accounts": (reverse("audit_accounts"), {"auditor", "admin"}),
        "password": (reverse("account_change_password"), set(EVERYBODY)),
        "mfa_index": (reverse("mfa_index"), set(EVERYBODY)),
        "sessions": (reverse("usersessions_list"), set(EVERYBODY)),
    }


@pytest.mark.parametrize("who", EVERYBODY)
def test_each_door_opens_for_those_it_is_meant_for(who, cast, sign_in):
    visitor = sign_in(getattr(cast, who))
    for name, (address, allowed) in doors(cast).items():
        status = visitor.get(address).status_code
        assert (status == 200) == (who in allowed), f"{who} at {name}: {status}"
        assert status in {200, 403, 404}


def test_signed_out_visitors_are_sent_to_the_sign_in_page(cast, client):
    for name, (address, _allowed) in doors(cast).items():
        answer = client.get(address)
        assert answer.status_code == 302 and answer["Location"].startswith("/accounts/login/"), name


def test_a_person_out_of_sight_does_not_exist(cast, sign_in):
    assert sign_in(cast.other_hr).get(reverse("person", args=[cast.learner.pk])).status_code == 404
    assert sign_in(cast.other_leader).get(reverse("person", args=[cast.learner.pk])).status_code == 404


def test_the_list_shows_only_those_whom_the_role_reaches(cast, sign_in):
    page = sign_in(cast.own_leader).get(reverse("person_list")).content.decode()
    assert cast.learner.name in page and cast.other_leader.name not in page and cast.stranger.name not in page


def test_the_list_is_narrowed_by_unit_duty_status_and_words(cast, sign_in):
    visitor = sign_in(cast.hr)

    def names(**filters):
        return {each.name for each in visitor.get(reverse("person_list"), filters).context["people"]}

    assert names(unit=cast.bureau.code) == {"张小明", "李云", "赵一山", "孙联络"}
    assert names(duty="publisher") == {"李云"}
    assert names(q="张小") == {"张小明"} and names(q="ya10001") == {"张小明"}
    Person.objects.filter(pk=cast.colleague.pk).update(status=Person.Status.ON_LEAVE)
    assert names(status="on_leave") == {"李云"}
    for misread in ({"unit": cast.other_county.code}, {"duty": "king"}, {"status": "gone", "q": "张"}):
        answer = visitor.get(reverse("person_list"), misread)
        assert answer.status_code == 422 and not answer.context["people"], "a filter that is not understood widens nothing"
        assert "没有符合条件的人" in answer.text or "清除筛选" in answer.text


def test_the_list_of_people_does_not_grow_in_queries(cast, sign_in, django_assert_max_num_queries):
    for number in range(60):
        person(f"YA2{number:04}", f"人{number}", cast.section, "staff", "publisher")
    visitor = sign_in(cast.hr)
    with django_assert_max_num_queries(15):
        page = visitor.get(reverse("person_list"))
    assert len(page.context["people"]) == 30


def test_the_page_of_a_person_takes_few_queries(cast, sign_in, django_assert_max_num_queries):
    visitor = sign_in(cast.admin)
    with django_assert_max_num_queries(15):
        visitor.get(reverse("person", args=[cast.colleague.pk]))


def test_reading_others_leaves_a_trace_and_reading_oneself_does_not(cast, sign_in):
    sign_in(cast.learner).get(reverse("person", args=[cast.learner.pk]))
    assert not ReadingOfOthers.objects.exists()

    sign_in(cast.hr).get(reverse("person", args=[cast.learner.pk]))
    sign_in(cast.hr).get(reverse("person_list"), {"q": "张"})

    traces = list(ReadingOfOthers.objects.order_by("pk"))
    assert [(each.what, each.subject, each.rows) for each in traces] == [("person", cast.learner, None), ("people", None, 1)]
    assert traces[1].filters == {"q": "张"} and traces[0].address == "127.0.0.1"


def test_the_auditor_finds_a_reading_and_another_countys_is_hidden(cast, sign_in):
    sign_in(cast.hr).get(reverse("person", args=[cast.learner.pk]))
    sign_in(cast.other_hr).get(reverse("person", args=[cast.stranger.pk]))

    page = sign_in(cast.auditor).get(reverse("audit_readings"), {"reader": "YA10008"})
    assert [each.reader for each in page.context["page"].object_list] == [cast.hr]
    everything = sign_in(cast.auditor).get(reverse("audit_readings"))
    assert cast.other_hr not in [each.reader for each in everything.context["page"].object_list]
    none = sign_in(cast.auditor).get(reverse("audit_readings"), {"since": "2031-01-01"})
    assert none.status_code == 200 and not none.context["page"].object_list


def test_a_superuser_searches_no_traces_of_reading_before_being_an_auditor(cast, sign_in):
    root = person("YA40004", "根", cast.bureau, is_superuser=True)
    sign_in(root).get(reverse("person", args=[cast.learner.pk]))
    sign_in(cast.other_hr).get(reverse("person", args=[cast.stranger.pk]))
    door = reverse("audit_readings")
    assert sign_in(root).get(door).status_code == 403
    others = sign_in(root).get(reverse("audit_accounts"))
    assert others.status_code == 200 and not others.context["page"].object_list and door not in others.text
    assert door not in sign_in(root).get(reverse("display")).text

    grant(root, Role.AUDITOR, cast.county)
    page = sign_in(root).get(door)
    assert [each.reader for each in page.context["page"].object_list] == [root], "of the county, as any auditor"
    assert door in sign_in(root).get(reverse("display")).text


@pytest.mark.parametrize(("name", "day"), [("since", "0001-01-01"), ("until", "9999-12-31"), ("until", "0206-01-01")])
def test_a_day_that_nothing_can_be_about_is_refused_in_the_log_of_readings(cast, sign_in, name, day):
    page = sign_in(cast.auditor).get(reverse("audit_readings"), {name: day})
    assert page.status_code == 422 and "2000" in page.text


def test_the_log_of_readings_does_not_grow_in_queries(cast, sign_in, django_assert_max_num_queries):
    ReadingOfOthers.objects.bulk_create(
        [ReadingOfOthers(reader=cast.hr, kind="read", what="person", subject=each, unit=cast.section, at=NOON) for each in cast.people * 8]
    )
    visitor = sign_in(cast.auditor)
    with django_assert_max_num_queries(12):
        assert len(visitor.get(reverse("audit_readings")).context["page"].object_list) == 50
    with django_assert_max_num_queries(12):
        visitor.get(reverse("audit_roles"))
    ReadingOfOthers.objects.bulk_create(
        [
            ReadingOfOthers(reader=cast.admin, kind="account", what="started over", subject=each, unit=cast.section, at=NOON)
            for each in cast.people * 8
        ]
    )
    for who in (cast.auditor, cast.admin):
        visitor = sign_in(who)
        with django_assert_max_num_queries(12):
            assert len(visitor.get(reverse("audit_accounts")).context["page"].object_list) == 50


# --- roles -----------------------------------------------------------------------------------


def test_an_administrator_grants_and_withdraws_a_role(cast, sign_in):
    visitor = sign_in(cast.admin)
    page = visitor.post(reverse("grant_role", args=[cast.learner.pk]), {"role": "trainer", "unit": cast.bureau.code}, follow=True)
    assert page.status_code == 200
    opened = RoleGrant.objects.get(person=cast.learner)
    assert (opened.role, opened.unit, opened.granted_by) == ("trainer", cast.bureau, cast.admin)

    visitor.post(reverse("withdraw_role", args=[cast.learner.pk, opened.pk]))
    opened.refresh_from_db()
    assert opened.ends_on is not None


def test_nobody_grants_a_role_over_a_unit_outside_their_reach(cast, sign_in):
    answer = sign_in(cast.admin).post(reverse("grant_role", args=[cast.learner.pk]), {"role": "hr", "unit": cast.other_county.code})
    assert answer.status_code == 422 and not RoleGrant.objects.filter(person=cast.learner).exists()


@pytest.mark.parametrize("who", ["learner", "own_leader", "hr", "auditor", "other_hr", "stranger"])
def test_only_an_administrator_grants_roles(who, cast, sign_in):
    answer = sign_in(getattr(cast, who)).post(
        reverse("grant_role", args=[cast.learner.pk]), {"role": "administrator", "unit": cast.county.code}
    )
    assert answer.status_code in {403, 404} and not RoleGrant.objects.filter(person=cast.learner).exists()


@pytest.mark.parametrize("who", ["learner", "own_leader", "hr", "auditor", "other_hr", "stranger"])
@pytest.mark.parametrize("act", ["stop", "start_over", "second_factor", "allow"])
def test_only_an_administrator_changes_somebodys_sign_in(who, act, cast, sign_in):
    answer = sign_in(getattr(cast, who)).post(reverse("change_sign_in", args=[cast.learner.pk]), {"act": act})
    cast.learner.refresh_from_db()
    assert answer.status_code in {403, 404} and cast.learner.is_active and cast.learner.check_password(PASSWORD)


def test_another_persons_grant_cannot_be_withdrawn_through_somebody_in_reach(cast, sign_in):
    foreign = RoleGrant.objects.get(person=cast.other_hr)
    assert sign_in(cast.admin).post(reverse("withdraw_role", args=[cast.learner.pk, foreign.pk])).status_code == 404


# --- activation codes ------------------------------------------------------------------------


def newcomer(cast, number="YA30001", **more) -> Person:
    someone = person(number, "新同志", cast.section, "staff", **more)
    someone.set_unusable_password()
    someone.save()
    return someone


def test_the_page_of_codes_says_what_to_do_before_a_unit_is_chosen(cast, sign_in):
    page = sign_in(cast.hr).get(reverse("activation_codes")).text
    assert "选择要发放激活码的单位" in page and "只查看不会生成激活码" in page and 'name="as"' not in page
    newcomer(cast)
    chosen = sign_in(cast.hr).get(reverse("activation_codes"), {"unit": cast.bureau.code}).text
    assert 'name="as"' in chosen and "选择要发放激活码的单位" not in chosen


def test_hr_prints_codes_for_a_unit_and_a_newcomer_signs_in_with_one(cast, sign_in, client):
    someone = newcomer(cast)
    page = sign_in(cast.hr).post(reverse("activation_codes"), {"unit": cast.bureau.code, "as": "sheet"})
    assert "no-store" in page["Cache-Control"]
    [made] = page.context["made"]
    assert made.person == someone and made.code in page.content.decode()
    client.logout()

    answer = client.post(
        reverse("activate"),
        {
            "employee_number": "ya30001",
            "code": made.code.lower().replace("-", " "),
            "password1": "Caoping-2031",
            "password2": "Caoping-2031",
        },
    )

    assert answer.status_code == 302 and answer["Location"] == reverse("my_account")
    assert client.get(reverse("my_account")).status_code == 200
    client.logout()
    again = client.post(
        reverse("activate"), {"employee_number": "YA30001", "code": made.code, "password1": "Caoping-2032", "password2": "Caoping-2032"}
    )
    assert again.status_code == 422, "a code works once"


def test_codes_as_csv_open_in_excel_and_run_no_formula(cast, sign_in):
    someone = newcomer(cast)
    Person.objects.filter(pk=someone.pk).update(name="=1+1")
    answer = sign_in(cast.hr).post(reverse("activation_codes"), {"unit": cast.county.code, "as": "csv"})
    text = answer.content.decode()
    assert text.startswith("\ufeff") and "'=1+1" in text and "YA30001" in text


def test_a_weak_password_leaves_the_code_good_and_five_wrong_codes_kill_it(cast, client, db):
    someone = newcomer(cast)
    [made] = accounts.make_codes(people=[someone], by=cast.hr, at=NOON)
    data = {"employee_number": someone.employee_number, "password1": "Caoping-2031", "password2": "Caoping-2031"}
    with pytest.raises(Exception, match=r"8|短"):
        accounts.activate(employee_number=someone.employee_number, code=made.code, password="Ab1", at=NOON)
    for _try in range(5):
        with pytest.raises(accounts.Refused):
            accounts.activate(employee_number=someone.employee_number, code="AAAA-AAAA-AAAA", password=data["password1"], at=NOON)
    with pytest.raises(accounts.Refused):
        accounts.activate(employee_number=someone.employee_number, code=made.code, password=data["password1"], at=NOON)


def test_an_old_code_is_refused_and_the_refusal_is_the_same_as_for_an_unknown_number(cast):
    someone = newcomer(cast)
    [made] = accounts.make_codes(people=[someone], by=cast.hr, at=NOON)
    with pytest.raises(accounts.Refused) as late:
        accounts.activate(employee_number="YA30001", code=made.code, password="Caoping-2031", at=NOON + timedelta(days=15))
    with pytest.raises(accounts.Refused) as unknown:
        accounts.activate(employee_number="NOBODY", code=made.code, password="Caoping-2031", at=NOON)
    assert late.value.message == unknown.value.message


def test_codes_are_neither_made_for_those_who_have_a_password_nor_outside_ones_reach(cast):
    assert accounts.make_codes(people=[cast.learner], by=cast.hr, at=NOON) == []
    someone = newcomer(cast)
    with pytest.raises(accounts.Refused):
        accounts.make_codes(people=[someone], by=cast.other_hr, at=NOON)
    with pytest.raises(accounts.Refused):
        accounts.make_codes(people=[someone], by=cast.own_leader, at=NOON)


GUARDED = ["hr", "reviewer", "auditor", "administrator"]


@pytest.mark.parametrize("role", GUARDED)
def test_only_an_administrator_makes_a_code_for_whoever_could_be_the_second_officer(role, cast):
    someone = newcomer(cast)
    grant(someone, role, cast.county)
    assert accounts.make_codes(people=[someone], by=cast.hr, at=NOON) == []
    assert len(accounts.make_codes(people=[someone], by=cast.admin, at=NOON)) == 1


@pytest.mark.parametrize("role", GUARDED)
def test_hr_is_offered_no_code_for_them_and_is_told_why(role, cast, sign_in):
    someone, other = newcomer(cast), newcomer(cast, "YA30002")
    grant(someone, role, cast.county)
    visitor = sign_in(cast.hr)
    assert "生成激活码" not in visitor.get(reverse("person", args=[someone.pk])).text
    answer = visitor.post(reverse("change_sign_in", args=[someone.pk]), {"act": "code"}, follow=True)
    assert "只能由管理其角色所及全部单位的管理员发放" in answer.text and not someone.activation_codes.exists()

    page = visitor.get(reverse("activation_codes"), {"unit": cast.bureau.code})
    assert page.context["waiting"] == 1 and "YA30001" in page.text and "激活码只能由管理其角色所及全部单位的管理员发放" in page.text
    made = visitor.post(reverse("activation_codes"), {"unit": cast.bureau.code, "as": "sheet"}).context["made"]
    assert [each.person for each in made] == [other]
    assert "生成激活码" in sign_in(cast.admin).get(reverse("person", args=[someone.pk])).text


def test_a_code_that_hr_kept_from_before_the_role_opens_nothing(cast, client):
    someone = newcomer(cast)
    [kept] = accounts.make_codes(people=[someone], by=cast.hr, at=clock.now())
    grant(someone, "hr", cast.county)
    data = {"employee_number": "YA30001", "code": kept.code, "password1": "Caoping-2031", "password2": "Caoping-2031"}

    answer = client.post(reverse("activate"), data)

    someone.refresh_from_db()
    assert (
        answer.status_code == 422
        and "请向管理该角色所及全部单位的管理员领取新的激活码" in answer.text
        and not someone.has_usable_password()
    )
    [fresh] = accounts.make_codes(people=[someone], by=cast.admin, at=clock.now())
    assert client.post(reverse("activate"), data | {"code": fresh.code}).status_code == 302


def test_one_officer_of_hr_does_not_become_the_second_one(cast, sign_in, client):
    from tests.people.test_roster import row, workbook

    plan = roster.plan(workbook(row(number="YA66601", duties="考评")), "花名册.xlsx", county=cast.county, by=cast.hr)
    roster.apply(plan, by=cast.hr, at=NOON)
    invented = Person.objects.select_related("unit").get(employee_number="YA66601")
    [made] = accounts.make_codes(people=[invented], by=cast.hr, at=clock.now())
    client.post(
        reverse("activate"), {"employee_number": "YA66601", "code": made.code, "password1": "Caoping-2031", "password2": "Caoping-2031"}
    )
    assert client.get(reverse("my_account")).context["me"] == invented
    assert client.get(reverse("person_list")).status_code == 403


def test_an_administrator_who_has_no_hand_in_an_account_is_told_why_and_offered_nothing(cast, sign_in):
    inner = person("YA50003", "内管理", cast.bureau)
    grant(inner, "administrator", cast.bureau)
    someone = person("YA50004", "许县权", cast.bureau)
    TOTP.activate(someone, generate_totp_secret())
    address = reverse("person", args=[someone.pk])
    offers = ('value="stop"', 'value="start_over"', 'value="second_factor"')
    page = sign_in(inner).get(address).text
    assert all(offer in page for offer in offers) and "须由管理那些单位的管理员" not in page
    grant(someone, "auditor", cast.county)
    page = sign_in(inner).get(address).text
    assert not any(offer in page for offer in offers) and "在您管理范围之外的单位还担任角色，须由管理那些单位的管理员办理" in page
    page = sign_in(cast.admin).get(address).text
    assert all(offer in page for offer in offers)


def test_making_codes_for_many_takes_few_queries(cast, django_assert_max_num_queries):
    many = [newcomer(cast, f"YA4{number:04}") for number in range(60)]
    many = list(Person.objects.filter(pk__in=[each.pk for each in many]).select_related("unit"))
    with django_assert_max_num_queries(12):
        assert len(accounts.make_codes(people=many, by=cast.hr, at=NOON)) == 60


def test_starting_over_ends_the_password_and_gives_a_code(cast, sign_in):
    page = sign_in(cast.admin).post(reverse("change_sign_in", args=[cast.learner.pk]), {"act": "start_over"})
    [made] = page.context["made"]
    cast.learner.refresh_from_db()
    assert not cast.learner.has_usable_password()
    accounts.activate(employee_number=cast.learner.employee_number, code=made.code, password="Caoping-2031", at=NOON)


@pytest.mark.parametrize("path", ["/admin/", "/admin/pages/", "/admin/reports/site-history/"])
@pytest.mark.parametrize("who", ["learner", "own_leader", "auditor"])
def test_who_has_no_business_in_the_admin_is_told_so_and_not_sent_round(who, path, cast, sign_in):
    assert sign_in(getattr(cast, who)).get(path).status_code == 403


# --- what is done to accounts is seen --------------------------------------------------------


ACTS = {
    "code": ("生成激活码", lambda cast: newcomer(cast)),
    "start_over": ("原密码作废，重新生成激活码", lambda cast: cast.auditor),
    "stop": ("停止登录", lambda cast: cast.hr),
    "second_factor": ("解除两步验证", lambda cast: cast.reviewer),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_an_administrator_does_to_an_account_is_read_by_auditors_and_the_other_administrators(act, cast, sign_in):
    words, choose = ACTS[act]
    someone = choose(cast)
    if act == "second_factor":
        TOTP.activate(someone, generate_totp_secret())
    sign_in(cast.admin).post(reverse("change_sign_in", args=[someone.pk]), {"act": act})

    watching, running = person("YA50001", "卫审计", cast.county), person("YA50002", "又管理", cast.county)
    grant(watching, "auditor", cast.county)
    grant(running, "administrator", cast.county)
    for reader in (watching, running):
        page = sign_in(reader).get(reverse("audit_accounts")).text
        assert str(someone) in page and words in page and "王管（YA10009）" in page
    page = sign_in(watching).get(reverse("audit_readings"), {"kind": "account"}).text
    assert words in page and str(someone) in page
    assert not sign_in(running).get(reverse("audit_accounts"), {"q": "没有这个人"}).context["page"].object_list
    other_county = person("DY50001", "外管理", cast.other_county)
    grant(other_county, "administrator", cast.other_county)
    assert str(someone) not in sign_in(other_county).get(reverse("audit_accounts")).text


def test_a_sheet_of_codes_names_each_account_that_only_an_administrator_hands_over(cast, sign_in):
    someone, _other = newcomer(cast), newcomer(cast, "YA30002")
    grant(someone, "hr", cast.county)
    sign_in(cast.admin).post(reverse("activation_codes"), {"unit": cast.bureau.code, "as": "csv"})
    assert [each.subject for each in ReadingOfOthers.objects.filter(kind="account")] == [someone]
    assert "姚安县教育体育局 · 共 2 人" in sign_in(cast.auditor).get(reverse("audit_accounts")).text


def test_nothing_is_done_to_an_account_without_its_trace(cast, sign_in, monkeypatch):
    def fails(**ignored):
        raise RuntimeError("no room on the disk")

    monkeypatch.setattr("people.views.staff.readings.record_on_accounts", fails)
    with pytest.raises(RuntimeError):
        sign_in(cast.admin).post(reverse("change_sign_in", args=[cast.auditor.pk]), {"act": "start_over"})
    cast.auditor.refresh_from_db()
    assert cast.auditor.check_password(PASSWORD)


def test_whose_account_was_reset_is_told_at_every_sign_in_for_two_weeks(cast, client):
    def told() -> str:
        client.logout()
        client.post(reverse("account_login"), {"login": "YA10010", "password": PASSWORD})
        return client.get(reverse("my_account")).text

    assert "对您的账号做了以下操作" not in told()
    readings.record_on_accounts(subjects=[cast.auditor], what="second factor", by=cast.admin, at=clock.now() - timedelta(days=13))
    for _time in range(2):
        page = told()
        assert "王管（YA10009）于" in page and "解除两步验证。如非您本人要求，请告知审计员" in page
    assert "对您的账号做了以下操作" not in client.get(reverse("my_account")).text, "told once each time"
    readings.record_on_accounts(subjects=[cast.hr], what="second factor", by=cast.admin, at=clock.now() - timedelta(days=15))
    assert not readings.done_to_account(cast.hr, at=clock.now())


def test_the_log_of_roles_says_who_imported_the_duty_that_brought_one(cast, sign_in):
    from tests.people.test_roster import row, workbook

    plan = roster.plan(workbook(row(duties="联络员")), "花名册.xlsx", county=cast.county, by=cast.hr)
    roster.apply(plan, by=cast.hr, at=NOON)
    assert "随职责产生，由郑人事（YA10008）导入" in sign_in(cast.auditor).get(reverse("audit_roles"), {"q": "何新"}).text
    someone = Person.objects.get(employee_number="YA20001")
    assert "由郑人事导入" in sign_in(cast.admin).get(reverse("person", args=[someone.pk])).text


def test_power_over_a_section_is_granted_and_withdrawn_by_its_organ_and_name(cast, sign_in):
    visitor = sign_in(cast.admin)
    section = "姚安县教育体育局 办公室"
    given = visitor.post(
        reverse("grant_role", args=[cast.colleague.pk]), {"role": Role.LEADER, "unit": cast.section.code}, follow=True
    ).text
    assert f"已授予李云：{section} 单位领导" in given and f"单位领导 · {section} <span" in given
    assert f'<span class="visually-hidden"> 单位领导 · {section}</span>' in given, "the button, for who hears it"
    taken = visitor.post(
        reverse("withdraw_role", args=[cast.colleague.pk, RoleGrant.objects.get(person=cast.colleague).pk]), follow=True
    ).text
    assert taken.count(f"单位领导 · {section}") == 2, "the message, and the line of what was"


def test_the_page_of_a_person_names_the_sections_of_many_roles_in_as_many_queries(cast, sign_in):
    visitor = sign_in(cast.admin)

    def asked() -> int:
        visitor.get(reverse("person", args=[cast.colleague.pk]))
        with CaptureQueriesContext(connection) as queries:
            visitor.get(reverse("person", args=[cast.colleague.pk]))
        return len(queries)

    grant(cast.colleague, Role.LEADER, cast.section)
    few = asked()
    for number in range(9):
        bureau = cast.county.add_child(code=f"532325-B{number}", name=f"局{number}", kind=Unit.Kind.DEPARTMENT)
        grant(cast.colleague, Role.LEADER, bureau.add_child(code=f"532325-B{number}-1", name="办公室", kind=Unit.Kind.SECTION))
    assert asked() == few <= 15


def test_days_the_wrong_way_round_are_refused_in_the_log_of_readings(cast, sign_in):
    page = sign_in(cast.auditor).get(reverse("audit_readings"), {"since": "2026-12-31", "until": "2026-01-01"})
    assert page.status_code == 422 and "截止日早于起始日" in page.text


def test_ones_own_account_names_the_section_of_a_role_with_its_organ(cast, sign_in):
    grant(cast.colleague, Role.LEADER, cast.section)
    assert "单位领导 · 姚安县教育体育局 办公室" in sign_in(cast.colleague).get(reverse("my_account")).text
