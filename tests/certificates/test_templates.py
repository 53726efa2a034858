"""Certificate templates: two people stand behind each version, and no version ever changes a certificate."""

import io
import json

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from PIL import Image
from wagtail.models import TaskState, WorkflowState

from certificates import paper, rules, services, slots
from certificates.models import CertificateKind, KindReview, TemplatePicture, TemplateVersion
from certificates.models.review import seen_in
from certificates.services import kinds, pictures
from core.errors import Refused
from tests.cast import EVERYBODY, NOON, grant, person
from tests.certificates.conftest import a_completion
from tests.certificates.test_doors import ADD, EDIT, INDEX, kind_form

TURNED_AWAY = "/admin/"  # where Wagtail leads whoever may work there, but not do this
SPACE = "wagtailsnippets_certificates_certificatekind"
IN_ENGLISH = {
    "language": "zh-en",
    "title_en": "Certificate of Training",
    "wording_en": "{name} completed “{course}” with {score} on {date}.",
    "issuer_en": "People's Government of Yao'an County",
}


@pytest.fixture
def kind(kinds):
    return kinds[0]


@pytest.fixture
def second(cast):
    """Another one who rules the county's certificates."""
    someone = person("YA10020", "金二", cast.county)
    grant(someone, "hr", cast.county)
    services.sync_editors()
    return someone


def submit(client, kind, **changes):
    return client.post(reverse(EDIT, args=[kind.pk]), kind_form(kind, **changes) | {"action-submit": "1"})


def decide(client, kind, action="approve", **vouched):
    """What the button in the admin sends, pressed now. Nothing where there is no button."""
    return decision(client, kind, action, **vouched)()


def decision(client, kind, action="approve", **vouched):
    """The button of a page that is open now, to be pressed later by calling what this returns."""
    kind = CertificateKind.objects.get(pk=kind.pk)
    address = reverse(f"{SPACE}:workflow_action", args=[kind.pk, action, kind.current_workflow_task_state.pk])
    approval = {"no_emblem": "on", "seen": seen_in(kind.latest_revision)} if action == "approve" else {}
    return lambda: client.post(address, {"comment": ""} | approval | vouched)


def approving(kind, **changes):
    """The form of the editor, opened now, sent with the button that approves."""
    kind = CertificateKind.objects.get(pk=kind.pk)
    return kind_form(kind.get_latest_revision_as_object(), **changes) | {
        "action-workflow-action": "true",
        "workflow-action-name": "approve",
        "workflow-action-extra-data": '{"no_emblem": true}',
        "loaded_revision_id": str(kind.latest_revision_id),
    }


def in_force(kind) -> TemplateVersion | None:
    return TemplateVersion.objects.filter(kind=kind).order_by("-number").first()


def changed(kind, **facts):
    """A kind as the system publishes it with other facts."""
    for name, value in facts.items():
        setattr(kind, name, value)
    return services.publish(kind=kind, at=NOON)


# ---- four eyes -------------------------------------------------------------------------------


def test_a_change_goes_live_when_a_second_person_approves_it(cast, kind, second, sign_in, private):
    before = services.issue(completion=a_completion(cast.learner), at=NOON)
    assert submit(sign_in(cast.hr), kind, title="新版培训证书").status_code == 302
    kind.refresh_from_db()
    assert kind.title == "培训合格证书" and kind.workflow_in_progress
    meanwhile = services.issue(completion=a_completion(cast.colleague), at=NOON)
    assert meanwhile.title == "培训合格证书" and meanwhile.version == before.version

    assert decide(sign_in(second), kind).status_code == 302
    kind.refresh_from_db()
    version = in_force(kind)
    assert kind.title == "新版培训证书" and kind.live
    assert (version.number, version.content["title"], version.by, version.approved_by) == (2, "新版培训证书", cast.hr, second)
    after = services.issue(completion=a_completion(cast.reviewer), at=NOON)
    assert after.version == version and after.title == "新版培训证书"
    before.refresh_from_db()
    assert before.title == "培训合格证书" and before.version.number == 1


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_only_a_second_person_who_rules_the_county_can_approve(cast, kind, sign_in, who):
    submit(sign_in(cast.hr), kind, title="新")
    response = decide(sign_in(getattr(cast, who)), kind)
    kind.refresh_from_db()
    assert (kind.title == "新") == (who == "admin")
    if who == "hr":
        assert response.url == TURNED_AWAY
    else:
        assert response.status_code == {"admin": 302, "other_hr": 404}.get(who, 403)


