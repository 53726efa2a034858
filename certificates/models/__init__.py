"""The data of certificates, one noun a file."""

from certificates.models.certificate import Certificate, CertificateQuerySet, State
from certificates.models.kind import CertificateKind, CertificateKindQuerySet, TemplateVersion
from certificates.models.ladder import Attestation, Basis, ConditionSet
from certificates.models.number import NumberSequence
from certificates.models.renewal import Reminder
from certificates.models.status import Proposal, ProposalDecision, StatusEvent

__all__ = [
    "Attestation",
    "Basis",
    "Certificate",
    "CertificateKind",
    "CertificateKindQuerySet",
    "CertificateQuerySet",
    "ConditionSet",
    "NumberSequence",
    "Proposal",
    "ProposalDecision",
    "Reminder",
    "State",
    "StatusEvent",
    "TemplateVersion",
]
