"""Facts that this app publishes."""

from django.dispatch import Signal

# Sent inside the transaction that wrote the completion: a receiver that fails undoes the step.
# Arguments: completion (courses.Completion), at (datetime).
course_completed = Signal()

# Sent inside the transaction that reversed a completion. Arguments: reversal (courses.Reversal), at.
completion_reversed = Signal()
