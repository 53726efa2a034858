"""Facts that this app publishes. Sent inside the transaction that writes them: a failing receiver undoes the step.

role_granted     grant=RoleGrant — a role was opened for a person over a unit. A receiver may give
                 what the role means in its own app (a group, a permission).
role_withdrawn   grant=RoleGrant — an open role was closed. The person may hold the same role over
                 another unit still: ask `people.permissions` before taking anything away.
roster_imported  roster_import=RosterImport — a roster was applied.
"""

from django.dispatch import Signal

role_granted = Signal()
role_withdrawn = Signal()
roster_imported = Signal()
