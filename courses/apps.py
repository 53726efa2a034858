from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoursesConfig(AppConfig):
    name = "courses"
    verbose_name = _("Courses")

    def ready(self) -> None:
        from wagtail.models import ReferenceIndex

        from core import reconcile
        from courses import filters, letters, receivers  # noqa: F401
        from courses.models import EditionLesson
        from courses.services import catalogues, completions

        # Wagtail then knows which files an edition shows, and receivers.py keeps them.
        ReferenceIndex.register_model(EditionLesson)
        letters.connect()
        filters.narrow()
        reconcile.register("courses.authoring", catalogues.gaps)
        reconcile.register("courses.completions", completions.gaps)
