"""Files that strangers drop in: what is genuine, what was changed, and everything that is not a certificate."""

import copy
import io
import json
import logging
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse
from PIL import Image

from certificates import badge, bundle, files, keyring, paper, rules, services, status_lists
from certificates.models import Certificate, CertificateKind, StatusEvent
from certificates.services import keys as keys_of
from certificates.verify import comparison, inspection, judgement, limits
from core import clock, turns, uploads
from core.errors import Refused
from people.models import Person
from tests.cast import NOON
from tests.certificates import paperwork
from tests.certificates.conftest import a_completion
from tests.certificates.paperwork import Keys, appended, flipped, saying, theirs, written_anew

PAGE, JSON = "/verify/file/", "/verify/file.json"


@pytest.fixture
def unsigned(certificate) -> bytes:
    return paper.pdf(certificate)


@pytest.fixture
def signed(certificate) -> bytes:
    """The paper as the holder downloads it."""
    return files.read(certificate, "pdf")


@pytest.fixture
def drop(client, cast):
    """What programs are told of a file."""

    def send(data: bytes, name="certificate.pdf", **more) -> dict:
        response = client.post(JSON, {"file": SimpleUploadedFile(name, data), **more})
        assert response.status_code == 200, response.content
        return response.json()

    return send


def forged(certificate: Certificate, **facts) -> bytes:
    """A paper of our make with other facts on it: what somebody with our layout and without our key could set."""
    other = copy.copy(certificate)
    for name, value in facts.items():
        setattr(other, name, value)
    return paper.pdf(other)


def verdict(told: dict) -> str:
    return told["file"]["verdict"]


def changed(told: dict) -> dict[str, str | None]:
    return {one["fact"]: one["in_file"] for one in told["file"]["facts"] if not one["agrees"]}


# ---- genuine ----------------------------------------------------------------------------------


def test_a_signed_paper_is_genuine_and_every_printed_fact_agrees(drop, certificate, signed):
    told = drop(signed)

    assert verdict(told) == "genuine" and told["file"]["genuine"] is True
    assert {one["fact"] for one in told["file"]["facts"]} == set(paper.printed(certificate))
    assert changed(told) == {} and told["certificate"]["status"] == "valid"
    assert "张小明" not in str(told) and "张*明" in str(told)


def test_a_genuine_paper_of_a_revoked_certificate_is_no_good_and_says_both(client, cast, certificate, signed, drop):
    StatusEvent.objects.create(certificate=certificate, kind="revoked", reason="查实替考", by=cast.hr, at=clock.now())

    told = drop(signed, on="2026-07-01")
    page = client.post(PAGE, {"file": SimpleUploadedFile("a.pdf", signed)}).content.decode()

    assert told["file"]["genuine"] and told["certificate"]["status"] == "revoked" and told["certificate"]["status_on"] == "valid"
    assert "check-tone-good" not in page and "check-tone-warn" in page and "check-revoked" in page and "查实替考" not in page


def test_a_paper_signed_by_a_retired_key_stays_genuine_and_by_a_withdrawn_one_does_not(drop, signed):
    from certificates.models import SigningKey
    from certificates.services import keys

    kid = SigningKey.objects.in_use().get(purpose="paper").kid
    keys.rotate(purpose="paper", at=clock.now())
    assert verdict(drop(signed)) == "genuine"

    keys.retire(kid=kid, at=clock.now(), compromised=True)
    told = drop(signed)
    assert verdict(told) == "key_withdrawn" and told["certificate"] and not told["file"]["genuine"]


def test_a_paper_of_an_authority_that_was_withdrawn_is_told_as_such_and_not_as_changed(client, drop, signed):
    keys_of.retire(kid=keyring.kid_in_use("ca"), at=clock.now(), compromised=True)
    assert verdict(drop(signed)) == verdict(drop(signed + b"\n")) == "key_withdrawn"
    page = client.post(PAGE, {"file": SimpleUploadedFile("a.pdf", signed)}).text
    assert "check-tone-bad" in page and "签名所用的密钥已撤回" in page


def test_a_paper_is_still_genuine_when_the_certificate_of_its_key_has_run_out(drop, signed, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(days=365 * 40))

    told = drop(signed)

    assert verdict(told) == "genuine" and told["certificate"]["status"] == "expired"


