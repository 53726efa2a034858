"""Files for lessons: Wagtail's document form with the content check of core.uploads in front."""

from django.core.exceptions import ValidationError
from wagtail.documents.forms import BaseDocumentForm

from core import uploads
from core.errors import Refused


class LessonDocumentForm(BaseDocumentForm):
    """Refuses by content, size and unpacked size; a renamed program is not a PDF."""

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file and "file" in self.changed_data:
            try:
                uploads.check_document(file, name=file.name)
            except Refused as refusal:
                raise ValidationError(refusal.message, code=refusal.code) from refusal
        return file
