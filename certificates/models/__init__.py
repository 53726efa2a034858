"""The data of certificates, one noun a file."""

from certificates.models.batches import Batch
from certificates.models.certificate import EXPIRING, Certificate, CertificateQuerySet, State
from certificates.models.keys import SigningKey, SigningKeyQuerySet
from certificates.models.kind import CertificateKind, CertificateKindQuerySet, TemplateVersion
from certificates.models.ladder import Attestation, Basis, ConditionSet
from certificates.models.ledger import ChainEntry, DayRoot
from certificates.models.number import NumberSequence
from certificates.models.renewal import Reminder
from certificates.models.status import Proposal, ProposalDecision, StatusEvent

__all__ = [
    "EXPIRING",
    "Attestation",
    "Basis",
    "Batch",
    "Certificate",
    "CertificateKind",
    "CertificateKindQuerySet",
    "CertificateQuerySet",
    "ChainEntry",
    "ConditionSet",
    "DayRoot",
    "NumberSequence",
    "Proposal",
    "ProposalDecision",
    "Reminder",
    "SigningKey",
    "SigningKeyQuerySet",
    "State",
    "StatusEvent",
    "TemplateVersion",
]
