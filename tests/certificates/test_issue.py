"""Issue once, repair gaps."""

import threading
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, close_old_connections, connection, transaction
from django.urls import reverse

from certificates import files, rules, services, tasks
from certificates.models import Certificate, CertificateKind, NumberSequence, State, StatusEvent
from certificates.services import issuing
from certificates.signals import certificate_issued
from core import clock
from core.errors import Refused
from core.models import FactChanged
from courses import previews
from courses.models import Reversal
from courses.signals import course_completed
from courses.slots import CERTIFICATES
from people.models import Unit
from tests.cast import NOON
from tests.certificates.conftest import a_completion, second_officer
from tests.factories import make_course

AT_ONCE = 50


def test_a_completion_is_answered_by_a_certificate_in_the_same_transaction(cast, kinds):
    completion = a_completion(cast.learner)
    with transaction.atomic():
        course_completed.send(sender=type(completion), completion=completion, at=NOON)

    certificate = completion.certificates.get()
    assert certificate.number.startswith("YAZWGK-01-2026-532325-00001-")
    assert certificate.events.get().kind == StatusEvent.Kind.ISSUED


def test_a_completion_without_an_award_gets_none(cast, kinds):
    completion = a_completion(cast.learner, certificate="")
    course_completed.send(sender=type(completion), completion=completion, at=NOON)
    assert not Certificate.objects.exists()
    with pytest.raises(Refused) as refused:
        services.issue(completion=completion, at=NOON)
    assert refused.value.code == "no_award"


def test_issuing_again_returns_the_certificate_that_stands(cast, kinds):
    completion = a_completion(cast.learner)
    first = services.issue(completion=completion, at=NOON)
    second = services.issue(completion=completion, at=NOON + timedelta(days=400))
    assert second == first and second.issued_on == first.issued_on
    assert NumberSequence.objects.get().last == 1


def test_a_second_certificate_for_one_completion_is_refused_by_the_database(cast, certificate):
    certificate.pk, certificate.number, certificate._state.adding = None, "X", True
    with pytest.raises(IntegrityError), transaction.atomic():
        certificate.save()


def test_each_round_has_its_own_certificate_and_date(cast, kinds):
    first = a_completion(cast.learner)
    again = a_completion(cast.learner, course=first.course, at=NOON + timedelta(days=366))
    a, b = (services.issue(completion=each, at=each.completed_at) for each in (first, again))
    assert a.number != b.number and (a.issued_on.year, b.issued_on.year) == (2026, 2027)
    assert b.number.startswith("YAZWGK-01-2027-532325-00001-")


def test_the_year_of_a_number_is_the_county_s_year(cast, kinds):
    just_before_midnight_utc = NOON.replace(month=12, day=31, hour=20)  # 4:00 on 1 January in the county
    certificate = services.issue(completion=a_completion(cast.learner), at=just_before_midnight_utc)
    assert certificate.number.startswith("YAZWGK-01-2027-")
    assert certificate.issued_on.isoformat() == "2027-01-01"


def test_over_new_year_a_clock_set_back_gives_no_number_of_the_old_year(cast, kinds, monkeypatch):
    new_year = NOON.replace(month=12, day=31, hour=17)  # 1:00 on 1 January in the county
    monkeypatch.setattr("core.clock.now", lambda: new_year - timedelta(hours=2))
    services.issue(completion=a_completion(cast.learner), at=new_year)
    with pytest.raises(Refused) as refused:
        services.issue(completion=a_completion(cast.colleague), at=new_year - timedelta(hours=2))
    assert refused.value.code == "clock_back" and "2027-01-01 01:00:00" in refused.value.message
    assert list(NumberSequence.objects.values_list("year", "last")) == [(2027, 1)]

    # less than an hour is the clock of another server, or a repair that takes long
    assert services.issue(completion=a_completion(cast.colleague), at=new_year - timedelta(minutes=59)).issued_on.year == 2027


