"""Who gets in where: my certificates, the files, HR's list, the admin. What HR does to one: test_hr_doors."""

from datetime import timedelta

import pytest
from django.urls import reverse

from certificates import services
from certificates.models import CertificateKind
from certificates.viewsets import CertificateKindViewSet
from core import clock
from people.models import ReadingOfOthers
from tests.cast import EVERYBODY, NOON
from tests.certificates.conftest import a_completion

READERS = {"learner", "own_leader", "liaison", "hr", "auditor"}


@pytest.mark.parametrize("who", sorted(EVERYBODY))
@pytest.mark.parametrize("door", ["certificate", "certificate_pdf", "certificate_image"])
def test_the_holder_and_those_who_may_read_the_record_get_in_others_find_nothing(cast, certificate, sign_in, who, door):
    reader = getattr(cast, who)
    response = sign_in(reader).get(reverse(door, args=[certificate.number]))
    assert response.status_code == (200 if who in READERS else 404)
    logged = ReadingOfOthers.objects.filter(reader=reader, subject=cast.learner)
    assert logged.count() == (1 if who in READERS - {"learner"} else 0)


@pytest.mark.parametrize("door", ["my_certificates", "certificates_issued", "certificate", "certificate_pdf", "certificate_image"])
def test_signed_out_one_is_sent_to_sign_in(client, certificate, door):
    response = client.get(reverse(door, args=[] if door in {"my_certificates", "certificates_issued"} else [certificate.number]))
    assert response.status_code == 302 and "/accounts/login/" in response["Location"]


def test_the_pdf_comes_with_its_type_and_name(cast, certificate, sign_in):
    response = sign_in(cast.learner).get(reverse("certificate_pdf", args=[certificate.number]) + "?download")
    assert response["Content-Type"] == "application/pdf" and response.content.startswith(b"%PDF-")
    assert response["Content-Disposition"].startswith("attachment;") and certificate.number in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"] and "noindex" in response["X-Robots-Tag"]


def test_a_paper_that_cannot_be_printed_says_why(cast, kinds, private, sign_in):
    certificate = services.issue(completion=a_completion(cast.learner, name="张\U0001f600"), at=NOON)
    response = sign_in(cast.learner).get(reverse("certificate_pdf", args=[certificate.number]))
    assert response.status_code == 409 and "U+1F600" in response.content.decode()


def test_an_unknown_number_is_not_found(cast, sign_in):
    for number in ("YAZWGK-01-2026-532325-00001-T", "..", "x" * 300):
        assert sign_in(cast.learner).get(f"/certificates/{number}.pdf").status_code == 404


def test_my_certificates_shows_mine_alone_with_state_and_downloads(cast, certificate, sign_in):
    other = services.issue(completion=a_completion(cast.colleague), at=NOON)
    page = sign_in(cast.learner).get(reverse("my_certificates")).content.decode()
    assert certificate.number in page and other.number not in page
    for door in ("certificate_pdf", "certificate_image", "verify_number"):
        assert reverse(door, args=[certificate.number]) in page


def test_my_certificates_without_any_says_what_to_do(cast, sign_in):
    page = sign_in(cast.colleague).get(reverse("my_certificates"))
    assert page.status_code == 200 and 'class="empty"' in page.content.decode()


def test_my_certificates_does_not_grow_in_queries(cast, kinds, private, sign_in, django_assert_max_num_queries):
    for _ in range(12):
        services.issue(completion=a_completion(cast.learner), at=NOON)
    client = sign_in(cast.learner)
    with django_assert_max_num_queries(8):
        client.get(reverse("my_certificates"))


def test_hr_s_list_does_not_grow_in_queries_and_is_logged(cast, kinds, private, sign_in, django_assert_max_num_queries):
    for person in (cast.learner, cast.colleague) * 8:
        services.issue(completion=a_completion(person), at=NOON)
    client = sign_in(cast.hr)
    with django_assert_max_num_queries(10):
        response = client.get(reverse("certificates_issued"), {"q": "小明"})
    assert response.content.decode().count("certificate-number") == 8
    reading = ReadingOfOthers.objects.get()
    assert (reading.reader, reading.rows, reading.filters) == (cast.hr, 8, {"q": "小明", "page": 1})


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_the_list_shows_what_the_reader_may_see(cast, certificate, sign_in, who):
    response = sign_in(getattr(cast, who)).get(reverse("certificates_issued"))
    if who in {"own_leader", "other_leader", "liaison", "hr", "auditor", "other_hr"}:
        assert response.status_code == 200
        assert (certificate.number in response.content.decode()) == (who in READERS)
    else:
        assert response.status_code == 403


# The Wagtail admin -----------------------------------------------------------------------------

INDEX = "wagtailsnippets_certificates_certificatekind:list"
EDIT = "wagtailsnippets_certificates_certificatekind:edit"
ADD = "wagtailsnippets_certificates_certificatekind:add"
DELETE = "wagtailsnippets_certificates_certificatekind:delete"


