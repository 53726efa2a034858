"""Signed papers, looked at by programs that we did not write."""

import io
import os
import random
import re
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator.registry import SimpleCertificateStore
from pypdf import PdfReader, PdfWriter

from certificates import badge, files, keyring, paper, rules, signing, tasks
from certificates.models import Certificate, SigningKey
from certificates.services import keys as service
from core import clock
from core.errors import Refused
from tests.cast import NOON
from tests.certificates.reading import apart, pdfsig, pdfsig_is_content, pyhanko_is_content, status, trust

SOFTHSM = next((path for path in ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so") if os.path.exists(path)), "")


@pytest.fixture
def nss(certificate, tmp_path):
    return trust(tmp_path, *keyring.authorities().values())


@pytest.fixture
def signed(certificate) -> bytes:
    return files.read(certificate, "pdf")


def authorities() -> list[x509.Certificate]:
    return list(keyring.authorities().values())


def test_both_programs_call_a_paper_valid_whole_and_trusted(signed, nss):
    said = pdfsig(signed, nss)
    assert "Signature is Valid." in said and "Certificate is Trusted." in said and "  - Total document signed" in said
    assert "ETSI.CAdES.detached" in said and "SHA-256" in said

    found = status(signed, *authorities())
    assert found.bottom_line and found.intact and found.valid and found.trusted
    assert found.coverage == SignatureCoverageLevel.ENTIRE_FILE and found.modification_level == ModificationLevel.NONE
    assert found.signing_cert.public_key.curve == ("named", "secp256r1")


def test_without_our_authority_nobody_trusts_it(signed, tmp_path):
    stranger = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "另一个机构")])
    other = _certificate(name, name, stranger.public_key(), stranger, ca=True)
    assert "Certificate issuer is unknown" in pdfsig(signed, trust(tmp_path, other)) or not pdfsig_is_content(signed, tmp_path / "nss")
    assert not pyhanko_is_content(signed, other)


def test_one_changed_byte_anywhere_is_seen_by_both(certificate, signed, nss):
    """Everything but the zeros that fill the room of the signature up, which no reader reads."""
    start = signed.index(b"/Contents <30") + len(b"/Contents <")
    end = signed.index(b">", start)
    filled = len(signed[start:end].rstrip(b"0"))
    where = random.Random(4).sample([*range(start), *range(end, len(signed))], 24)
    where += [
        signed.index(b"/AcroForm"),
        signed.index(b"CreationDate") + 20,
        start + 8,
        start + filled // 2,
        start + filled - 6,
        len(signed) - 8,
    ]
    unseen = []
    for offset in where:
        changed = bytearray(signed)
        changed[offset] = {ord("0"): ord("1")}.get(changed[offset], changed[offset] ^ 0x01)
        if pdfsig_is_content(bytes(changed), nss) or pyhanko_is_content(bytes(changed), *authorities()):
            unseen.append((offset, signed[offset - 20 : offset + 20]))
    assert unseen == []


def _with_a_note(signed: bytes) -> bytes:
    """The signed paper with an update appended, as an editor saves it: a text that covers the score."""
    writer = PdfWriter(io.BytesIO(signed), incremental=True)
    writer.pages[0].merge_transformed_page(writer.pages[0], (1, 0, 0, 1, 5, 5))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_an_appended_update_is_seen_by_both(signed, nss):
    changed = _with_a_note(signed)
    assert changed.startswith(signed) and len(changed) > len(signed)
    assert "Not total document signed" in pdfsig(changed, nss)
    assert not pyhanko_is_content(changed, *authorities())


def test_an_update_that_only_hides_in_the_catalogue_is_seen_as_well(signed, nss):
    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    writer.root["/OpenAction"] = generic.DictionaryObject({generic.pdf_name("/S"): generic.pdf_name("/Named")})
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    assert "Not total document signed" in pdfsig(out.getvalue(), nss)
    assert not pyhanko_is_content(out.getvalue(), *authorities())


