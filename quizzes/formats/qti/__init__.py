"""QTI 3.0 (https://www.imsglobal.org/spec/qti/v3p0): a content package of items, or one item as XML."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from django.utils.translation import gettext_lazy

from quizzes.formats.base import Format, Found, Item, Outcome
from quizzes.formats.qti import package, reading


class Qti(Format):
    key = "qti"
    label = gettext_lazy("QTI 3.0")
    suffix = "zip"
    content_type = "application/zip"
    hint = gettext_lazy("A package (zip) or one item (XML). All kinds; numbers without units.")

    def read(self, data: bytes, *, name: str = "") -> Iterator[Found]:
        if data.startswith(b"PK"):
            for entry in package.entries(data):
                yield reading.found(entry)
        else:
            yield reading.found(package.single(data, name))

    def write(self, items: Iterable[Item], out: BinaryIO) -> list[Outcome]:
        return package.write(items, out)


FORMAT = Qti()
