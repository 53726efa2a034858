from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationConfig(AppConfig):
    name = "evaluation"
    verbose_name = _("Evaluation")

    def ready(self) -> None:
        from core.reconcile import register
        from evaluation import changes, receivers, reconcile  # noqa: F401

        register("evaluation.hours", reconcile.uncredited)
        register("evaluation.reversals", reconcile.not_taken_back)
        register("evaluation.changes", changes.unnoted)