def test_the_paper_carries_the_badge_as_an_associated_file(certificate, signed):
    reader = PdfReader(io.BytesIO(signed))
    name = f"{certificate.number}.badge.json"
    assert reader.attachments[name] == [badge.file(certificate)]
    [associated] = reader.trailer["/Root"]["/AF"]
    specification = associated.get_object()
    assert specification["/AFRelationship"] == "/Alternative" and specification["/UF"] == name
    assert "Open Badges 3.0" in specification["/Desc"]
    assert specification["/EF"]["/F"]["/Subtype"] == "/application/vc"
    assert signing.carried_by(signed) == badge.file(certificate)


def test_a_paper_whose_badge_is_of_a_withdrawn_key_is_made_again(certificate, signed):
    kid = SigningKey.objects.get(purpose="badge", retired_at=None).kid
    service.rotate(purpose="badge", at=clock.now())
    assert files.read(certificate, "pdf") == signed  # a retired key still counts
    service.retire(kid=kid, at=clock.now(), compromised=True)
    keyring.forget()
    anew = files.read(certificate, "pdf")
    assert signing.carried_by(anew) == badge.file(certificate) != signing.carried_by(signed)


def test_a_badge_with_a_character_that_no_font_has_refuses_the_paper_by_name(certificate, private):
    certificate.post_title = "科员\U0001f600"  # which the paper does not print and the badge says
    certificate.facts_digest = rules.digest(certificate.facts())
    with pytest.raises(Refused) as refused:
        files.read(certificate, "pdf")
    assert refused.value.code == "missing_glyph" and "U+1F600" in refused.value.message
    assert not list(private.rglob("*.pdf"))


def test_the_signature_leaves_every_byte_of_the_paper_and_its_metadata(certificate, signed):
    unsigned = paper.pdf(certificate, carried=[files._badge_of(certificate)])
    assert signed.startswith(unsigned)
    assert signed.count(b"<?xpacket begin") == 1 and b"/Version" not in signed[len(unsigned) :]


def test_the_paper_is_tagged_and_claims_pdf_a_3_and_pdf_ua(signed):
    reader = PdfReader(io.BytesIO(signed))
    root = reader.trailer["/Root"]
    assert signed.startswith(b"%PDF-1.7")
    assert root["/MarkInfo"]["/Marked"].value and not root["/MarkInfo"]["/Suspects"].value
    assert root["/StructTreeRoot"]["/Type"] == "/StructTreeRoot" and root["/Lang"] == "zh-CN"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    [intent] = root["/OutputIntents"]
    assert intent["/S"] == "/GTS_PDFA1" and intent["/DestOutputProfile"].get_data()
    claims = root["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in claims and "<pdfaid:conformance>A</pdfaid:conformance>" in claims
    assert "<pdfuaid:part>1</pdfuaid:part>" in claims
    for font in _fonts(reader):
        assert any(name in font for name in ("/FontFile2", "/FontFile3")), font
    width, height = reader.pages[0].mediabox[2:]
    assert sorted((round(width / 72 * 25.4), round(height / 72 * 25.4))) == [210, 297]


def _fonts(reader: PdfReader):
    for font in reader.pages[0]["/Resources"]["/Font"].values():
        yield font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]


def test_the_signature_breaks_neither_standard(signed):
    """Its annotation is printable and not hidden (PDF/A-3, 6.3.2), and off the page, where PDF/UA asks for no tag (7.18.1)."""
    reader = PdfReader(io.BytesIO(signed))
    [field] = reader.trailer["/Root"]["/AcroForm"]["/Fields"]
    widget = field.get_object()
    assert widget["/F"] & 4 and not widget["/F"] & 0b100011
    assert widget["/Rect"][2] < 0 and widget["/Rect"][0] == widget["/Rect"][2] and widget["/TU"] == "证书签名"
    assert reader.pages[0]["/Tabs"] == "/S"
    assert set(reader.trailer["/Root"]["/Perms"]) == {"/DocMDP"}
    [reference] = widget["/V"]["/Reference"]
    assert reference["/TransformParams"]["/P"] == 1 and not {"/DigestMethod", "/DigestValue", "/DigestLocation"} & set(reference)


