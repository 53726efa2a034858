"""The data of certificates, one noun a file."""

from certificates.models.batches import Batch
from certificates.models.certificate import EXPIRING, Certificate, CertificateQuerySet, State
from certificates.models.kind import CertificateKind, CertificateKindQuerySet, TemplateVersion
from certificates.models.number import NumberSequence
from certificates.models.status import Proposal, ProposalDecision, StatusEvent

__all__ = [
    "EXPIRING",
    "Batch",
    "Certificate",
    "CertificateKind",
    "CertificateKindQuerySet",
    "CertificateQuerySet",
    "NumberSequence",
    "Proposal",
    "ProposalDecision",
    "State",
    "StatusEvent",
    "TemplateVersion",
]