def test_a_superuser_without_a_role_in_the_county_writes_and_submits_but_does_not_approve(cast, kind, sign_in, second):
    root = person("ROOT", "根", cast.other_county, is_superuser=True)
    submit(sign_in(cast.hr), kind, title="新")
    assert decide(sign_in(root), kind).url == TURNED_AWAY
    decide(sign_in(second), kind, action="reject")
    assert submit(sign_in(root), kind, title="根写的").status_code == 302
    decide(sign_in(second), kind)
    kind.refresh_from_db()
    assert kind.title == "根写的"


@pytest.mark.parametrize("who", ["hr", "root"])
def test_there_is_no_button_that_publishes_and_no_post_that_does(cast, kind, sign_in, who):
    root = person("ROOT", "根", cast.county, is_superuser=True)
    client = sign_in(root if who == "root" else cast.hr)
    page = client.get(reverse(EDIT, args=[kind.pk])).content.decode()
    assert "action-publish" not in page and "action-unpublish" not in page and "action-submit" in page
    client.post(reverse(EDIT, args=[kind.pk]), kind_form(kind, title="偷偷") | {"action-publish": "1"})
    kind.refresh_from_db()
    assert kind.title == "培训合格证书"
    client.post(reverse(ADD), kind_form(kind, key="new", title="偷偷") | {"action-publish": "1"})
    assert not CertificateKind.objects.filter(key="new", live=True).exists()
    assert client.post(reverse(f"{SPACE}:unpublish", args=[kind.pk])).status_code in (302, 403)
    kind.refresh_from_db()
    assert kind.live
    with pytest.raises(Refused) as refused:
        kind.save_revision(user=cast.hr).publish(user=cast.hr)
    assert refused.value.code == "not_approved"


def test_nobody_approves_what_they_wrote_themselves(cast, kind, second, sign_in):
    client = sign_in(cast.hr)
    submit(client, kind, title="自己写的")
    assert decide(client, kind).url == TURNED_AWAY
    task = kind.current_workflow_task_state
    with pytest.raises(Refused) as refused:
        task.approve(user=cast.hr)  # past every view
    assert refused.value.code == "own_work"
    kind.refresh_from_db()
    assert kind.title == "培训合格证书"


def test_whoever_changes_it_while_it_waits_is_not_its_second_person(cast, kind, second, sign_in):
    submit(sign_in(cast.hr), kind, title="甲写的")
    client = sign_in(second)
    assert client.post(reverse(EDIT, args=[kind.pk]), approving(kind, title="乙改的")).status_code == 409
    kind.refresh_from_db()
    assert kind.title == "培训合格证书" and in_force(kind) is None
    decide(sign_in(cast.admin), kind)
    kind.refresh_from_db()
    assert kind.title == "乙改的" and in_force(kind).approved_by == cast.admin


def test_its_author_cannot_change_it_while_it_waits(cast, kind, second, sign_in):
    client = sign_in(cast.hr)
    submit(client, kind, title="交上去的")
    client.post(reverse(EDIT, args=[kind.pk]), kind_form(kind, title="悄悄换了"))
    assert CertificateKind.objects.get(pk=kind.pk).get_latest_revision_as_object().title == "交上去的"


def test_an_approval_needs_its_word_about_the_emblem(cast, kind, second, sign_in):
    submit(sign_in(cast.hr), kind, title="新")
    client = sign_in(second)
    decide(client, kind, no_emblem="")
    kind.refresh_from_db()
    assert kind.workflow_in_progress and kind.title == "培训合格证书"
    form = approving(kind) | {"workflow-action-extra-data": json.dumps({"comment": ""})}
    assert client.post(reverse(EDIT, args=[kind.pk]), form).status_code in (302, 403)
    kind.refresh_from_db()
    assert kind.workflow_in_progress and kind.title == "培训合格证书"
    with pytest.raises(PermissionDenied):
        KindReview.objects.get().on_action(kind.current_workflow_task_state, second, "approve", no_emblem="on")


