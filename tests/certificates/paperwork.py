"""Papers and keys for tests of the check: signed as ours are, and broken in every way that somebody might try."""

import io
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
        out = io.BytesIO()
        signers.sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(pdf)),
            PdfSignatureMetadata(field_name="Signature", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES),
            signer=signer,
            output=out,
        )
        return out.getvalue()

    @property
    def known(self) -> dict[str, list[x509.Certificate]]:
        return {"certificates": [self.certificate], "authorities": [self.authority]}


@cache
def ours() -> Keys:
    return Keys()


@cache
def theirs() -> Keys:
    return Keys("别处")


def appended(pdf: bytes, *, text: str = "") -> bytes:
    """The PDF with an incremental update: another title, or a page that says something else."""
    from pyhanko.pdf_utils import generic

    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Rotate"] = generic.NumberObject(180)
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
