from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationConfig(AppConfig):
    name = "evaluation"
    verbose_name = _("Evaluation")

    def ready(self) -> None:
        from functools import partial

        from core.reconcile import register
        from evaluation import changes, downloads, receivers, reconcile, tasks  # noqa: F401
        from evaluation.periods import package, requirements

        register("evaluation.hours", reconcile.uncredited)
        register("evaluation.reversals", reconcile.not_taken_back)
        register("evaluation.asked", requirements.unnoted)
        register("evaluation.packages", package.unkept)
        register("evaluation.changes", changes.unnoted)
        register("evaluation.downloads", partial(downloads.stuck_gaps, again=tasks.write_download.delay))