def test_a_paper_is_signed_when_it_is_made_and_dated_with_the_issue(certificate):
    before = clock.now().replace(microsecond=0)
    reader = PdfReader(io.BytesIO(files.read(certificate, "pdf")))
    [field] = reader.trailer["/Root"]["/AcroForm"]["/Fields"]
    at = datetime.strptime(str(field.get_object()["/V"]["/M"]).replace("'", ""), "D:%Y%m%d%H%M%S%z")
    assert before <= at <= clock.now() and at.utcoffset() == timedelta(hours=8)
    assert reader.metadata.creation_date == NOON
    kept = Certificate.objects.get(pk=certificate.pk)
    assert (kept.issued_at, kept.issued_on, kept.facts_digest) == (certificate.issued_at, certificate.issued_on, certificate.facts_digest)
    assert list(kept.events.values_list("kind", flat=True)) == ["issued"]


def test_a_paper_from_before_papers_were_signed_is_made_again_when_asked_for(certificate, private, nss):
    stored = private / files.name_of(certificate, "pdf")
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(paper.pdf(certificate))
    signed = files.read(certificate, "pdf")
    assert pdfsig_is_content(signed, nss) and stored.read_bytes() == signed
    assert files.read(certificate, "pdf") == signed  # and is then kept
    assert len(list(stored.parent.iterdir())) == 1


def test_after_a_rotation_new_papers_have_the_new_key_and_old_ones_stay_as_they_are(certificate, signed, nss):
    old = keyring.paper_key().kid
    service.rotate(purpose="paper", at=clock.now())
    assert keyring.paper_key().kid != old
    assert files.read(certificate, "pdf") == signed and pdfsig_is_content(signed, nss)
    anew = signing.sign(paper.pdf(certificate), at=clock.now())
    assert signing.is_signed_with(anew, keyring.paper_key().certificate)
    assert not signing.is_signed_with(signed, keyring.paper_key().certificate)
    assert pdfsig_is_content(anew, nss) and pyhanko_is_content(anew, *authorities())


@pytest.mark.parametrize("purpose", ["paper", "ca"])
def test_a_paper_whose_key_was_withdrawn_is_signed_anew(certificate, signed, purpose, tmp_path):
    kid = SigningKey.objects.get(purpose=purpose, retired_at=None).kid
    service.retire(kid=kid, at=clock.now(), compromised=True)
    keyring.forget()
    anew = files.read(certificate, "pdf")
    assert anew != signed and anew.startswith(paper.pdf(certificate, carried=[files._badge_of(certificate)]))
    assert pdfsig_is_content(anew, trust(tmp_path, *authorities()))
    assert files.read(certificate, "pdf") == anew


def test_a_key_whose_certificate_has_run_out_signs_nothing_and_its_papers_are_made_again(certificate, signed, settings, private, tmp_path):
    settings.PAPER_CERTIFICATE_YEARS = 1
    service.rotate(purpose="paper", at=NOON.replace(year=2025))  # until June of 2026
    files.papers().delete(files.name_of(certificate, "pdf"))
    with pytest.raises(Refused) as refused:
        files.read(certificate, "pdf")
    assert refused.value.code == "no_key" and "signing_keys rotate paper" in refused.value.message
    [gap] = service.gaps_of_keys(clock.now())
    assert "paper" in gap.what

    kid = SigningKey.objects.get(purpose="paper", retired_at=None).kid
    stale = _signed_with_the_key_that_ran_out(certificate, kid, keyring.paper_certificates()[kid])
    (private / files.name_of(certificate, "pdf")).write_bytes(stale)
    service.rotate(purpose="paper", at=clock.now())
    anew = files.read(certificate, "pdf")
    assert anew != stale and pdfsig_is_content(anew, trust(tmp_path, *authorities()))
    assert not pdfsig_is_content(stale, tmp_path / "nss")