# ---- changed ----------------------------------------------------------------------------------


def test_no_byte_can_be_changed(certificate, signed):
    from certificates.verify.inspector import inspect

    def told(data: bytes) -> str | None:
        """In a thread of its own: the browser of another test may have left an event loop in this one, and pyHanko brings its own."""
        return pool.submit(inspect, data, known).result().get("signature")

    keys = Keys.of_the_site()
    known = {"certificates": [inspection._pem(keys.certificate)], "authorities": [inspection._pem(keys.authority)], "withdrawn": []}
    gap = signed.index(b"/Contents <") if b"/Contents <" in signed else signed.rindex(b"<30")
    places = [*range(0, len(signed), len(signed) // 60), *range(gap, gap + 2600, 29), gap + 4000, len(signed) - 1]
    logging.disable(logging.CRITICAL)
    try:
        with ThreadPoolExecutor(1) as pool:
            assert told(signed) == "valid"
            still = [place for place in places if place < len(signed) and told(flipped(signed, place)) == "valid"]
    finally:
        logging.disable(logging.NOTSET)
    assert still == []


def test_a_changed_byte_is_told_as_a_change_of_a_paper_of_ours(drop, signed):
    told = drop(flipped(signed, signed.index(b"/Author") + 12))

    assert verdict(told) == "broken" and not told["file"]["genuine"]


def test_an_appended_update_is_named_as_such(drop, signed):
    told = drop(appended(signed))

    assert verdict(told) == "appended" and not told["file"]["genuine"] and changed(told) == {}
    assert verdict(drop(signed + b"\n% nothing but a comment\n")) == "appended"


def edited(certificate: Certificate) -> Certificate:
    """The record after somebody changed it in the database."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE certificates_certificate SET score = 60 WHERE id = %s", [certificate.pk])
    return Certificate.objects.get(pk=certificate.pk)


def test_of_an_edited_record_neither_file_nor_record_is_confirmed_and_nothing_of_it_is_shown(drop, certificate, signed):
    ours = badge.file(certificate)
    edited(certificate)
    for data, name, is_sound in (
        (ours, "a.badge.json", True),
        (signed, "a.pdf", True),
        (ours.replace(b"92.5", b"99.5"), "a.badge.json", False),
        (appended(signed), "a.pdf", False),
    ):
        told = drop(data, name)
        assert verdict(told) == "altered" and not told["file"]["genuine"] and not told["file"]["facts"] and told["certificate"] is None
        assert bool(told["file"]["notes"]) is is_sound, name


def test_no_file_is_made_of_an_edited_record(certificate, tmp_path):
    record = edited(certificate)
    for make in (
        lambda: files.read(record, "pdf"),
        lambda: files.read(record, "png"),
        lambda: badge.file(record),
        lambda: badge.file(record, offline=True),
        lambda: bundle.write(record, tmp_path / "out", at=clock.now()),
    ):
        with pytest.raises(Refused) as refusal:
            make()
        assert refusal.value.code == "altered"


def test_an_edited_record_downloads_nothing_and_says_why(certificate, sign_in):
    edited(certificate)
    for kind in ("pdf", "png", "badge.json"):
        answer = sign_in(certificate.person).get(f"/certificates/{certificate.number}.{kind}")
        assert answer.status_code == 409 and "不是发证时" in answer.text, kind


def test_what_was_written_over_the_page_in_a_note_is_told(drop, signed):
    from pypdf import PdfWriter
    from pypdf.annotations import FreeText

    writer = PdfWriter(io.BytesIO(signed), incremental=True)
    writer.add_annotation(0, FreeText(text="考核成绩100分，优秀", rect=(160, 170, 420, 210)))
    out = io.BytesIO()
    writer.write(out)
    told = drop(out.getvalue())

    assert verdict(told) == "appended"
    assert {"recorded": "", "in_file": "考核成绩100分,优秀"} in told["file"]["other_changes"] and told["file"]["notes"] == [
        "文件中附带的徽章真实。"
    ]


def test_an_appended_update_that_shows_other_facts_is_told_fact_by_fact(drop, certificate, signed):
    other = forged(certificate, person_name="李四光", text=certificate.text.replace("张小明", "李四光"), score=99)

    told = drop(appended(signed, other))

    assert verdict(told) == "appended"
    assert changed(told)["name"] == "李四光" and changed(told)["score"] == "99分" and "李四光" in changed(told)["text"]
    assert "unit" not in changed(told) and "张小明" not in str(told)


def test_facts_that_were_edited_and_saved_anew_are_named(drop, certificate):
    told = drop(forged(certificate, hours=20, valid_until=certificate.valid_until.replace(year=2038)))

    assert verdict(told) == "unsigned" and not told["file"]["genuine"]
    assert changed(told) == {"hours": "20学时", "valid_until": "2038年6月15日"}
    assert told["certificate"]["valid_until"] == "2028-06-15"


def test_a_paper_that_we_signed_but_the_record_does_not_bear_out_is_not_genuine(drop, certificate):
    told = drop(Keys.of_the_site().sign(forged(certificate, score=100)))

    assert verdict(told) == "differs" and changed(told) == {"score": "100分"}


def test_a_number_that_was_never_issued_is_not_genuine_whoever_signed(drop, certificate):
    number = rules.compose_number(prefix="YAZWGK", category="01", year=2026, county_code="532325", serial=777)
    told = drop(Keys.of_the_site().sign(forged(certificate, number=number)))

    assert verdict(told) == "no_record" and told["certificate"] is None


# ---- not ours ---------------------------------------------------------------------------------


def test_a_signature_of_somebody_with_our_name_is_not_ours(client, unsigned):
    page = client.post(PAGE, {"file": SimpleUploadedFile("a.pdf", theirs().sign(unsigned))}).content.decode()

    assert "check-tone-bad" in page and "check-tone-good" not in page and "不是本平台签发" in page


def test_an_older_paper_without_a_signature_proves_nothing_but_is_compared(drop, unsigned):
    told = drop(unsigned)

    assert verdict(told) == "unsigned" and not told["file"]["genuine"] and changed(told) == {}
    assert len(told["file"]["facts"]) > 8


def test_names_cannot_be_tried_out_on_a_paper_of_ones_own_making(drop, certificate):
    right, wrong = drop(paper.pdf(certificate)), drop(forged(certificate, person_name="张大明", text=certificate.text.replace("小", "大")))

    assert changed(right) == changed(wrong) == {}
    assert str(right).replace(right["certificate"]["checked_at"], "") == str(wrong).replace(wrong["certificate"]["checked_at"], "")
    seen = drop(forged(certificate, person_name="王大强", text=certificate.text.replace("张小明", "王大强")))
    assert set(changed(seen)) == {"name", "text"}


def test_a_foreign_pdf_was_not_issued_here(drop, certificate):
    assert verdict(drop(paperwork.a_pdf(b"BT ET"))) == "not_ours"
    assert verdict(drop(theirs().sign(paperwork.a_pdf(b"BT ET")))) == "other_signature"


def test_a_paper_without_text_is_told_to_be_pictures(client, unsigned):
    page = client.post(PAGE, {"file": SimpleUploadedFile("a.pdf", written_anew(unsigned, without_text=True))}).content.decode()

    assert "check-tone-good" not in page and "check-agrees" not in page


# ---- no certificate at all --------------------------------------------------------------------


def an_image(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, kind)
    return out.getvalue()


def an_archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("证书.pdf", b"%PDF-1.7")
    return out.getvalue()


STRANGE = {
    "empty": (lambda: b"", "empty"),
    "blank": (lambda: b" \n\n", "empty"),
    "zip renamed to pdf": (an_archive, "archive"),
    "png": (lambda: an_image("PNG"), "picture"),
    "jpeg": (lambda: an_image("JPEG"), "picture"),
    "webp": (lambda: an_image("WEBP"), "picture"),
    "text": (lambda: "培训合格证书".encode(), "other"),
    "half a pdf": (lambda: b"%PDF-1.7\n1 0 obj\n<</Type", "unreadable"),
    "a tree of pages that bites its tail": (lambda: paperwork.a_pdf(b"", kids="[2 0 R 2 0 R]"), {"unreadable", "too_much", "not_ours"}),
    "deep json": (lambda: b'{"a":' * 9_000, "unreadable"),
    "long json": (lambda: b'{"a":"' + b"x" * 300_000 + b'"}', "too_much"),
    "broken json": (lambda: b'{"a":', "unreadable"),
    "a list": (lambda: b"[1]", "other"),
    "some json": (lambda: b'{"name": "x"}', "other"),
    "a key that stands twice": (lambda: b'{"a":1,"a":2}', "unreadable"),
}


@pytest.mark.parametrize("what", STRANGE)
def test_whatever_is_sent_gets_a_plain_answer(client, drop, what):
    make, expected = STRANGE[what]

    told = drop(make())
    page = client.post(PAGE, {"file": SimpleUploadedFile("certificate.pdf", make())})

    assert verdict(told) in (expected if isinstance(expected, set) else {expected})
    assert told["file"]["genuine"] is False and told["certificate"] is None
    assert page.status_code == 422 and "check-tone-good" not in page.content.decode() and 'id="number"' in page.content.decode()


def test_an_encrypted_paper_is_told_to_be_encrypted(drop, unsigned):
    assert verdict(drop(written_anew(unsigned, password="secret"))) == "encrypted"


def test_a_bomb_costs_its_own_process_and_nothing_else(drop, certificate):
    bomb = paperwork.bomb()
    assert len(bomb) < 100_000

    assert verdict(drop(bomb)) in {"too_much", "unreadable", "not_ours"}
    assert verdict(drop(paper.pdf(certificate))) == "unsigned"


def test_a_small_file_that_takes_long_to_read_is_stopped_and_costs_as_much_as_a_miss(client, drop, certificate, monkeypatch, settings):
    slow = paperwork.slow()
    assert len(slow) < 20_000
    monkeypatch.setattr(inspection, "SECONDS", 1)
    settings.VERIFY_PER_MINUTE = settings.VERIFY_PER_HOUR = limits.FILE + limits.MISS
    limits.tally.clear()

    assert verdict(drop(slow)) == "too_much"
    assert client.get(reverse("verify_number", args=[certificate.number])).status_code == 429


def test_while_the_machine_reads_as_many_files_as_it_may_another_is_told_to_come_again(client, certificate, signed, settings):
    settings.VERIFY_FILES_AT_ONCE = 2
    send = lambda door: client.post(door, {"file": SimpleUploadedFile("a.pdf", signed)})  # noqa: E731
    with turns.one_of("certificates.file", 2) as first:
        assert first and send(JSON).json()["file"]["verdict"] == "genuine"
        with turns.one_of("certificates.file", 2) as second:
            busy = send(JSON)
            assert second and (busy.status_code, busy.json()["code"]) == (503, "busy") and int(busy["Retry-After"]) > 0
            page = send(PAGE)
            assert page.status_code == 503 and "请过一分钟再试" in page.text
            assert client.get(reverse("verify_number", args=[certificate.number])).status_code == 200
    assert send(JSON).json()["file"]["verdict"] == "genuine"


def test_what_uses_memory_or_time_without_end_is_stopped(monkeypatch, tmp_path):
    for body in ("x = bytearray(3 * 2**30)", "while True: pass"):
        program = tmp_path / "inspector.py"
        source = inspection.INSPECTOR.read_text().replace("    report = inspect(sys", f"    {body}\n    report = inspect(sys")
        program.write_text(source)
        monkeypatch.setattr(inspection, "INSPECTOR", program)
        monkeypatch.setattr(inspection, "SECONDS", 1)

        assert inspection.inspect(b"%PDF-1.7", certificates=[], authorities=[])["fault"] == "too_much"
        monkeypatch.undo()


def test_the_inspector_reaches_no_network_no_program_and_no_disk(monkeypatch, tmp_path):
    for body in (
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        f"open({str(tmp_path / 'left')!r}, 'w').write('x' * 9999)",
    ):
        program = tmp_path / "inspector.py"
        program.write_text(inspection.INSPECTOR.read_text().replace("    report = inspect(sys", f"    {body}\n    report = inspect(sys"))
        monkeypatch.setattr(inspection, "INSPECTOR", program)

        assert inspection.inspect(b"%PDF-", certificates=[], authorities=[])["fault"] == "too_much"
        monkeypatch.undo()
    assert not (tmp_path / "left").exists() or (tmp_path / "left").stat().st_size == 0


def test_the_inspector_knows_no_secret_of_the_site(monkeypatch):
    asked = {}
    monkeypatch.setattr(inspection.subprocess, "run", lambda *args, **more: asked.update(more, args=args) or 1 / 0)

    with pytest.raises(ZeroDivisionError):
        inspection.inspect(b"%PDF-", certificates=[], authorities=[])
    assert asked["env"] == {"LC_ALL": "C.UTF-8"} and "-I" in asked["args"][0]


def test_a_file_of_200_megabytes_is_refused_before_it_is_read(client, db):
    announced = str(200 * 2**20)
    page = client.generic("POST", PAGE, b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=announced)
    program = client.generic("POST", JSON, b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=announced)

    assert page.status_code == program.status_code == 413 and "10 MB" in page.content.decode()
    assert program["Content-Type"] == "application/problem+json" and program.json()["code"] == "too_large"


def test_what_is_longer_than_it_was_announced_is_cut_off(client, db, monkeypatch):
    monkeypatch.setattr("certificates.verify.uploads.MAX_CERTIFICATE", 1000)
    monkeypatch.setattr(judgement, "judge", lambda *args, **more: pytest.fail("it was looked at"))

    response = client.post(PAGE, {"file": SimpleUploadedFile("a.pdf", b"%PDF-" + b"x" * 5000)})

    assert response.status_code == 422
    assert uploads.MAX_CERTIFICATE == 10 * 2**20


def test_no_file_is_said_so(client, db):
    assert "没有选择文件" in client.post(PAGE, {}).content.decode()
    assert client.post(JSON, {}).json()["file"]["verdict"] == "no_file"


def test_the_file_lies_on_no_disk_and_in_no_log(client, certificate, signed, caplog, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    big = signed + b"\n%" + b"x" * (3 * 2**20)
    before = {path: path.stat().st_mtime for path in tmp_path.rglob("*")}
    monkeypatch.setattr("django.core.files.uploadhandler.TemporaryUploadedFile", lambda *a, **k: pytest.fail("a temporary file"))
    with caplog.at_level(logging.DEBUG):
        client.post(PAGE, {"file": SimpleUploadedFile("张小明的证书.pdf", big)})

    left = {path for path in tmp_path.rglob("*") if path not in before and "private" not in str(path)}
    assert left == set()
    assert "张小明" not in caplog.text and certificate.number not in caplog.text


def test_only_sending_is_possible_and_no_token_against_forgery_is_asked_for(cast):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    assert strict.put(PAGE).status_code == 405 and strict.get(JSON).status_code == 405
    assert strict.post(PAGE, {"file": SimpleUploadedFile("a.pdf", b"")}).status_code == 422


def test_hostile_text_of_a_file_is_escaped(client, certificate):
    data = forged(certificate, title="<script>alert(1)</script>")
    page = client.post(PAGE, {"file": SimpleUploadedFile("<b>x</b>.pdf", data)}).content.decode()

    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page


def test_a_file_costs_few_queries_and_no_session(client, certificate, signed, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):  # keys, the number, the record
        response = client.post(PAGE, {"file": SimpleUploadedFile("a.pdf", signed)})
    assert not response.cookies and response["Cache-Control"] == "no-store"


def test_a_higher_certificate_without_a_course_is_compared_as_well(drop, cast, kinds, private):
    lower = services.issue(completion=a_completion(cast.learner, score=None), at=NOON)
    told = drop(Keys.of_the_site().sign(paper.pdf(lower)))

    assert verdict(told) == "genuine" and {"score"} <= {one["fact"] for one in told["file"]["facts"]}


# ---- badges and status lists ------------------------------------------------------------------


@pytest.fixture
def signed_badge(certificate) -> dict:
    return badge.signed(certificate)


def test_a_badge_is_genuine_and_every_fact_agrees(drop, signed_badge):
    told = drop(badge.as_json(signed_badge), name="badge.json")

    assert verdict(told) == "badge_genuine" and told["file"]["genuine"] and changed(told) == {}
    assert {one["fact"] for one in told["file"]["facts"]} == set(judgement.LABELS)
    assert "张小明" not in str(told) and "张*明" in str(told)


def test_a_badge_with_an_extra_field_is_not_genuine_and_the_field_is_named(client, signed_badge, drop):
    data = badge.as_json(signed_badge | {"evaluationPoints": 100})

    assert verdict(drop(data)) == "badge_changed"
    page = client.post(PAGE, {"file": SimpleUploadedFile("b.json", data)}).content.decode()
    assert "evaluationPoints" in page and "check-tone-good" not in page


def test_a_changed_badge_is_told_fact_by_fact(drop, signed_badge):
    signed_badge["credentialSubject"]["result"][0]["value"] = "100"
    told = drop(badge.as_json(signed_badge))

    assert verdict(told) == "badge_changed" and changed(told) == {"score": "100"}


def test_names_cannot_be_tried_out_on_a_badge_of_ones_own_making(drop, certificate, signed_badge):
    proof = signed_badge["proof"] | {"proofValue": "z" + "5" * 86}
    told = []
    for name, post in (("张小明", "科员"), ("张大明", "科长")):
        made = json.loads(badge.as_json(signed_badge).decode().replace("张小明", name).replace("科员", post)) | {"proof": proof}
        answer = drop(badge.as_json(made))
        answer["certificate"].pop("checked_at")
        told.append(answer)
    assert told[0] == told[1] and verdict(told[0]) == "badge_changed"
    other = json.loads(badge.as_json(signed_badge).decode().replace("张小明", "王大强")) | {"proof": proof}
    assert set(changed(drop(badge.as_json(other)))) == {"name", "text"}


def test_names_cannot_be_tried_out_with_a_key_that_was_withdrawn(drop, certificate, signed_badge, unsigned):
    """Nobody can check its signature any more, so everything but the name and the post may be right."""
    keys_of.retire(kid=keyring.kid_in_use("badge"), at=clock.now(), compromised=True)
    told = []
    for name, post in (("张小明", "科员"), ("张大明", "科长")):
        made = badge.as_json(signed_badge).decode().replace("张小明", name).replace("科员", post).encode()
        for data in (made, written_anew(unsigned, attached={"badge.json": made})):
            answer = drop(data)
            answer["certificate"].pop("checked_at")
            told.append(answer)
    assert told[:2] == told[2:]
    assert verdict(told[0]) == "badge_withdrawn" and verdict(told[1]) == "unsigned"
    assert "已作废的密钥" in str(told[1]["file"]["notes"])


def test_a_name_in_a_long_text_cannot_be_tried_out_either(drop, certificate, cast, kinds, private):
    kind = CertificateKind.objects.get(key="training", county=cast.county)
    kind.wording = "{name}参加“{course}”，" + "学习态度端正，" * 30 + "{name}合格。"
    services.publish(kind=kind, at=NOON)
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    made = badge.signed(certificate)
    proof = made["proof"] | {"proofValue": "z" + "5" * 86}
    told = []
    for name in ("张小明", "张大明"):
        other = json.loads(badge.as_json(made).decode().replace("张小明", name)) | {"proof": proof}
        answer = drop(badge.as_json(other))
        answer["certificate"].pop("checked_at")
        told.append(answer)
    assert told[0] == told[1] and len(certificate.text) > 200


def test_a_badge_of_another_site_was_not_issued_here(drop, signed_badge, settings):
    settings.WAGTAILADMIN_BASE_URL = "https://learning.elsewhere.example"

    told = drop(badge.as_json(signed_badge))

    assert verdict(told) == "badge_foreign" and told["certificate"] is None


def test_a_badge_in_our_name_and_in_terms_of_others_is_not_called_somebody_elses(drop, signed_badge):
    for changed in (
        signed_badge | {"@context": [*signed_badge["@context"], "https://example.com/v1"]},
        signed_badge | {"@id": "urn:x"},
        signed_badge | {"name": {"@value": "x"}},
    ):
        told = drop(badge.as_json(changed))
        assert verdict(told) == "badge_terms" and told["certificate"] is None and not told["file"]["genuine"]


NUL, HALF = "\0", "\ud800"


@pytest.mark.parametrize("odd", [NUL, HALF])
def test_what_no_database_takes_is_answered_plainly(client, drop, signed_badge, certificate, settings, odd):
    settings.VERIFY_PER_MINUTE = 0  # many files of one address
    issuer, proof = signed_badge["issuer"], signed_badge["proof"]
    for changed in (
        signed_badge | {"name": odd},
        signed_badge | {odd: "x"},
        signed_badge | {"@" + odd: "x"},
        signed_badge | {"issuer": issuer | {"id": f"did:key:{odd}"}},
        signed_badge | {"issuer": issuer | {"id": f"did:key:z{odd}"}},
        signed_badge | {"proof": proof | {"verificationMethod": f"{issuer['id']}#{odd}"}},
        signed_badge | {"credentialSubject": signed_badge["credentialSubject"] | {"licenseNumber": odd}},
    ):
        data = json.dumps(changed).encode()
        assert verdict(drop(data)) in ("unreadable", "badge_terms", "badge_foreign")
        assert client.post(PAGE, {"file": SimpleUploadedFile("a.json", data)}).status_code in (200, 422)
    twice = json.dumps(signed_badge).encode()[:-1] + b", %b: 1, %b: 2}" % ((json.dumps(odd).encode(),) * 2)
    assert verdict(drop(twice)) == "unreadable"


def test_a_paper_whose_font_gives_half_a_character_is_answered_plainly(client, drop, certificate):
    data = saying(f"{certificate.number}姓名张小明政务\ud800开{certificate.text}60\ud80095分")
    assert verdict(drop(data)) == "unsigned"
    assert client.post(PAGE, {"file": SimpleUploadedFile("a.pdf", data)}).status_code == 200


@pytest.mark.parametrize("purpose", [[], {}, 1, None, HALF, NUL])
def test_a_status_list_with_an_odd_purpose_is_answered_plainly(drop, certificate, purpose):
    document = status_lists.signed("revocation", 0, at=clock.now())
    document["credentialSubject"]["statusPurpose"] = purpose
    assert verdict(drop(json.dumps(document).encode())) in ("list_changed", "other", "unreadable")


def test_a_badge_of_another_county_of_this_site_is_told_with_its_own_county(drop, cast, private):
    services.ensure_kinds(cast.other_county)
    theirs = services.issue(completion=a_completion(cast.stranger), at=NOON)

    told = drop(badge.as_json(badge.signed(theirs)))

    assert verdict(told) == "badge_genuine" and told["certificate"]["issuer"] == "大姚县人民政府"


def test_a_badge_says_nothing_of_its_status_the_record_does(drop, cast, certificate, signed_badge):
    StatusEvent.objects.create(certificate=certificate, kind="suspended", reason="核查中", by=cast.hr, at=clock.now())

    told = drop(badge.as_json(signed_badge))

    assert told["file"]["genuine"] and told["certificate"]["status"] == "suspended" and "核查中" not in str(told)


def test_a_status_list_of_last_month_is_told_to_be_outdated(drop, certificate):
    now = clock.now()
    lists = {days: status_lists.signed("revocation", 0, at=now - timedelta(days=days)) for days in (0, 30)}

    assert verdict(drop(badge.as_json(lists[0]))) == "list_current"
    old = drop(badge.as_json(lists[30]))
    assert verdict(old) == "list_outdated" and old["certificate"] is None and not old["file"]["genuine"]


def test_a_changed_or_foreign_status_list_is_told_as_such(drop, certificate, settings):
    document = status_lists.signed("revocation", 0, at=clock.now())
    assert verdict(drop(badge.as_json(document | {"validUntil": "2999-01-01T00:00:00+08:00"}))) == "list_changed"
    assert verdict(drop(badge.as_json(document | {"extra": 1}))) == "list_changed"
    assert verdict(drop(badge.as_json({**document, "proof": "none"}))) == "list_foreign"
    settings.WAGTAILADMIN_BASE_URL = "https://learning.elsewhere.example"
    assert verdict(drop(badge.as_json(document))) == "list_foreign"


def test_a_status_list_from_before_the_site_moved_is_still_ours(drop, certificate, settings):
    document = status_lists.signed("revocation", 0, at=clock.now() - timedelta(days=30))
    settings.FORMER_SITE_URLS = [settings.WAGTAILADMIN_BASE_URL]
    settings.WAGTAILADMIN_BASE_URL = "https://learning.elsewhere.example"

    assert verdict(drop(badge.as_json(document))) == "list_outdated"


def test_the_badge_inside_a_paper_is_looked_at_too(drop, certificate, cast, unsigned):
    own, other = badge.file(certificate), badge.file(services.issue(completion=a_completion(cast.colleague), at=NOON))
    sign = Keys.of_the_site().sign

    assert verdict(drop(sign(written_anew(unsigned, attached={"badge.json": own})))) == "genuine"
    assert verdict(drop(sign(written_anew(unsigned, attached={"badge.json": other})))) == "differs"
    assert verdict(drop(sign(written_anew(unsigned, attached={"badge.json": own.replace(b"92.5", b"99.5")})))) == "differs"


def test_who_has_the_badge_in_the_file_is_told_which_letters_of_the_name_were_changed(drop, certificate):
    made = forged(certificate, person_name="张大明", text=certificate.text.replace("张小明", "张大明"))

    told = drop(written_anew(made, attached={"badge.json": badge.file(certificate)}))

    assert not told["file"]["genuine"] and changed(told)["name"] == "张大明"


# ---- names that have blanks in them -----------------------------------------------------------


@pytest.mark.parametrize("name", ["Anna Maria Li", "阿依古丽 买买提", "李Ａ 明"])
def test_of_a_name_with_blanks_nothing_more_is_given_away(drop, cast, kinds, private, name):
    Person.objects.filter(pk=cast.learner.pk).update(name=name)
    completion = a_completion(Person.objects.get(pk=cast.learner.pk))
    certificate = services.issue(completion=completion, at=NOON)
    assert certificate.person_name == name
    bare = comparison.squeezed(name)
    signed_badge = badge.signed(certificate)
    plain = signed_badge | {"proof": signed_badge["proof"] | {"proofValue": "z" + "2" * 87}}

    def told(guess: str) -> list[dict]:
        """What is said of an unsigned paper and of an unsigned badge with this name on it."""
        subject = json.loads(json.dumps(plain["credentialSubject"]).replace(json.dumps(name)[1:-1], json.dumps(guess)[1:-1]))
        return [
            drop(forged(certificate, person_name=guess, text=certificate.text.replace(name, guess))),
            drop(badge.as_json(plain | {"credentialSubject": subject})),
        ]

    other = name[0] + "".join(" " if letter == " " else "x" if letter.isascii() else "王" for letter in name[1:-1]) + name[-1]
    right, wrong = told(name), told(other)
    for one in (*right, *wrong):
        assert not one["file"]["genuine"]
    for one in wrong:
        assert name not in str(one) and bare not in str(one)
    agreed = [[{line["fact"]: line["agrees"] for line in one["file"]["facts"]} for one in each] for each in (right, wrong)]
    assert agreed[0] == agreed[1] and {"name", "text"} <= agreed[0][0].keys()


# ---- too large, and by its address alone ------------------------------------------------------


@pytest.mark.parametrize("size", [uploads.MAX_CERTIFICATE + 1, uploads.MAX_CERTIFICATE + 2**19])
def test_a_file_just_above_the_limit_is_told_to_be_too_large(client, drop, size):
    """The announced length leaves room for the other fields of the form; what comes is counted."""
    assert verdict(drop(b"%PDF-1.7" + b"x" * size)) == "too_large"
    page = client.post(PAGE, {"file": SimpleUploadedFile("a.pdf", b"%PDF-1.7" + b"x" * size)})
    assert page.status_code == 422 and "没有选择文件" not in page.text


@pytest.mark.parametrize("door", ["verify_file", "verify_pass"])
def test_who_comes_to_where_a_form_is_sent_is_led_to_the_form(client, door):
    answer = client.get(reverse(door))
    assert (answer.status_code, answer["Location"]) == (302, reverse("verify"))


def test_a_broken_form_is_told_in_the_form_of_every_error(client, cast):
    answer = client.post(JSON, b"x", content_type="multipart/form-data; boundary=\xc3\xa9")
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (400, "application/problem+json", "no_form")
    page = client.post(PAGE, b"x", content_type="multipart/form-data; boundary=\xc3\xa9")
    assert page.status_code == 400 and "不是带有文件的表单" in page.text