def test_the_window_that_asks_for_the_approval_names_the_draft_that_it_was_opened_on(cast, kind, second, sign_in):
    submit(sign_in(cast.hr), kind, title="新")
    kind.refresh_from_db()
    seen, client = seen_in(kind.latest_revision), sign_in(second)
    for door in ("workflow_action", "collect_workflow_action_data"):
        address = reverse(f"{SPACE}:{door}", args=[kind.pk, "approve", kind.current_workflow_task_state.pk])
        assert f'name=\\"seen\\" value=\\"{seen}\\"' in client.get(address).text
    assert 'name="loaded_revision_id"' in client.get(reverse(EDIT, args=[kind.pk])).text

    assert decide(client, kind, seen="").status_code == 409  # which draft, it does not say
    assert client.post(reverse(EDIT, args=[kind.pk]), approving(kind) | {"loaded_revision_id": ""}).status_code == 409
    kind.refresh_from_db()
    assert kind.workflow_in_progress and kind.title == "培训合格证书"


@pytest.mark.parametrize("door", ["window", "editor"])
def test_what_was_changed_after_it_was_opened_is_not_approved(cast, kind, second, sign_in, door):
    submit(sign_in(cast.hr), kind, title="看到的")
    window, editor = {"seen": seen_in(CertificateKind.objects.get(pk=kind.pk).latest_revision)}, approving(kind)
    draft = CertificateKind.objects.get(pk=kind.pk).get_latest_revision_as_object()
    sign_in(cast.admin).post(reverse(EDIT, args=[kind.pk]), kind_form(draft, title="换过的"))

    client = sign_in(second)
    refused = decide(client, kind, **window) if door == "window" else client.post(reverse(EDIT, args=[kind.pk]), editor)
    assert refused.status_code == 409 and cast.admin.name in refused.text
    kind.refresh_from_db()
    assert kind.title == "培训合格证书" and kind.workflow_in_progress
    assert kind.get_latest_revision_as_object().title == "换过的"  # nothing was saved over it

    assert decide(client, kind).status_code == 302  # looked at again
    kind.refresh_from_db()
    assert kind.title == "换过的" and in_force(kind).approved_by == second


def test_saving_the_same_words_again_makes_no_approval_stale(cast, kind, second, sign_in):
    submit(sign_in(cast.hr), kind, title="新")
    seen = seen_in(CertificateKind.objects.get(pk=kind.pk).latest_revision)
    draft = CertificateKind.objects.get(pk=kind.pk).get_latest_revision_as_object()
    sign_in(cast.admin).post(reverse(EDIT, args=[kind.pk]), kind_form(draft))
    assert decide(sign_in(second), kind, seen=seen).status_code == 302
    kind.refresh_from_db()
    assert kind.title == "新"


def test_the_editor_s_button_approves_what_its_page_shows(cast, kind, second, sign_in):
    submit(sign_in(cast.hr), kind, title="新")
    assert sign_in(second).post(reverse(EDIT, args=[kind.pk]), approving(kind)).status_code == 302
    kind.refresh_from_db()
    assert kind.title == "新" and in_force(kind).approved_by == second


def test_the_database_takes_no_version_that_its_author_approved(cast, kind):
    version = services.version_in_force(kind, at=NOON)
    version.pk, version.number, version._state.adding = None, 2, True
    version.by = version.approved_by = cast.hr
    with pytest.raises(IntegrityError, match="template_version_by_two"), transaction.atomic():
        version.save()


def test_a_template_that_was_sent_back_goes_live_after_it_was_mended(cast, kind, second, sign_in):
    submit(sign_in(cast.hr), kind, title="有错字")
    decide(sign_in(second), kind, action="reject", comment="改错字")
    assert kind.workflow_states.get().status == WorkflowState.STATUS_NEEDS_CHANGES
    submit(sign_in(cast.hr), kind, title="没错字")
    decide(sign_in(second), kind)
    kind.refresh_from_db()
    assert kind.title == "没错字" and in_force(kind).number == 1


