"""Facts that this app publishes."""

from django.dispatch import Signal

# Sent inside the transaction that marked the attempt, the first time or again. Arguments: marking (quizzes.Marking), at (datetime).
attempt_marked = Signal()
