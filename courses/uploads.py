"""Files for lessons: Wagtail's forms with the content check of core.uploads in front, and none that an edition shows is replaced."""

from django.core.exceptions import ValidationError
from wagtail.documents.forms import BaseDocumentForm
from wagtail.images.forms import BaseImageForm
from wagtail.models import ReferenceIndex

from core import uploads
from core.errors import Refused
from courses.services import reviews


class KeepsFilesOfEditions:
    """Refuses another file for an image or document that an edition shows: its readers were promised the reviewed one."""

    def clean_file(self):
        file = self.cleaned_data["file"]
        if self.instance.pk and "file" in self.changed_data:
            try:
                reviews.check_file_may_change(file=self.instance, references=ReferenceIndex.get_references_to(self.instance))
            except Refused as refusal:
                raise ValidationError(refusal.message, code=refusal.code) from refusal
        return file


class LessonImageForm(KeepsFilesOfEditions, BaseImageForm):
    pass


class LessonDocumentForm(KeepsFilesOfEditions, BaseDocumentForm):
    """Refuses by content, size and unpacked size; a renamed program is not a PDF."""

    def add_error(self, field, error):
        """The first refusal of a file stands alone: of a refused one the model sees an empty name and refuses that, too."""
        if field is None and hasattr(error, "error_dict") and self.has_error("file"):
            error = ValidationError({name: errors for name, errors in error.error_dict.items() if name != "file"})
        super().add_error(field, error)

    def clean_file(self):
        file = super().clean_file()
        if file and "file" in self.changed_data:
            try:
                uploads.check_document(file, name=file.name)
            except Refused as refusal:
                raise ValidationError(refusal.message, code=refusal.code) from refusal
        return file