def test_a_template_with_a_character_that_nobody_can_print_does_not_go_live(cast, kind, second, sign_in):
    answer = submit(sign_in(cast.hr), kind, title="证书\U0001f600")
    assert answer.status_code == 200 and "\U0001f600" in answer.content.decode()  # its author learns it, and the form keeps what was typed
    assert not kind.workflow_in_progress
    kind.title = "证书\U0001f600"
    with pytest.raises(Refused) as refused:
        kinds.check_publication(kind=kind, revision=kind.save_revision(clean=False), by=None)
    assert refused.value.code == "missing_glyph"
    kind.refresh_from_db()
    assert kind.title == "培训合格证书" and in_force(kind) is None


def test_a_new_kind_issues_nothing_before_it_is_approved(cast, kind, second, sign_in, private):
    sign_in(cast.hr).post(reverse(ADD), kind_form(kind, key="editor", title="发布员证书") | {"action-submit": "1"})
    new = CertificateKind.objects.get(key="editor")
    assert not new.live
    earned = a_completion(cast.learner, certificate="editor")
    with pytest.raises(Refused) as refused:
        services.issue(completion=earned, at=NOON)
    assert refused.value.code == "no_kind"
    assert "editor" not in dict(slots.choices(cast.county))
    decide(sign_in(second), new)
    assert services.issue(completion=earned, at=NOON).title == "发布员证书"


def test_the_system_publishes_without_a_person(cast, kind):
    kind = changed(kind, title="系统写的")
    version = in_force(kind)
    assert (version.content["title"], version.by, version.approved_by) == ("系统写的", None, None)
    assert changed(kind, category="05").versions.count() == 1  # the design is the same


def test_the_system_publishes_nothing_that_cannot_be_printed(cast, kind):
    for fault, facts in {"incomplete": {"wording": "{nmae}"}, "missing_glyph": {"wording": "\U0001f600"}}.items():
        with pytest.raises(Refused) as refused:
            changed(CertificateKind.objects.get(pk=kind.pk), **facts)
        assert refused.value.code == fault
    assert not TemplateVersion.objects.exists() and not CertificateKind.objects.get(pk=kind.pk).has_unpublished_changes


def test_the_way_to_approve_is_opened_where_it_is_missing(cast, kind):
    assert services.gaps_of_review(NOON) == []
    workflow = CertificateKind.get_default_workflow()
    workflow.workflow_content_types.all().delete()
    [gap] = services.gaps_of_review(NOON)
    gap.mend()
    assert services.gaps_of_review(NOON) == [] and CertificateKind.get_default_workflow() is not None


def test_what_waits_for_approval_is_counted_for_those_who_may_approve(cast, kind, second, sign_in):
    submit(sign_in(cast.hr), kind, title="新")
    assert list(TaskState.objects.reviewable_by(second)) == [TaskState.objects.get()]
    assert not TaskState.objects.reviewable_by(cast.other_hr).exists()
    assert not TaskState.objects.reviewable_by(cast.trainer).exists()


def test_the_start_page_shows_what_waits_and_what_came_back(cast, kind, second, sign_in):
    home = reverse("wagtailadmin_home")
    submit(sign_in(cast.hr), kind, title="等着审批的")
    page = sign_in(second).get(home).content.decode()
    assert "等着审批的" in page and cast.hr.name in page
    assert "等着审批的" not in sign_in(cast.other_hr).get(home).content.decode()
    decide(sign_in(second), kind, action="reject", comment="请改一个字")
    assert "请改一个字" not in sign_in(second).get(home).content.decode()
    page = sign_in(cast.hr).get(home).content.decode()
    assert "请改一个字" in page and second.name in page


