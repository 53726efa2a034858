"""The data of certificates, one noun a file."""

from certificates.models.batches import Batch
from certificates.models.certificate import EXPIRING, Certificate, CertificateQuerySet, State
from certificates.models.keys import SigningKey, SigningKeyQuerySet
from certificates.models.kind import CertificateKind, CertificateKindQuerySet, TemplateVersion
from certificates.models.ladder import Attestation, Basis, ConditionSet
from certificates.models.ledger import ChainEntry, DayRoot
from certificates.models.number import NumberSequence
from certificates.models.picture import TemplatePicture
from certificates.models.renewal import Reminder, ReminderLetter
from certificates.models.review import KindReview
from certificates.models.share import ShareLink, ShareLinkQuerySet
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
    "KindReview",
    "NumberSequence",
    "Proposal",
    "ProposalDecision",
    "Reminder",
    "ReminderLetter",
    "ShareLink",
    "ShareLinkQuerySet",
    "SigningKey",
    "SigningKeyQuerySet",
    "State",
    "StatusEvent",
    "TemplatePicture",
    "TemplateVersion",
]
