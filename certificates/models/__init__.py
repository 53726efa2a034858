"""The data of certificates, one noun a file."""

from certificates.models.certificate import Certificate, CertificateQuerySet, State
from certificates.models.keys import SigningKey, SigningKeyQuerySet
from certificates.models.kind import CertificateKind, CertificateKindQuerySet, TemplateVersion
from certificates.models.number import NumberSequence
from certificates.models.status import Proposal, ProposalDecision, StatusEvent

__all__ = [
    "Certificate",
    "CertificateKind",
    "CertificateKindQuerySet",
    "CertificateQuerySet",
    "NumberSequence",
    "Proposal",
    "ProposalDecision",
    "SigningKey",
    "SigningKeyQuerySet",
    "State",
    "StatusEvent",
    "TemplateVersion",
]
