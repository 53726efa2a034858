"""The only writers of certificates, their status and their kinds: `issuing`, `renewals`, `ladder`, `standing`, `kinds`; `gaps` for reconcile."""

from certificates.services.gaps import gaps_of_issue, gaps_of_paper, gaps_of_renewal, gaps_of_revocation
from certificates.services.issuing import issue, issue_if_awarded, of_completion, papers_on_request
from certificates.services.kinds import DEFAULT_KINDS, EDITORS, ensure_kinds, sync_editors, version_in_force
from certificates.services.standing import revoke, revoke_with

__all__ = [
    "DEFAULT_KINDS",
    "EDITORS",
    "ensure_kinds",
    "gaps_of_issue",
    "gaps_of_paper",
    "gaps_of_renewal",
    "gaps_of_revocation",
    "issue",
    "issue_if_awarded",
    "of_completion",
    "papers_on_request",
    "revoke",
    "revoke_with",
    "sync_editors",
    "version_in_force",
]