def test_hr_is_told_in_the_admin_what_hr_does_there_and_offered_no_door_that_is_closed(cast, kind, second, sign_in):
    page = sign_in(cast.hr).get(reverse("wagtailadmin_home")).content.decode()
    assert "授予您教员" not in page and "在此办理" in page
    assert reverse("remark_list") in page and reverse("wagtailsnippets_certificates_certificatekind:list") in page
    for closed in ("exam_list", "marking"):
        assert f'"{reverse(closed)}"' not in page
        assert sign_in(cast.hr).get(reverse(closed)).status_code == 403


def test_those_who_may_approve_are_told_by_mail_others_are_not(cast, kind, second, sign_in, mailoutbox):
    submit(sign_in(cast.hr), kind, title="等着审批的")
    assert {mail.to[0] for mail in mailoutbox} == {cast.admin.email, second.email}
    assert all("等着审批的" in mail.body for mail in mailoutbox)


# ---- texts and colours -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wording", "wording_en"])
@pytest.mark.parametrize("text", ["{nmae}", "{name", "} {name}", "{name}{name}{name}", "{}", "{ name }"])
def test_a_wording_that_cannot_be_filled_is_refused_in_both_languages(kind, name, text):
    with pytest.raises(ValidationError) as refused:
        for field, value in (IN_ENGLISH | {name: text}).items():
            setattr(kind, field, value)
        kind.clean()
    assert set(refused.value.message_dict) == {name}


@pytest.mark.parametrize("name", ["title", "wording", "issuer", "title_en", "wording_en", "issuer_en", "signatory_2", "signatory_3_post"])
@pytest.mark.parametrize(
    "text",
    [
        "电子证照",
        "电 子 证 照",
        "电子（证照）",
        "電子證照",
        "Electronic Licence",
        "e-license",
        "electronic certificates and licenses",
        "ＥＬＥＣＴＲＯＮＩＣ　ＰＥＲＭＩＴ",
    ],
)
def test_no_text_of_a_template_calls_itself_a_licence(kind, name, text):
    for field, value in (IN_ENGLISH | {"signatory_3": "某"} | {name: text}).items():
        setattr(kind, field, value)
    with pytest.raises(ValidationError) as refused:
        kind.clean()
    assert set(refused.value.message_dict) == {name}


@pytest.mark.parametrize(
    "text", ["电子政务培训证书", "electronic government training", "Certificate of licensed trainers", "permits and e-services"]
)
def test_other_words_stay_allowed(kind, text):
    kind.title = text
    kind.clean()


def test_a_bilingual_template_needs_its_english_and_a_post_needs_its_name(kind):
    kind.language, kind.signatory_1_post = "zh-en", "主任"
    with pytest.raises(ValidationError) as refused:
        kind.clean()
    assert set(refused.value.message_dict) == {"title_en", "wording_en", "issuer_en", "signatory_1"}


@pytest.mark.parametrize(
    ("field", "colour", "passes"),
    [
        ("ink", "#595959", False),
        ("ink", "#585858", True),
        ("accent", "#777777", False),
        ("accent", "#767676", True),
        ("ink", "#000000", True),
    ],
)
def test_colours_that_cannot_be_read_on_paper_are_refused(kind, field, colour, passes):
    # #767676 is the palest grey that has 4.5 : 1 on white; labels in #585858 are printed in it.
    setattr(kind, field, colour)
    if passes:
        kind.full_clean()
        return
    with pytest.raises(ValidationError) as refused:
        kind.full_clean()
    assert set(refused.value.message_dict) == {field}


@pytest.mark.parametrize("colour", ["red", "#12345", "#1234567", "#12345g", "url(x)", "#fff"])
def test_what_is_no_colour_is_refused(kind, colour):
    kind.accent = colour
    with pytest.raises(ValidationError) as refused:
        kind.full_clean()
    assert set(refused.value.message_dict) == {"accent"}


# ---- pictures --------------------------------------------------------------------------------


def drawn(form="PNG", size=(300, 200), colour="#ffffff", mode="RGB", **more) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, form, **more)
    return out.getvalue()


def kept(cast, data, use="seal", by=None, county=None):
    return pictures.keep(data=data, use=use, name="章.png", county=county or cast.county, by=by or cast.hr, at=NOON)


