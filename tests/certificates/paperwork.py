"""Papers and keys for tests of the check: signed as ours are, and broken in every way that somebody might try."""

import io
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore
from pypdf import ObjectDeletionFlag, PdfWriter

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class Keys:
    """A certificate authority and a paper key below it."""

    def __init__(self, name: str = "姚安县人民政府") -> None:
        self.authority_key, self.key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.authority = self._certificate(f"{name} CA", self.authority_key, f"{name} CA", self.authority_key, is_authority=True)
        self.certificate = self._certificate(name, self.key, f"{name} CA", self.authority_key)

    @staticmethod
    def _certificate(name, key, issuer, issuer_key, is_authority=False):
        usage = dict.fromkeys(
            ["key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only", "content_commitment"], False
        )
        usage |= {"digital_signature": not is_authority, "content_commitment": not is_authority}
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(SINCE)
            .not_valid_after(SINCE + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.KeyUsage(**usage, key_cert_sign=is_authority, crl_sign=is_authority), critical=True)
            .sign(issuer_key, hashes.SHA256())
        )

    def sign(self, pdf: bytes) -> bytes:
        """The PDF with a PAdES signature over all of it."""
        from asn1crypto import keys as asn1_keys
        from asn1crypto import x509 as asn1_x509

        der = lambda one: one.public_bytes(serialization.Encoding.DER)  # noqa: E731
        private = self.key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        store = SimpleCertificateStore()
        store.register(asn1_x509.Certificate.load(der(self.authority)))
        signer = signers.SimpleSigner(
            signing_cert=asn1_x509.Certificate.load(der(self.certificate)),
            signing_key=asn1_keys.PrivateKeyInfo.load(private),
            cert_registry=store,
        )
        meta = PdfSignatureMetadata(field_name="Signature", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)
        with ThreadPoolExecutor(1) as pool:  # in a browser test this thread runs a loop already, and pyHanko brings its own
            made = pool.submit(lambda: signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), meta, signer=signer))
            return made.result().getvalue()

    @classmethod
    def of_the_site(cls) -> "Keys":
        """The paper key in use."""
        from certificates import keyring

        held, keys = keyring.paper_key(), cls.__new__(cls)
        keys.key, keys.certificate, keys.authority = held.private_key, held.certificate, held.ca_certificate
        return keys

    @property
    def known(self) -> dict[str, list[x509.Certificate]]:
        return {"certificates": [self.certificate], "authorities": [self.authority]}


@cache
def theirs() -> Keys:
    return Keys("姚安县人民政府")  # the name is free to take; the key is not


def written_anew(pdf: bytes, *, without_text: bool = False, password: str = "", attached: dict[str, bytes] | None = None) -> bytes:
    """The pages of a PDF in a file that another program wrote: what was signed is lost."""
    writer = PdfWriter(clone_from=io.BytesIO(pdf))
    if without_text:
        for page in writer.pages:
            writer.remove_objects_from_page(page, [ObjectDeletionFlag.TEXT])
    for name, data in (attached or {}).items():
        writer.add_attachment(name, data)
    if password:
        writer.encrypt(password)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def appended(pdf: bytes, other: bytes | None = None) -> bytes:
    """The PDF with an incremental update: its page turned, or showing what the page of another PDF shows."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.reader import PdfFileReader

    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    page = writer.root["/Pages"]["/Kids"][0]
    if other is None:
        page["/Rotate"] = generic.NumberObject(180)
    else:
        shown = PdfFileReader(io.BytesIO(other)).root["/Pages"]["/Kids"][0]
        for part in ("/Contents", "/Resources"):
            page[part] = writer.add_object(writer.import_object(shown.raw_get(part).get_object() if part == "/Contents" else shown[part]))
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def bomb(megabytes: int = 900) -> bytes:
    """A PDF whose page unpacks, layer below layer, to more than any machine wants to hold."""
    layer = zlib.compress(zlib.compress(b"\0" * (megabytes * 2**20), 9), 9)
    return a_pdf(layer, "[/FlateDecode/FlateDecode]")


def slow(words: int = 400_000) -> bytes:
    """A small PDF whose page takes a program minutes to read."""
    content = b"BT /F 9 Tf " + b"(a) Tj " * words + b"ET"
    return a_pdf(zlib.compress(content, 9), "/FlateDecode")


def a_pdf(content: bytes, filters: str = "[]", *, kids: str = "[3 0 R]") -> bytes:
    """A PDF of one page by hand."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids {kids}/Count 1>>".encode(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>/Contents 4 0 R>>",
        f"<</Length {len(content)}/Filter {filters}>>".encode() + b"\nstream\n" + content + b"\nendstream",
    ]
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + end.encode()


def saying(text: str) -> bytes:
    """A PDF of another program whose font gives this text, whatever it is: halves of pairs too."""
    letters = sorted(set(text))
    code = {letter: number for number, letter in enumerate(letters, start=1)}
    rows = [f"<{code[letter]:04X}> <{ord(letter):04X}>" for letter in letters]
    lines = ["/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange"]
    for start in range(0, len(rows), 90):
        lines += [f"{len(rows[start : start + 90])} beginbfchar", *rows[start : start + 90], "endbfchar"]
    meaning = "\n".join([*lines, "endcmap end end"]).encode()
    drawn = b"BT /F1 12 Tf 10 100 Td <" + "".join(f"{code[letter]:04X}" for letter in text).encode() + b"> Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[7 0 R]/ToUnicode 6 0 R>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(meaning), meaning),
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/X/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/DW 1000>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj%bendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"xref\n0 8\n0000000000 65535 f \n%btrailer<</Size 8/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (table, len(out))
