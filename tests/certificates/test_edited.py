"""A record that somebody edited in the database: nothing is made of it, nothing follows from it, nothing of it is shown as genuine."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from certificates import badge, files, rules, services
from certificates.models import Certificate, Proposal, TemplateVersion
from certificates.services import chaining, ladder
from core import clock
from core.errors import Refused
from tests.cast import NOON
from tests.certificates.conftest import a_completion
from tests.certificates.test_ladder import ROWS, basic, finish, held, sets
from tests.certificates.test_renewal import OPEN, done

__all__ = ["basic", "sets"]
DAY = timedelta(days=1)


def edit(row, **columns) -> None:
    """Change columns as somebody with the right to write to the database can, the digest too where facts are among them."""
    with connection.cursor() as cursor:
        for name, value in columns.items():
            cursor.execute(f"UPDATE {row._meta.db_table} SET {name} = %s WHERE id = %s", [value, row.pk])
    if isinstance(row, Certificate):
        now = Certificate.objects.get(pk=row.pk)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE certificates_certificate SET facts_digest = %s WHERE id = %s", [rules.digest(now.facts()), row.pk])


@pytest.fixture
def chained(certificate):
    chaining.chain(at=clock.now(), everywhere=True)
    return certificate


def refused(act) -> bool:
    with pytest.raises(Refused) as refusal:
        act()
    return refusal.value.code == "altered"


def test_no_correction_makes_a_genuine_one_of_it(cast, chained, second):
    asked = services.propose(
        certificate=chained, kind="replace", corrections={"person_name": "张晓明"}, reason="姓名有误", by=cast.hr, at=clock.now()
    )
    edit(chained, score=100)
    record = Certificate.objects.get(pk=chained.pk)
    assert refused(lambda: services.decide(proposal=asked, is_accepted=True, by=second, at=clock.now()))
    assert Certificate.objects.count() == 1 and not hasattr(Proposal.objects.get(pk=asked.pk), "decision")
    services.decide(proposal=asked, is_accepted=False, reason="先查账本", by=second, at=clock.now())
    again = {"kind": "replace", "corrections": {"person_name": "张晓明"}, "reason": "姓名有误", "by": cast.hr, "at": clock.now()}
    assert refused(lambda: services.propose(certificate=record, **again))
    gone = services.propose(certificate=record, kind="revoke", reason="记录被改动", by=cast.hr, at=clock.now())
    assert services.decide(proposal=gone, is_accepted=True, by=second, at=clock.now()).is_accepted  # it can still be ended


def test_no_renewal_takes_its_end_over(cast, kinds, private):
    kind = kinds[0]
    first = done(a_completion(cast.learner, certificate=kind.key))
    chaining.chain(at=NOON, everywhere=True)
    edit(first, valid_until=rules.add_months(first.valid_until, 3))
    later = a_completion(cast.learner, certificate=kind.key, course=first.completion.course, at=OPEN + 100 * DAY)
    assert done(later) is None and later.pk  # the completion stands, and reconcile shows the gap
    assert refused(lambda: services.issue(completion=later, at=OPEN + 100 * DAY))


def test_no_higher_certificate_rests_on_it(cast, sets, basic):
    chaining.chain(at=NOON, everywhere=True)
    edit(basic, valid_until=None)
    for code in ("S01", "S02", "S03"):
        finish(cast.learner, code, cast.county)
    ladder.attest(person=cast.learner, conditions=sets["compiler"], key=ROWS, evidence="第12号目录条目", by=cast.trainer, at=NOON)
    assert held(cast.learner, "compiler") is None


def test_its_shared_page_shows_nothing_and_holder_and_hr_are_told(cast, chained, sign_in):
    link = services.share(certificate=chained, by=cast.learner, at=clock.now())
    edit(chained, score=100)
    page = Client().get(reverse("shared_certificate", args=[link.key]))
    assert page.status_code == 409 and chained.person_name not in page.content.decode() and chained.number not in page.content.decode()
    for reader in (cast.learner, cast.hr):
        assert "已不是发证时固定的内容" in sign_in(reader).get(reverse("certificate", args=[chained.number])).content.decode()


@pytest.mark.parametrize("column", ["person_id", "kind_id", "issued_at"])
def test_nothing_is_made_of_one_that_was_given_to_somebody_else_or_to_another_day(cast, kinds, chained, column):
    other = {"person_id": cast.colleague.pk, "kind_id": kinds[-1].pk, "issued_at": NOON + 900 * DAY}[column]
    edit(chained, **{column: other})
    record = Certificate.objects.get(pk=chained.pk)
    assert refused(lambda: badge.file(record)) and refused(lambda: files.read(record, "pdf"))


def test_nothing_is_printed_or_issued_in_a_version_that_was_edited(cast, chained):
    version = TemplateVersion.objects.get(pk=chained.version_id)
    with connection.cursor() as cursor:
        content = version.content | {"issuer": "别处人民政府"}
        field = TemplateVersion._meta.get_field("content")
        cursor.execute(
            "UPDATE certificates_templateversion SET content = %s WHERE id = %s", [field.get_db_prep_save(content, connection), version.pk]
        )
    assert refused(lambda: files.read(Certificate.objects.get(pk=chained.pk), "pdf"))
    assert refused(lambda: services.issue(completion=a_completion(cast.colleague), at=clock.now()))