def test_a_picture_is_drawn_anew_and_carries_nothing_but_its_pixels(cast, private):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112], exif[0x8825] = "张小明拍摄", 6, {1: "N", 2: (25.0, 30.0, 0.0)}  # description, turned, place
    data = drawn("JPEG", exif=exif) + b"<script>alert(1)</script>"
    picture = kept(cast, data, use="background")
    stored = pictures.bytes_of(picture)
    assert (picture.width, picture.height) == (200, 300)  # turned as the camera said
    assert not Image.open(io.BytesIO(stored)).getexif() and b"script" not in stored and "张小明".encode() not in stored
    assert kept(cast, data, use="background") == picture and TemplatePicture.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "wrong_content"),
        (b"%PDF-1.7 no picture", "wrong_content"),
        (b"", "wrong_content"),
        (drawn("GIF"), "wrong_content"),
        (drawn("WEBP"), "wrong_content"),
        (drawn("PNG")[:60], "wrong_content"),
        (drawn("JPEG", (400, 400), "#123456")[:400], "wrong_content"),
        (drawn("PNG", (6000, 5000), 1, "1"), "too_large"),  # a bomb: 4 kB of file, 30 million pixels
        (drawn("PNG") + b"\0" * 2**23, "too_large"),
        (drawn("PNG", (20, 300)), "too_small"),
    ],
)
def test_what_is_no_picture_to_print_is_refused(cast, private, data, code):
    with pytest.raises(Refused) as refused:
        kept(cast, data)
    assert refused.value.code == code and not TemplatePicture.objects.exists()


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_only_those_who_rule_the_county_keep_and_see_its_pictures(cast, kinds, sign_in, private, who):
    picture = kept(cast, drawn())
    client = sign_in(getattr(cast, who))
    address = reverse(f"{SPACE}:pictures")
    file = io.BytesIO(drawn(colour="#112233"))
    file.name = "新章.png"
    answer = client.post(address, {"use": "seal", "picture": file, "county": cast.county.pk}, headers={"accept": "application/json"})
    seen = client.get(reverse(f"{SPACE}:picture_file", args=[picture.pk]))
    if who in {"hr", "admin"}:
        assert answer.json()["use"] == "seal" and seen.status_code == 200
        assert TemplatePicture.objects.get(pk=answer.json()["pk"]).name == "新章"
    elif who == "other_hr":
        assert answer.status_code == 422 and seen.status_code == 404
        with pytest.raises(PermissionDenied):
            kept(cast, drawn(), by=cast.other_hr)
    else:
        assert answer.status_code == 403 and seen.status_code == 403
    assert TemplatePicture.objects.filter(county=cast.county).count() == (2 if who in {"hr", "admin"} else 1)


def test_a_picture_of_another_county_or_for_another_use_is_no_choice(cast, kinds, kind, sign_in, private):
    theirs = kept(cast, drawn(colour="#ff0000"), by=cast.other_hr, county=cast.other_county)
    backdrop = kept(cast, drawn(colour="#fefefe"), use="background")
    client = sign_in(cast.hr)
    for wrong in (theirs, backdrop):
        page = client.post(reverse(EDIT, args=[kind.pk]), kind_form(kind, seal=wrong.pk))
        assert page.status_code == 200
        kind.seal = wrong
        with pytest.raises(ValidationError):
            kind.clean()
        kind.seal = None


def test_a_background_too_dark_behind_the_text_is_refused_a_dark_frame_is_not(cast, kind, private):
    framed = Image.new("RGB", (600, 400), "#fffdf5")
    framed.paste("#402020", (0, 0, 600, 25))
    out = io.BytesIO()
    framed.save(out, "PNG")
    kind.background = kept(cast, out.getvalue(), use="background")
    kind.clean()
    kind.background = kept(cast, drawn(colour="#7a8899"), use="background")
    with pytest.raises(ValidationError) as refused:
        kind.clean()
    assert set(refused.value.message_dict) == {"background"}


