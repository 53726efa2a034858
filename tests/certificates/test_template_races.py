"""Templates under approval and several hands at once: real threads on PostgreSQL, through the views of the admin."""

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from wagtail.models import Locale, Site, TaskState, WorkflowState

from certificates import rules, services
from certificates.models import CertificateKind, TemplateVersion
from tests.cast import NOON, assemble, grant, person
from tests.certificates.test_doors import EDIT, kind_form
from tests.certificates.test_proposals import at_once
from tests.certificates.test_templates import approving, decision, in_force, submit

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
ROUNDS = 5


@pytest.fixture
def real(transactional_db):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL: SQLite lets one writer in at a time")
    Locale.objects.get_or_create(language_code="zh-hans")
    Site.clear_site_root_paths_cache()
    cast = assemble()
    services.ensure_kinds(cast.county)
    cast.seconds = [person(f"YA1002{n}", f"金{n}", cast.county) for n in (1, 2)]
    for someone in cast.seconds:
        grant(someone, "hr", cast.county)
    services.sync_editors()
    kind = CertificateKind.objects.get(county=cast.county, key="training")
    services.publish(kind=kind, at=NOON)
    return cast


@pytest.fixture
def kind(real) -> CertificateKind:
    return CertificateKind.objects.get(county=real.county, key="training")


def signed_in(someone) -> Client:
    client = Client()
    client.force_login(someone)
    return client


def stands(kind) -> TemplateVersion:
    """The newest version. What is live is that one, whoever came first."""
    kind, version = CertificateKind.objects.get(pk=kind.pk), in_force(kind)
    assert kind.live and rules.digest(kind.design()) == version.digest
    return version


def failures(outcomes) -> list:
    return [each for each in outcomes if isinstance(each, Exception) or each.status_code >= 500]


def test_two_who_approve_at_once_make_one_version(real, kind):
    author, (first, second) = signed_in(real.hr), map(signed_in, real.seconds)
    before = TemplateVersion.objects.filter(kind=kind).count()
    for number in range(1, ROUNDS + 1):
        submit(author, CertificateKind.objects.get(pk=kind.pk), title=f"第{number}稿")
        outcomes = at_once(decision(first, kind), decision(second, kind))
        assert failures(outcomes) == [], outcomes
        version = stands(kind)
        assert TemplateVersion.objects.filter(kind=kind).count() == before + number
        assert version.content["title"] == f"第{number}稿" and version.by == real.hr and version.approved_by in real.seconds
        approved = TaskState.objects.filter(status=TaskState.STATUS_APPROVED, workflow_state__object_id=str(kind.pk))
        assert approved.count() == number and approved.latest("finished_at").finished_by == version.approved_by
        assert not WorkflowState.objects.active().exists()


def test_approved_and_sent_back_at_once_it_is_one_of_both(real, kind):
    author, (first, second) = signed_in(real.hr), map(signed_in, real.seconds)
    for number in range(1, ROUNDS + 1):
        count = TemplateVersion.objects.filter(kind=kind).count()
        submit(author, CertificateKind.objects.get(pk=kind.pk), title=f"第{number}稿")
        acts = [decision(first, kind), decision(second, kind, "reject", comment="请改")]
        outcomes = at_once(*(acts if number % 2 else reversed(acts)))
        assert failures(outcomes) == [], outcomes
        state = TaskState.objects.filter(workflow_state__object_id=str(kind.pk)).latest("pk")
        is_approved = state.status == TaskState.STATUS_APPROVED
        assert state.status in (TaskState.STATUS_APPROVED, TaskState.STATUS_REJECTED)
        assert TemplateVersion.objects.filter(kind=kind).count() == count + is_approved
        assert (stands(kind).content["title"] == f"第{number}稿") == is_approved
        if not is_approved:
            CertificateKind.objects.get(pk=kind.pk).current_workflow_state.cancel(user=real.admin)


def test_edited_and_approved_at_once_nobody_approves_their_own_words(real, kind):
    author, (editor, approver) = signed_in(real.hr), map(signed_in, real.seconds)
    for number in range(1, ROUNDS + 1):
        submit(author, CertificateKind.objects.get(pk=kind.pk), title=f"第{number}稿")
        draft = CertificateKind.objects.get(pk=kind.pk).get_latest_revision_as_object()
        sent = kind_form(draft, title=f"第{number}稿改")
        acts = [lambda: editor.post(reverse(EDIT, args=[kind.pk]), sent), decision(approver, kind)]
        outcomes = at_once(*(acts if number % 2 else reversed(acts)))
        assert failures(outcomes) == [], outcomes
        latest = CertificateKind.objects.get(pk=kind.pk)
        if latest.current_workflow_state is not None:  # edited between what the approver was shown and the approval: nothing was approved
            latest.current_workflow_state.cancel(user=real.admin)
            continue
        version = stands(kind)
        assert version.content["title"] in (f"第{number}稿", f"第{number}稿改") and version.approved_by == real.seconds[1]
        if latest.get_latest_revision_as_object().title != version.content["title"]:
            assert latest.has_unpublished_changes  # the edit that came second is a draft, and says so


def test_an_edit_with_approval_against_another_s_approval_publishes_no_words_of_the_approver(real, kind):
    author, (editor, approver) = signed_in(real.hr), map(signed_in, real.seconds)
    for number in range(1, ROUNDS + 1):
        submit(author, CertificateKind.objects.get(pk=kind.pk), title=f"第{number}稿")
        sent = approving(kind, title=f"第{number}稿改")
        outcomes = at_once(lambda: editor.post(reverse(EDIT, args=[kind.pk]), sent), decision(approver, kind))
        assert failures(outcomes) == [], outcomes
        version = stands(kind)
        assert version.content["title"] != f"第{number}稿改" or version.approved_by != real.seconds[0]
        state = CertificateKind.objects.get(pk=kind.pk).current_workflow_state
        if state is not None:
            state.cancel(user=real.admin)
