"""Facts that this app publishes."""

from django.dispatch import Signal

# Sent inside the transaction that marked the attempt. Arguments: submission (quizzes.Submission), at (datetime).
attempt_marked = Signal()