def _signed_with_the_key_that_ran_out(certificate, kid, leaf) -> bytes:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keyring, "paper_chain", lambda: (kid, leaf, authorities()[0]))
        return files._signed_paper(certificate)


def test_without_a_key_nothing_unsigned_is_kept_or_served(certificate, private, client, cast):
    for path in (private.parent / "keys").glob("paper-*.pem"):
        path.unlink()
    keyring.forget()
    signing._ready.clear()
    with pytest.raises(Refused) as refused:
        files.read(certificate, "pdf")
    assert refused.value.code == "no_key" and "rotate" not in refused.value.code
    client.force_login(cast.learner)
    page = client.get(f"/certificates/{certificate.number}.pdf")
    assert page.status_code == 409 and refused.value.message in page.content.decode() and b"%PDF" not in page.content
    assert not list(private.rglob("*.pdf"))


def test_the_picture_is_made_even_if_the_paper_is_refused(certificate, private):
    for path in (private.parent / "keys").glob("paper-*.pem"):
        path.unlink()
    keyring.forget()
    signing._ready.clear()
    with pytest.raises(Refused):
        tasks.render(certificate.pk)
    assert [path.suffix for path in private.rglob("*.*")] == [".png"]


def test_a_signature_is_made_where_an_event_loop_runs(certificate, nss):
    async def within() -> bytes:
        return signing.sign(unsigned, at=NOON)

    unsigned = paper.pdf(certificate)
    keyring.paper_key()
    assert pyhanko_is_content(apart(within()), *authorities())


def test_a_paper_key_is_for_documents_and_nothing_else(keys, cast):
    key = keyring.paper_key()
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-text"],
        input=key.certificate.public_bytes(serialization.Encoding.PEM),
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert "Digital Signature, Non Repudiation" in text and "CA:FALSE" in text and "1.3.6.1.5.5.7.3.36" in text
    assert "CRL Distribution" not in text and "OCSP" not in text


# An authority of time, on this machine


def _certificate(subject, issuer, public, by, *, ca=False, eku=None) -> x509.Certificate:
    usage = dict.fromkeys(
        ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only", "crl_sign"],
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2024, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2044, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, **usage), critical=True)
    )
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage([eku]), critical=True)
    return builder.sign(by, hashes.SHA256())


