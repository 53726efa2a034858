"""The only writers of certificates, of what becomes of them and of their kinds.

`issuing`, `renewals`, `ladder`, `standing`, `proposals`, `kinds`, `pictures`, `chaining`, `keys`, `batches`, `mailing`; `gaps` for
reconcile.
"""

from certificates.services.chaining import chain, explain, gaps_of_chain, gaps_of_roots, publish_roots
from certificates.services.gaps import gaps_of_issue, gaps_of_paper, gaps_of_renewal, gaps_of_revocation, gaps_of_site
from certificates.services.issuing import issue, issue_if_awarded, of_completion, papers_on_request
from certificates.services.keys import gaps_of_keys
from certificates.services.kinds import (
    DEFAULT_KINDS,
    EDITORS,
    ensure_kinds,
    gaps_of_editors,
    gaps_of_review,
    publish,
    sync_editors,
    version_in_force,
)
from certificates.services.proposals import CORRECTABLE, corrected, decide, propose, revoke_with, withdraw
from certificates.services.sharing import share, stop_sharing
from certificates.services.standing import expire_due, restore, suspend

__all__ = [
    "CORRECTABLE",
    "DEFAULT_KINDS",
    "EDITORS",
    "chain",
    "corrected",
    "decide",
    "ensure_kinds",
    "expire_due",
    "explain",
    "gaps_of_chain",
    "gaps_of_editors",
    "gaps_of_issue",
    "gaps_of_keys",
    "gaps_of_paper",
    "gaps_of_renewal",
    "gaps_of_review",
    "gaps_of_revocation",
    "gaps_of_roots",
    "gaps_of_site",
    "issue",
    "issue_if_awarded",
    "of_completion",
    "papers_on_request",
    "propose",
    "publish",
    "publish_roots",
    "restore",
    "revoke_with",
    "share",
    "stop_sharing",
    "suspend",
    "sync_editors",
    "version_in_force",
    "withdraw",
]