def test_after_a_clock_that_ran_ahead_certificates_are_issued_once_the_ledger_explains_it(cast, kinds, monkeypatch):
    ahead = NOON + timedelta(days=90)
    services.issue(completion=a_completion(cast.learner), at=ahead)
    services.chain(at=ahead)  # entries: the beginning of the ledger, the issue
    monkeypatch.setattr("core.clock.now", lambda: NOON)
    completion = a_completion(cast.colleague)
    with pytest.raises(Refused, match="2026-09-13"):
        services.issue(completion=completion, at=NOON)

    services.explain(sequences=[(1, 1)], by=cast.hr, reason="x", at=NOON)  # another entry
    with pytest.raises(Refused, match="2026-09-13"):
        services.issue(completion=completion, at=NOON)

    services.explain(sequences=[(2, 2)], by=cast.hr, reason="服务器时钟快了三个月", at=NOON)
    assert services.issue(completion=completion, at=NOON).issued_on == clock.today(NOON)
    with pytest.raises(Refused, match="2026-06-15 12:00"):  # and by the newest one with a right time the clock is measured again
        services.issue(completion=a_completion(cast.hr), at=set_back(monkeypatch, NOON - timedelta(days=1)))


def test_what_a_clock_that_ran_ahead_has_dated_is_replaced_as_it_is_and_dated_anew(cast, kinds, private, monkeypatch, sign_in):
    ahead = NOON + timedelta(days=90)
    wrong = services.issue(completion=a_completion(cast.learner), at=ahead)
    services.chain(at=ahead)
    monkeypatch.setattr("core.clock.now", lambda: NOON)
    assert wrong.state_on(clock.today()) == "not_issued"
    ask = {"certificate": wrong, "kind": "replace", "reason": "时钟有误", "by": cast.hr}
    with pytest.raises(Refused):
        services.propose(**ask, at=NOON)  # clock_back

    services.explain(sequences=[(2, 2)], by=cast.hr, reason="服务器时钟快了三个月", at=NOON)
    proposal = services.propose(**ask, at=NOON)
    page = sign_in(second_officer(cast)).get(reverse("certificate_proposal", args=[proposal.pk])).text
    assert "从确认之日起" in page
    services.decide(proposal=proposal, is_accepted=True, by=second_officer(cast), at=NOON)
    new = wrong.replacement
    assert (new.issued_on, new.valid_until) == (clock.today(NOON), rules.add_months(clock.today(NOON), 24))
    assert new.state_on(clock.today()) == "valid" and wrong.state_on(clock.today()) == "replaced"


def test_an_outage_or_an_import_that_is_explained_lets_no_correction_prolong_a_certificate(cast, kinds, private):
    old = services.issue(completion=a_completion(cast.learner), at=NOON - timedelta(days=300))
    services.chain(at=NOON)
    services.explain(sequences=[(2, 2)], by=cast.hr, reason="账本任务停了三天", at=NOON)
    ask = {"certificate": old, "kind": "replace", "reason": "x", "by": cast.hr, "at": NOON}
    with pytest.raises(Refused) as refused:
        services.propose(**ask)
    assert refused.value.code == "nothing_to_correct"
    proposal = services.propose(**ask, corrections={"person_name": "张晓明"})
    services.decide(proposal=proposal, is_accepted=True, by=second_officer(cast), at=NOON)
    assert old.replacement.valid_until == old.valid_until


def set_back(monkeypatch, at):
    monkeypatch.setattr("core.clock.now", lambda: at)
    return at


def test_what_is_entered_for_an_earlier_day_is_issued_while_the_clock_is_right(cast, kinds, monkeypatch):
    monkeypatch.setattr("core.clock.now", lambda: NOON)
    services.issue(completion=a_completion(cast.learner), at=NOON)
    assert services.issue(completion=a_completion(cast.colleague), at=NOON - timedelta(days=90)).issued_on.isoformat() == "2026-03-17"


def test_while_the_clock_stands_before_the_newest_issue_completions_stand_and_are_answered_later(cast, kinds, monkeypatch):
    monkeypatch.setattr("core.clock.now", lambda: NOON)
    services.issue(completion=a_completion(cast.learner), at=NOON + timedelta(days=1))
    waiting = a_completion(cast.colleague)
    course_completed.send(sender=type(waiting), completion=waiting, at=NOON)
    assert not waiting.certificates.exists()

    [gap] = services.gaps_of_issue(NOON + timedelta(days=2))
    gap.mend()
    assert waiting.certificates.get().issued_on.isoformat() == "2026-06-17"