def test_a_picture_file_that_is_gone_or_exchanged_prints_nothing(cast, kind, private):
    kind = changed(kind, seal=kept(cast, drawn(colour="#aa0000")))
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    assert paper.pdf(certificate).startswith(b"%PDF-")
    paper._as_svg.cache_clear()
    [file] = (private / "certificate-pictures" / str(cast.county.pk)).iterdir()
    file.write_bytes(drawn(colour="#00aa00"))
    with pytest.raises(Refused) as refused:
        paper.pdf(certificate)
    assert refused.value.code == "picture_lost"
    file.unlink()
    with pytest.raises(Refused):
        paper.pdf(certificate)


# ---- versions --------------------------------------------------------------------------------


def test_changing_and_publishing_a_template_changes_no_byte_of_a_certificate(cast, kind, private):
    kind = changed(kind, seal=kept(cast, drawn(colour="#aa0000")), **IN_ENGLISH)
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    digest, before = certificate.facts_digest, paper.pdf(certificate)
    changed(
        kind,
        title="另一个",
        wording="{name}。",
        title_en="Another",
        seal=kept(cast, drawn(colour="#0000aa")),
        accent="#7a1d1d",
        orientation="portrait",
        qr_place="top_left",
        signatory_1="某人",
    )
    assert TemplateVersion.objects.filter(kind=kind).count() == 2
    again = type(certificate).objects.get(pk=certificate.pk)
    assert paper.pdf(again) == before and again.facts_digest == digest


def test_a_row_changed_past_every_door_issues_nothing_of_it(cast, kind, private):
    services.issue(completion=a_completion(cast.learner), at=NOON)
    CertificateKind.objects.filter(pk=kind.pk).update(title="偷换", wording="{name}偷换", issuer="别处", validity_months=0)
    certificate = services.issue(completion=a_completion(cast.colleague), at=NOON)
    assert certificate.title == "培训合格证书" and "偷换" not in certificate.text and certificate.valid_until is not None
    assert certificate.issuer == "姚安县人民政府"


def test_a_version_is_a_fact(cast, kind):
    from core.models import FactChanged

    changed(kind, title="新")
    version = in_force(kind)
    version.content = {}
    with pytest.raises(FactChanged):
        version.save()
    with pytest.raises(FactChanged):
        version.delete()


def test_certificates_of_the_first_layout_are_printed_in_it_for_ever(cast, kind, private):
    content = {name: kind.design()[name] for name in ("title", "wording", "issuer", "validity_months")} | {"layout": "v1"}
    TemplateVersion.objects.create(kind=kind, number=1, content=content, digest=rules.digest(content), at=NOON)
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    before = paper.pdf(certificate)
    changed(kind, title="新", orientation="portrait")
    assert paper.pdf(type(certificate).objects.get(pk=certificate.pk)) == before
    assert services.issue(completion=a_completion(cast.colleague), at=NOON).version.content["layout"] == "v2"


def test_a_seal_has_room_where_the_code_is_on_top_and_keeps_its_size_in_older_versions(cast, kind, private):
    out = io.BytesIO()
    Image.new("RGBA", (200, 200), (200, 30, 30, 90)).save(out, "PNG")
    changed(kind, orientation="landscape", qr_place="top_right", seal=kept(cast, out.getvalue()))
    new = services.issue(completion=a_completion(cast.learner), at=NOON)
    assert paper.sheet(new)["seal_mm"] == 32
    content = {name: value for name, value in new.version.content.items() if name != "seal_mm"}
    TemplateVersion.objects.create(kind=kind, number=9, content=content, digest=rules.digest(content), at=NOON)
    old = services.issue(completion=a_completion(cast.colleague), at=NOON)
    assert paper.sheet(old)["seal_mm"] == 36 and paper.pdf(old) == paper.pdf(old)
    changed(kind, orientation="portrait")
    assert in_force(kind).content["seal_mm"] == 36


