"""The data of certificates, one noun a file."""

from certificates.models.batches import Batch
from certificates.models.certificate import EXPIRING, Certificate, CertificateQuerySet, State
from certificates.models.keys import SigningKey, SigningKeyQuerySet
from certificates.models.kind import CertificateKind, CertificateKindQuerySet, TemplateVersion
from certificates.models.ledger import ChainEntry, DayRoot
from certificates.models.number import NumberSequence
from certificates.models.status import Proposal, ProposalDecision, StatusEvent

__all__ = [
    "EXPIRING",
    "Batch",
    "Certificate",
    "CertificateKind",
    "CertificateKindQuerySet",
    "CertificateQuerySet",
    "ChainEntry",
    "DayRoot",
    "NumberSequence",
    "Proposal",
    "ProposalDecision",
    "SigningKey",
    "SigningKeyQuerySet",
    "State",
    "StatusEvent",
    "TemplateVersion",
]
