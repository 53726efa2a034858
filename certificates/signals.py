"""Facts that this app publishes."""

from django.dispatch import Signal

# Sent inside the transaction that issued it. Arguments: certificate (certificates.Certificate), at (datetime).
certificate_issued = Signal()

# Sent inside the transaction that put it on record. Arguments: events (list of certificates.StatusEvent, written in bulk:
# no post_save tells of them), at (datetime).
certificates_expired = Signal()
