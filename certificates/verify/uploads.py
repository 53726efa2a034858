"""A dropped-in file is read into memory and nowhere else: no temporary file of it ever lies on a disk."""

from django.core.files.uploadhandler import MemoryFileUploadHandler, StopUpload

from core.uploads import MAX_CERTIFICATE


class InMemory(MemoryFileUploadHandler):
    """Takes what the limit allows, by the announced length and by what comes."""

    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None):
        self.activated, self._taken = True, 0

    def receive_data_chunk(self, raw_data, start):
        self._taken += len(raw_data)
        if self._taken > MAX_CERTIFICATE:
            self.request.is_too_large = True  # type: ignore[union-attr]
            raise StopUpload(connection_reset=True)
        return super().receive_data_chunk(raw_data, start)