@pytest.fixture
def authority_of_time(settings):
    """A server that answers RFC 3161 requests; its own certificate is what it is trusted by."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    name = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])  # noqa: E731
    root = _certificate(name("时间根"), name("时间根"), root_key.public_key(), root_key, ca=True)
    leaf = _certificate(name("时间戳"), name("时间根"), key.public_key(), root_key, eku=ExtendedKeyUsageOID.TIME_STAMPING)
    store = SimpleCertificateStore()
    der = serialization.Encoding.DER
    store.register(asn1_x509.Certificate.load(root.public_bytes(der)))
    stamper = DummyTimeStamper(
        asn1_x509.Certificate.load(leaf.public_bytes(der)),
        asn1_keys.PrivateKeyInfo.load(key.private_bytes(der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())),
        certs_to_embed=store,
    )

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            answer = stamper.request_tsa_response(asked).dump()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.TIMESTAMP_URL = f"http://127.0.0.1:{server.server_port}/"
    yield root
    server.shutdown()
    server.server_close()


def test_with_an_authority_of_time_the_time_is_proven(certificate, authority_of_time, nss):
    signed = files.read(certificate, "pdf")
    found = status(signed, *authorities(), authority_of_time)
    assert found.bottom_line and found.timestamp_validity.valid and found.timestamp_validity.trusted
    assert abs(found.timestamp_validity.timestamp - clock.now()) < timedelta(minutes=2)
    assert pdfsig_is_content(signed, nss)
    assert signing.is_timed(signed) and files.read(certificate, "pdf") == signed


def test_an_authority_of_time_that_does_not_answer_is_a_plain_refusal(certificate, settings, private):
    settings.TIMESTAMP_URL = "http://127.0.0.1:9/"
    with pytest.raises(Refused) as refused:
        files.read(certificate, "pdf")
    assert refused.value.code == "no_timestamp" and not list(private.rglob("*.pdf"))


# A key on a token


@pytest.fixture
def token(settings, tmp_path, monkeypatch, keys, cast):
    """A SoftHSM token with a P-256 key pair that never leaves it."""
    if not SOFTHSM:
        pytest.skip("SoftHSM is not installed (softhsm2)")
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    store = tmp_path / "tokens"
    store.mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {store}\nobjectstore.backend = file\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    label = f"t{os.urandom(4).hex()}"
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", "2468", "--so-pin", "1357"], check=True, capture_output=True
    )
    library = pkcs11.lib(SOFTHSM)
    library.reinitialize()
    with library.get_token(token_label=label).open(rw=True, user_pin="2468") as session:
        curve = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
        )
        curve.generate_keypair(store=True, label="paper")
    settings.PKCS11_MODULE, settings.PKCS11_TOKEN, settings.PKCS11_KEY, settings.PKCS11_SECRET = SOFTHSM, label, "paper", "2468"
    yield settings
    from certificates import tokens

    tokens.forget()
    signing._ready.clear()


def test_a_paper_is_signed_on_a_token_that_the_key_never_leaves(token, certificate, nss):
    [made] = service.rotate(purpose="paper", at=clock.now())
    assert not keyring.path_of(made.kid).exists()
    signed = files.read(certificate, "pdf")
    assert signing.is_signed_with(signed, keyring.paper_chain()[1])
    assert pdfsig_is_content(signed, nss) and pyhanko_is_content(signed, *authorities())
    assert service.gaps_of_keys(clock.now()) == [] and service.ensure(at=clock.now()) == []


def test_a_token_whose_key_the_certificate_is_not_for_signs_nothing(token, certificate, private):
    with pytest.raises(Refused) as refused:  # still the certificate of the key in a file
        files.read(certificate, "pdf")
    assert refused.value.code == "no_key" and "signing_keys rotate paper" in refused.value.message
    assert not list(private.rglob("*.pdf"))


@pytest.mark.parametrize("wrong", [{"PKCS11_SECRET": "0000"}, {"PKCS11_TOKEN": "nowhere"}, {"PKCS11_KEY": "other"}])
def test_a_token_that_does_not_open_is_a_plain_refusal_without_the_pin(token, certificate, private, wrong, caplog):
    service.rotate(purpose="paper", at=clock.now())
    for name, value in wrong.items():
        setattr(token, name, value)
    from certificates import tokens

    tokens.forget()
    signing._ready.clear()
    with pytest.raises(Refused) as refused:
        files.read(certificate, "pdf")
    assert refused.value.code == "no_key" and not re.search(r"(?<!\d)(2468|0000)(?!\d)", refused.value.message + caplog.text)
    assert not list(private.rglob("*.pdf"))


def test_a_key_on_a_token_whose_authority_alone_fell_is_certified_again(token, certificate, tmp_path):
    [made] = service.rotate(purpose="paper", at=clock.now())
    service.retire(kid=keyring.kid_in_use("ca"), at=clock.now(), compromised=True)
    assert made.kid not in keyring.paper_certificates() and not service.is_lacking("paper") and not service.is_lacking("ca")
    assert pdfsig_is_content(files.read(certificate, "pdf"), trust(tmp_path, *authorities()))


def test_a_key_on_a_token_that_was_withdrawn_gets_no_new_certificate(token, certificate):
    [made] = service.rotate(purpose="paper", at=clock.now())
    service.retire(kid=made.kid, at=clock.now(), compromised=True)
    assert service.is_lacking("paper")
    for make in (lambda: service.rotate(purpose="paper", at=clock.now()), lambda: service.ensure(at=clock.now())):
        with pytest.raises(Refused) as refused:
            make()
        assert refused.value.code == "withdrawn_key" and "PKCS11_KEY" in refused.value.message
    assert service.is_lacking("paper")
