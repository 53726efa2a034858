"""The certificate templates of the demo county: one of each look. Signatories are invented; there is no seal, its place is marked."""

from datetime import datetime

from django.db import transaction

from certificates import services as certificates
from certificates.models import CertificateKind
from people.models import Unit

LOOKS = {
    "training": {
        "signatory_1": "施云亭",
        "signatory_1_post": "县政务公开培训负责人",
        "signatory_2": "柏清源",
        "signatory_2_post": "县政务公开培训教务负责人",
        "marks_seal_place": True,
    },
    "basic": {"accent": "#7a2f1d", "marks_seal_place": True},
    "compiler": {
        "language": CertificateKind.Language.BILINGUAL,
        "title_en": "Certificate of Training: Compiling Standard Catalogues",
        "wording_en": "This is to certify that {name} of {unit} completed the training “{course}” ({hours} hours) with the result {score} on {date}.",
        "issuer_en": "People’s Government of Yao’an County",
        "signatory_1": "施云亭",
        "signatory_1_post": "县政务公开培训负责人",
        "marks_seal_place": True,
    },
    "leader": {
        "orientation": CertificateKind.Orientation.PORTRAIT,
        "qr_place": CertificateKind.QrPlace.BOTTOM_LEFT,
        "accent": "#24563f",
        "marks_seal_place": True,
    },
}


@transaction.atomic
def load_looks(county: Unit, *, at: datetime) -> None:
    """Give the county's templates their looks, as the system: before that they look all alike. Those with a version keep theirs."""
    for kind in CertificateKind.objects.filter(county=county, key__in=LOOKS, versions=None):
        for name, value in LOOKS[kind.key].items():
            setattr(kind, name, value)
        certificates.publish(kind=kind, at=at)
