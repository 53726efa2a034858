from functools import partial

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CertificatesConfig(AppConfig):
    name = "certificates"
    verbose_name = _("Certificates")

    def ready(self) -> None:
        from certificates import checks, receivers, services, slots, tasks  # noqa: F401
        from certificates.services import batches, ladder, renewals
        from core import reconcile
        from courses.slots import CERTIFICATES, HANGING, RENEWAL
        from people import reading_words

        CERTIFICATES.fill(choices=slots.choices, title=slots.title)
        HANGING.fill(slots.hanging)
        reconcile.register("signing keys", services.gaps_of_keys)
        reconcile.register("certificates issued", services.gaps_of_issue)
        reading_words.TITLES["kind"] = slots.titles
        RENEWAL.fill(check=renewals.check_beginning, reopens=renewals.reopens)
        reconcile.register("certificates renewed", services.gaps_of_renewal)
        reconcile.register("higher certificates issued", ladder.gaps)
        reconcile.register("certificates revoked with their completion", services.gaps_of_revocation)
        reconcile.register("approval of certificate templates", services.gaps_of_review)
        reconcile.register("editors of certificates", services.gaps_of_editors)
        reconcile.register("certificate files", services.gaps_of_paper)
        reconcile.register("addresses on certificates", services.gaps_of_site)
        reconcile.register("certificate batches", partial(batches.stuck_gaps, again=tasks.run_batch.delay))
        reconcile.register("status events in the ledger", services.gaps_of_chain)
        reconcile.register("roots of the ledger", services.gaps_of_roots)
