from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationConfig(AppConfig):
    name = "evaluation"
    verbose_name = _("Evaluation")

    def ready(self) -> None:
        from core.reconcile import register
        from evaluation import changes, receivers, reconcile  # noqa: F401

        register("ledger: completions without hours", reconcile.uncredited)
        register("ledger: reversed completions that still count", reconcile.not_taken_back)
        register("records: changes that nobody would be told of", changes.unnoted)
