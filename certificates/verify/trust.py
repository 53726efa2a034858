"""Whose signatures on a paper count as ours: every key that was not withdrawn, retired ones too."""

from cryptography import x509

from certificates import keyring


def paper_certificates() -> list[x509.Certificate]:
    return list(keyring.paper_certificates().values())


def withdrawn_paper_certificates() -> list[x509.Certificate]:
    """Those of keys that were in wrong hands: what they signed is told as such, and counts nowhere."""
    return keyring.withdrawn_paper_certificates()


def authorities() -> list[x509.Certificate]:
    return list(keyring.authorities().values())
