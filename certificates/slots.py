"""What this app plugs into courses: the certificates that an editor may let a course award."""

from collections.abc import Iterable


def choices() -> Iterable[tuple[str, str]]:
    """One entry a key, titled as the first county titled it."""
    from certificates.models import CertificateKind

    titles: dict[str, str] = {}
    for key, title in CertificateKind.objects.order_by("category", "key", "pk").values_list("key", "title"):
        titles.setdefault(key, title)
    return titles.items()


def title(key: str) -> str | None:
    from certificates.models import CertificateKind

    return CertificateKind.objects.filter(key=key).order_by("pk").values_list("title", flat=True).first()
