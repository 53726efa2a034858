from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoursesConfig(AppConfig):
    name = "courses"
    verbose_name = _("Courses")

    def ready(self) -> None:
        from core import reconcile
        from courses import receivers  # noqa: F401
        from courses.services import completions

        reconcile.register("courses.completions", completions.gaps)
