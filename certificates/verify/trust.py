"""Whose signatures on a paper count as ours: every key that was not withdrawn, retired ones too."""

from cryptography import x509

from certificates import keyring


def paper_certificates() -> list[x509.Certificate]:
    return list(keyring.paper_certificates().values())


def authorities() -> list[x509.Certificate]:
    return list(keyring.authorities().values())
