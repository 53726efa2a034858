"""What this app plugs into courses: the certificates that an editor may let a course award."""

from collections.abc import Iterable

from people.models import Unit


def choices(county: Unit | None = None) -> Iterable[tuple[str, str]]:
    """The county's kinds; without a county one entry a key, titled as the first county titled it."""
    from certificates.models import CertificateKind

    kinds = CertificateKind.objects.filter(live=True).order_by("category", "key", "pk")
    titles: dict[str, str] = {}
    for key, title in (kinds.filter(county=county) if county else kinds).values_list("key", "title"):
        titles.setdefault(key, title)
    return titles.items()


def title(key: str, county: int | None) -> str | None:
    """What the county calls its kind of this key; without a county, what the first one calls it."""
    from certificates.models import CertificateKind

    return (
        CertificateKind.objects.filter(key=key, **({"county": county} if county else {}))
        .order_by("pk")
        .values_list("title", flat=True)
        .first()
    )


def titles(keys: set[str], counties: set[str] | None) -> dict[str, str]:
    """The titles of kinds by key, as these counties (by path; None: all) titled them. One query."""
    from certificates.models import CertificateKind

    kinds = CertificateKind.objects.filter(key__in=keys, **({} if counties is None else {"county__path__in": counties}))
    return dict(kinds.order_by("-pk").values_list("key", "title"))


def hanging(completions: list[int]) -> dict[int, str]:
    """Number of the certificate that each of these completions earned, by completion id. One query."""
    from certificates.models import Certificate

    return dict(Certificate.objects.filter(completion__in=completions).values_list("completion", "number"))
