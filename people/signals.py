"""Facts that this app publishes. Sent inside the transaction that writes them: a failing receiver undoes the step.

role_granted     grant=RoleGrant — a role was opened for a person over a unit. A receiver may give
                 what the role means in its own app (a group, a permission).
role_withdrawn   grant=RoleGrant — an open role was closed. The person may hold the same role over
                 another unit still: ask `people.permissions` before taking anything away.

Where many grants change at once (a roster), each signal is sent once for each role and county, with
one grant standing for the others: compute what follows from the grants as they stand, not from the
one that came with the signal.

roster_imported  roster_import=RosterImport — a roster was applied.
"""

from django.dispatch import Signal

role_granted = Signal()
role_withdrawn = Signal()
roster_imported = Signal()