def kind_form(kind, **changes) -> dict:
    fields = list(CertificateKindViewSet().get_edit_handler().get_form_class()._meta.fields)
    data = {name: getattr(kind, f"{name}_id", None) or getattr(kind, name) for name in fields} | changes
    if not data["marks_seal_place"]:
        del data["marks_seal_place"]  # a box that is not ticked is not sent
    return {name: value for name, value in data.items() if value is not None}


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_hr_and_administrators_rule_the_kinds_of_their_own_county(cast, kinds, sign_in, who):
    services.ensure_kinds(cast.other_county)
    CertificateKind.objects.filter(county=cast.other_county).update(title="大姚的")
    client = sign_in(getattr(cast, who))
    response = client.get(reverse(INDEX))
    if who not in {"hr", "admin", "other_hr"}:
        assert response.status_code == 403
        return
    page = response.content.decode()
    own = who != "other_hr"
    assert ("培训合格证书" in page) == own and ("大姚的" in page) != own
    assert client.get(reverse(EDIT, args=[kinds[0].pk])).status_code == (200 if own else 404)
    for name in ("usage", "history"):
        address = reverse(f"wagtailsnippets_certificates_certificatekind:{name}", args=[kinds[0].pk])
        assert client.get(address).status_code == (200 if own else 404)
    saved = client.post(reverse(EDIT, args=[kinds[0].pk]), kind_form(kinds[0], title="改过的标题"))
    kinds[0].refresh_from_db()
    assert kinds[0].title == "培训合格证书"  # what is saved is a draft
    assert (kinds[0].get_latest_revision_as_object().title == "改过的标题") == own and saved.status_code == (302 if own else 404)
    client.post(reverse(DELETE, args=[kinds[0].pk]))
    assert CertificateKind.objects.filter(pk=kinds[0].pk).exists()


def test_a_kind_with_an_unknown_placeholder_is_not_saved(cast, kinds, sign_in):
    client = sign_in(cast.hr)
    response = client.post(reverse(EDIT, args=[kinds[0].pk]), kind_form(kinds[0], wording="{nmae}同志"))
    assert response.status_code == 200 and "{nmae}" in response.content.decode()
    kinds[0].refresh_from_db()
    assert "{nmae}" not in kinds[0].wording


def test_a_kind_cannot_be_put_into_another_county_nor_change_its_key(cast, kinds, sign_in):
    client = sign_in(cast.hr)
    client.post(reverse(EDIT, args=[kinds[0].pk]), kind_form(kinds[0], county=cast.other_county.pk, key="other"))
    kinds[0].refresh_from_db()
    assert (kinds[0].county, kinds[0].key) == (cast.county, "training")
    response = client.post(reverse(ADD), kind_form(kinds[0], county=cast.other_county.pk, key="new"))
    assert response.status_code == 200 and not CertificateKind.objects.filter(key="new").exists()
    response = client.post(reverse(ADD), kind_form(kinds[0], key="new"))
    assert response.status_code == 302
    new = CertificateKind.objects.get(key="new")
    assert new.county == cast.county and not new.live


@pytest.mark.parametrize("mode", ["plain", "long", "rare", "lines", "higher"])
def test_the_preview_shows_the_paper_of_what_is_being_typed(cast, kinds, sign_in, mode):
    client = sign_in(cast.hr)
    address = reverse("wagtailsnippets_certificates_certificatekind:preview_on_edit", args=[kinds[0].pk])
    assert client.post(address, kind_form(kinds[0], title="试印标题")).json()["is_valid"]
    page = client.get(address, {"mode": mode}).content.decode()
    assert "data:image/png;base64," in page


def test_the_preview_says_which_character_cannot_be_printed(cast, kinds, sign_in):
    client = sign_in(cast.hr)
    address = reverse("wagtailsnippets_certificates_certificatekind:preview_on_edit", args=[kinds[0].pk])
    client.post(address, kind_form(kinds[0], title="试印\U0001f600"))
    page = client.get(address, {"mode": "plain"}).content.decode()
    assert "U+1F600" in page and "base64" not in page


def test_whoever_loses_the_role_leaves_the_admin(cast, kinds, sign_in):
    from people.services import roles

    services.sync_editors()
    assert sign_in(cast.hr).get(reverse(INDEX)).status_code == 200
    grant = cast.hr.role_grants.get(role="hr")
    grant.ends_on = clock.today(NOON) - timedelta(days=1)
    grant.save()
    services.sync_editors()
    from people.models import Person

    assert not Person.objects.get(pk=cast.hr.pk).has_perm("wagtailadmin.access_admin")
    roles.grant(person=Person.objects.get(pk=cast.hr.pk), role="hr", unit=cast.county, by=cast.admin, on=clock.today(NOON))
    assert Person.objects.get(pk=cast.hr.pk).has_perm("wagtailadmin.access_admin")


def test_whoever_was_stopped_while_roles_changed_rules_certificates_again_when_allowed(cast, kinds, django_assert_max_num_queries):
    from people.models import Person
    from people.services import accounts, roles

    accounts.stop_sign_in(person=cast.hr, by=cast.admin, at=NOON)
    roles.grant(person=cast.colleague, role="hr", unit=cast.county, by=cast.admin, on=clock.today(NOON))
    accounts.allow_sign_in(person=cast.hr, by=cast.admin, at=NOON)
    assert Person.objects.get(pk=cast.hr.pk).has_perm("wagtailadmin.access_admin")
    cast.hr.groups.clear()
    with django_assert_max_num_queries(4):
        [gap] = services.gaps_of_editors(NOON)
    gap.mend()
    assert services.gaps_of_editors(NOON) == []
    assert Person.objects.get(pk=cast.hr.pk).has_perm("wagtailadmin.access_admin")


def test_a_search_that_is_too_long_finds_nothing_says_so_and_stays_in_the_box(cast, certificate, sign_in):
    page = sign_in(cast.hr).get(reverse("certificates_issued"), {"q": "张" * 101}).text
    assert certificate.number not in page and "最多80字" in page and "张" * 80 in page
