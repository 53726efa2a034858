"""Where papers lie: never under the public media folder, because they carry full names."""

from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.utils.functional import cached_property


class PrivateFiles(FileSystemStorage):
    """A folder beside MEDIA_ROOT that no web server serves; PRIVATE_ROOT moves it."""

    @cached_property
    def base_location(self) -> str:
        return str(getattr(settings, "PRIVATE_ROOT", "") or Path(settings.MEDIA_ROOT).parent / "private")

    def url(self, name: str | None) -> str:
        raise ValueError("private files have no address of their own")


def papers() -> Storage:
    """The storage "private" of the settings; give it an S3 backend without public reading to spread over machines."""
    return storages["private"]