def test_the_page_of_versions_shows_each_with_its_certificates_in_few_queries(cast, kind, sign_in, private, django_assert_max_num_queries):
    client = sign_in(cast.hr)
    address = reverse(f"{SPACE}:versions", args=[kind.pk])
    assert client.get(address).status_code == 200  # before there is one
    services.issue(completion=a_completion(cast.learner), at=NOON)
    services.issue(completion=a_completion(cast.colleague), at=NOON)
    for number in range(2, 8):
        changed(kind, title=f"第{number}版标题")
    services.issue(completion=a_completion(cast.reviewer), at=NOON)
    client.get(address)
    with django_assert_max_num_queries(16):
        page = client.get(address).content.decode()
    assert page.count(f"/versions/{kind.pk}/") == 7
    assert page.index("<dd>1</dd>") < page.index("<dd>2</dd>")  # the newest first, the oldest with two certificates
    assert "<dd>0</dd>" in page
    picture = client.get(reverse(f"{SPACE}:version_picture", args=[kind.pk, 3]))
    assert Image.open(io.BytesIO(picture.content)).width > 600
    assert client.get(reverse(f"{SPACE}:version_picture", args=[kind.pk, 99])).status_code == 404


@pytest.mark.parametrize("name", ["versions", "history", "workflow_history", "usage", "edit", "lock", "unlock", "preview_on_edit"])
def test_no_page_of_a_template_opens_in_another_county(cast, kind, sign_in, name):
    services.ensure_kinds(cast.other_county)
    client = sign_in(cast.other_hr)
    assert client.get(reverse(f"{SPACE}:{name}", args=[kind.pk])).status_code == 404
    assert client.post(reverse(f"{SPACE}:{name}", args=[kind.pk])).status_code == 404


def test_the_chooser_and_the_list_show_one_county(cast, kind, sign_in, django_assert_max_num_queries):
    services.ensure_kinds(cast.other_county)
    CertificateKind.objects.filter(county=cast.other_county).update(title="大姚的")
    client = sign_in(cast.hr)
    chooser = reverse("wagtailsnippetchoosers_certificates_certificatekind:choose")
    for page in (client.get(reverse(INDEX)).content.decode(), client.get(chooser).json()["html"]):
        assert "培训合格证书" in page and "大姚的" not in page
    with django_assert_max_num_queries(30):
        client.get(reverse(INDEX))


# ---- preview ---------------------------------------------------------------------------------


def seen(client, kind, mode="plain", **changes) -> str:
    address = reverse(f"{SPACE}:preview_on_edit", args=[kind.pk])
    assert client.post(address, kind_form(kind, **changes)).json() == {"is_valid": True, "is_available": True}
    return client.get(address, {"mode": mode}).content.decode()


@pytest.mark.parametrize(
    ("changes", "mode", "said"),
    [
        ({"wording": "{nmae}同志"}, "plain", "{nmae}"),
        ({"title": "证书\U0001f600"}, "rare", "U+1F600"),
        ({"ink": "#cccccc"}, "plain", "4.5"),
        ({"title": "电子证照"}, "plain", "电子证照"),
        ({}, "both", "英文"),
        ({"language": "zh-en"}, "plain", "英文"),
    ],
)
def test_the_preview_says_in_words_what_cannot_be_printed(cast, kind, sign_in, changes, mode, said):
    page = seen(sign_in(cast.hr), kind, mode, **changes)
    assert said in page and "data:image/png" not in page and 'role="alert"' in page


@pytest.mark.parametrize("mode", ["plain", "long", "rare", "lines", "higher", "both"])
@pytest.mark.parametrize("orientation", ["landscape", "portrait"])
def test_the_preview_shows_every_mode_of_a_bilingual_template(cast, kind, sign_in, private, mode, orientation):
    seal = kept(cast, drawn(colour="#aa0000"))
    page = seen(
        sign_in(cast.hr), kind, mode, **IN_ENGLISH, orientation=orientation, seal=seal.pk, signatory_1="某人", signatory_1_post="主任"
    )
    assert "data:image/png;base64," in page


def test_previews_leave_everything_as_it_was(cast, kind, sign_in):
    seen(sign_in(cast.hr), kind, title="只是看看")
    kind.refresh_from_db()
    assert kind.title == "培训合格证书" and not kind.revisions.exists() and not TemplateVersion.objects.exists()
