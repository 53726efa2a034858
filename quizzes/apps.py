from functools import partial

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class QuizzesConfig(AppConfig):
    name = "quizzes"
    verbose_name = _("Quizzes")

    def ready(self) -> None:
        from core import reconcile
        from courses.slots import QUIZZES
        from quizzes import tasks
        from quizzes.services import attempts, exchange, marking, paper_marks, papers, quizzes, rating_corrections, ratings, remarks

        QUIZZES.fill(choices=quizzes.choices, title=quizzes.title, terms=quizzes.terms, lacks=papers.lacks_by_key)
        reconcile.register("quizzes.overdue", attempts.overdue_gaps)
        reconcile.register("quizzes.passes", marking.untold_gaps)
        reconcile.register("quizzes.markings", ratings.unfinished_gaps)
        reconcile.register("quizzes.remarks", remarks.unapplied_gaps)
        reconcile.register("quizzes.lost_passes", remarks.lost_gaps)
        reconcile.register("quizzes.corrected_passes", paper_marks.lost_gaps)
        reconcile.register("quizzes.corrected_ratings", rating_corrections.lost_gaps)
        reconcile.register("quizzes.imports", partial(exchange.stuck_gaps, again=tasks.import_again))
