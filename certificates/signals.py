"""Facts that this app publishes."""

from django.dispatch import Signal

# Sent inside the transaction that issued it. Arguments: certificate (certificates.Certificate), at (datetime).
certificate_issued = Signal()