def test_printed_facts_are_copied_and_follow_nothing_afterwards(cast, certificate):
    before = Certificate.objects.get(pk=certificate.pk).facts()
    cast.learner.name, cast.learner.unit = "改名", cast.other_bureau
    cast.learner.save()
    CertificateKind.objects.update(title="新标题", wording="新", issuer="别处")
    after = Certificate.objects.get(pk=certificate.pk)
    assert after.facts() == before and before["name"] == "张小明"
    assert after.facts_digest == rules.digest(before)
    assert "“政务公开政策解读”" in before["text"] and "2.5学时" in before["text"] and "92.5分" in before["text"]


def test_the_digest_of_the_facts_is_salted_so_that_nobody_tries_names_on_it(certificate, cast, kinds):
    facts = certificate.facts()
    other = services.issue(completion=a_completion(cast.colleague), at=NOON)

    assert rules.digest(facts) == certificate.facts_digest
    assert len(certificate.salt) == 32 and certificate.salt != other.salt
    assert rules.digest({name: fact for name, fact in facts.items() if name != "salt"}) != certificate.facts_digest
    assert rules.digest(facts | {"salt": other.salt}) != certificate.facts_digest


def test_an_address_on_a_certificate_that_the_settings_do_not_know_is_told(cast, certificate, settings):
    assert services.gaps_of_site(NOON) == []  # no paper lies there yet
    files.read(certificate, "pdf")
    assert services.gaps_of_site(NOON) == []

    before, settings.WAGTAILADMIN_BASE_URL = settings.WAGTAILADMIN_BASE_URL, "https://new.yaoan.example"
    [gap] = services.gaps_of_site(NOON)
    assert certificate.number in gap.what and "did:web:" in gap.what
    with pytest.raises(Refused) as refused:
        gap.mend()
    assert refused.value.code == "unknown_site"

    settings.FORMER_SITE_URLS = [before]
    assert services.gaps_of_site(NOON) == []


def test_a_paper_that_was_cut_off_hides_no_address_and_breaks_no_check(certificate, private):
    data = files.read(certificate, "pdf")
    (path,) = private.rglob("*.pdf")
    path.write_bytes(data[:2000])
    assert services.gaps_of_site(NOON) == []


def test_made_again_a_paper_lies_there_once_whoever_reads_meanwhile(certificate, private, monkeypatch):
    files.read(certificate, "pdf")

    def meanwhile(name, data, *, instead, put=files._put):
        put(name, data, instead=instead)
        if name.endswith(".pdf"):
            put(name, data, instead=False)  # a reader that found nothing just before

    monkeypatch.setattr(files, "_put", meanwhile)
    files.remake(certificate)
    assert len(list(private.rglob("*.pdf"))) == 1


def test_a_certificate_is_never_edited_or_deleted(certificate):
    with pytest.raises(FactChanged):
        certificate.save()
    with pytest.raises(FactChanged):
        certificate.delete()
    with pytest.raises(FactChanged):
        Certificate.objects.update(title="x")


def test_without_a_test_the_wording_says_passed(cast, kinds):
    certificate = services.issue(completion=a_completion(cast.learner, score=None), at=NOON)
    assert "考核成绩合格" in certificate.text and certificate.score is None


def test_names_that_look_like_placeholders_come_out_as_they_are(cast, kinds):
    certificate = services.issue(completion=a_completion(cast.learner, name="{unit}", title="{name} %(x)s {0.__class__}"), at=NOON)
    assert certificate.text.startswith("{unit}同志参加“{name} %(x)s {0.__class__}”")


def test_the_course_s_county_issues_also_for_people_of_another_county(cast, kinds):
    completion = a_completion(cast.stranger, county=cast.county)
    certificate = services.issue(completion=completion, at=NOON)
    assert "-532325-" in certificate.number and certificate.issuer == "姚安县人民政府"
    assert certificate in Certificate.objects.visible_to(cast.other_hr)


def test_a_missing_kind_costs_nobody_the_completion_and_shows_as_a_gap(cast):
    completion = a_completion(cast.learner, certificate="training")
    course_completed.send(sender=type(completion), completion=completion, at=NOON)
    assert not Certificate.objects.exists()
    assert len(services.gaps_of_issue(NOON)) == 1

    services.ensure_kinds(cast.county)
    [gap] = services.gaps_of_issue(NOON)
    gap.mend()
    assert completion.certificates.get() and services.gaps_of_issue(NOON) == []


def test_what_waits_for_a_kind_is_one_gap_and_keeps_no_other_from_being_mended(cast, monkeypatch):
    monkeypatch.setattr("certificates.services.gaps.GAPS_AT_ONCE", 1)
    for person in (cast.learner, cast.colleague):
        a_completion(person, certificate="nowhere", at=NOON - timedelta(days=9))
    services.ensure_kinds(cast.county)
    CertificateKind.objects.filter(county=cast.county, key="leader").update(live=False)
    a_completion(cast.liaison, certificate="leader", at=NOON - timedelta(days=9))
    newer = a_completion(cast.hr)
    one, *waiting = services.gaps_of_issue(NOON)
    one.mend()
    assert newer.certificates.get() and len(waiting) == 2 and "2 completions" in waiting[1].what and "nowhere" in waiting[1].what
    for gap in waiting:
        with pytest.raises(Refused) as refused:
            gap.mend()
        assert refused.value.code == "no_kind"


def test_a_county_whose_code_gives_no_number_costs_nobody_the_completion_and_shows_as_a_gap(cast, kinds):
    completion = a_completion(cast.learner, certificate="training")
    Unit.objects.filter(pk=cast.county.pk).update(code="YA")
    course_completed.send(sender=type(completion), completion=completion, at=NOON)
    assert not Certificate.objects.exists() and not NumberSequence.objects.exists()
    [gap] = services.gaps_of_issue(NOON)
    with pytest.raises(Refused) as refused:
        gap.mend()
    assert refused.value.code == "no_number" and "YA" in refused.value.message

    Unit.objects.filter(pk=cast.county.pk).update(code="532325")
    [gap] = services.gaps_of_issue(NOON)
    gap.mend()
    assert completion.certificates.get().number.startswith("YAZWGK-01-2026-532325-00001-")


def test_a_receiver_that_fails_undoes_the_issue_and_its_number(cast, kinds):
    def fail(**kwargs):
        raise RuntimeError

    certificate_issued.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            services.issue(completion=a_completion(cast.learner), at=NOON)
    finally:
        certificate_issued.disconnect(fail)
    assert not Certificate.objects.exists()
    assert services.issue(completion=a_completion(cast.learner), at=NOON).number.startswith("YAZWGK-01-2026-532325-00001-")


def test_issuing_takes_few_queries(cast, kinds, django_assert_max_num_queries):
    services.issue(completion=a_completion(cast.learner), at=NOON)
    completion = a_completion(cast.learner)
    with django_assert_max_num_queries(17):
        services.issue(completion=completion, at=NOON)


def test_paper_follows_on_commit_and_a_dead_broker_harms_nothing(cast, kinds, monkeypatch, django_capture_on_commit_callbacks):
    monkeypatch.setattr(tasks.render, "delay", lambda pk: (_ for _ in ()).throw(OSError("no broker")))
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    assert len(callbacks) == 3 and Certificate.objects.filter(pk=certificate.pk).exists()


def test_a_certificate_is_valid_through_its_last_day(certificate):
    assert certificate.state_on(certificate.valid_until) == State.VALID
    assert certificate.state_on(certificate.valid_until + timedelta(days=1)) == State.EXPIRED


def test_a_reversed_completion_earns_none_and_is_no_gap(cast, kinds):
    completion = a_completion(cast.learner)
    Reversal.objects.create(completion=completion, reason="x", by=cast.hr, at=NOON)
    assert services.gaps_of_issue(NOON) == []
    with pytest.raises(Refused) as refused:
        services.issue(completion=completion, at=NOON)
    assert refused.value.code == "reversed"


def test_kinds_are_made_once_and_the_county_s_own_wording_stays(cast):
    services.ensure_kinds(cast.county)
    CertificateKind.objects.filter(key="basic").update(title="我县的")
    kinds = services.ensure_kinds(cast.county)
    assert [kind.key for kind in kinds] == ["training", "basic", "compiler", "leader", "backbone", "publisher"]
    assert CertificateKind.objects.get(key="basic").title == "我县的"
    for kind in kinds:
        kind.full_clean()


def test_courses_see_the_kinds_by_key(cast, kinds):
    services.ensure_kinds(cast.other_county)
    assert dict(CERTIFICATES.choices())["training"] == "培训合格证书" and [key for key, _title in CERTIFICATES.choices()] == [
        "training",
        "basic",
        "compiler",
        "leader",
        "backbone",
        "publisher",
    ]
    assert CERTIFICATES.title("leader") == "领导干部政务公开培训合格证明"
    assert CERTIFICATES.title("none") is None


def test_a_course_promises_the_certificate_of_its_own_county(cast, kinds, sign_in, rf):
    services.ensure_kinds(cast.other_county)
    CertificateKind.objects.filter(county=cast.county, key="training").update(title="姚安证书")
    CertificateKind.objects.filter(county=cast.other_county, key="training").update(title="大姚证书")
    own, other = (make_course(county, certificate="training") for county in (cast.county, cast.other_county))
    for who, course, title in [(cast.learner, own, "姚安证书"), (cast.stranger, other, "大姚证书")]:
        page = sign_in(who).get(reverse("course", args=[course.pk])).text
        assert title in page and ("姚安证书" in page) != ("大姚证书" in page)
        request = rf.get("/")
        request.user = who
        assert title in previews.course(request, course.page).content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("wording", "{nmae}"),
        ("wording", "{name.__class__}"),
        ("number_prefix", "YA-1"),
        ("category", "1"),
        ("title", "政务公开电子证照"),
        ("validity_months", 601),
    ],
)
def test_a_kind_that_could_not_be_issued_is_not_saved(cast, kinds, field, value):
    kind = kinds[0]
    setattr(kind, field, value)
    with pytest.raises(ValidationError) as refused:
        kind.full_clean()
    assert field in refused.value.message_dict


def test_a_kind_needs_a_county_with_a_code_of_six_digits(cast, kinds):
    kinds[0].county = cast.bureau
    with pytest.raises(ValidationError) as refused:
        kinds[0].full_clean()
    assert "county" in refused.value.message_dict


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_get_numbers_without_gap_and_each_completion_one_certificate(private):
    from tests.cast import assemble

    cast = assemble()
    services.ensure_kinds(cast.county)
    completions = [a_completion(cast.learner, score=Decimal(60 + i % 40)) for i in range(AT_ONCE)]
    failures = []
    barrier = threading.Barrier(AT_ONCE)

    def work(index):
        try:
            barrier.wait()
            # each thread issues its own and a neighbour's, so every completion is issued twice at once
            for which in (index, (index + 1) % AT_ONCE):
                try:
                    with transaction.atomic():
                        services.issue(completion=completions[which], at=NOON)
                        if index % 5 == 0 and which == index:
                            raise RuntimeError("undo")  # a rolled back issue leaves no hole
                except RuntimeError:
                    pass
        except Exception as error:
            failures.append(error)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    serials = sorted(int(number.split("-")[4]) for number in Certificate.objects.values_list("number", flat=True))
    assert serials == list(range(1, AT_ONCE + 1))
    assert NumberSequence.objects.get().last == AT_ONCE


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_kinds_numbered_in_two_orders_at_once_wait_for_each_other_and_not_for_ever(private):
    from tests.cast import assemble

    county = assemble().county
    kinds = {kind.key: kind for kind in services.ensure_kinds(county)}
    failures, first = [], threading.Barrier(2)

    def work(*keys):
        try:
            first.wait()
            for _round in range(10):
                with transaction.atomic():
                    for key in keys:
                        issuing.next_number(kinds[key], county, at=NOON)
                        time.sleep(0.01)
        except Exception as error:
            failures.append(error)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=work, args=keys) for keys in (("training", "leader"), ("leader", "training"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and set(NumberSequence.objects.values_list("last", flat=True)) == {20}
