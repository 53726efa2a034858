"""What is said of a file that somebody dropped in: genuine or not, which facts agree, what was changed."""

import io
from dataclasses import dataclass, field
from datetime import date, datetime

from django.utils.translation import gettext_lazy as _

from certificates import paper
from certificates.models import Certificate
from certificates.verify import answers, comparison, inspection, trust
from core.errors import Refused
from core.text import mask_name

LONGEST_SHOWN = 300
MOST_OTHERS = 6
LABELS = {
    "title": _("Certificate"),
    "text": _("Wording"),
    "name": _("Name"),
    "unit": _("Unit"),
    "course": _("Course"),
    "hours": _("Hours"),
    "score": _("Score"),
    "issued_on": _("Issued on"),
    "valid_until": _("Valid until"),
    "issuer": _("Issuer"),
    "number": _("Number"),
}
# verdict: its tone, its headline, what it means.
VERDICTS = {
    "genuine": (
        "good",
        _("Genuine and unchanged"),
        _("This file was signed here, not one byte of it was changed since, and all that it says agrees with the record."),
    ),
    "appended": (
        "bad",
        _("Not genuine: something was appended"),
        _("A paper of ours lies inside, but the file was changed after it was signed: something was appended to it. What it shows now is not what was signed."),
    ),
    "broken": (
        "bad",
        _("Not genuine: the file was changed"),
        _("The file carries the remains of our signature, but the signature no longer fits: the file was changed after it was signed."),
    ),
    "differs": (
        "bad",
        _("Not genuine: it differs from the record"),
        _("The file does not say what the record says. Trust the record, and tell the issuing county."),
    ),
    "other_signature": (
        "bad",
        _("Not issued here"),
        _("Somebody else signed this file. The signature is none of ours, whatever the paper says."),
    ),
    "unsigned": (
        "warn",
        _("No signature: the file proves nothing"),
        _("The file carries no signature of ours. Papers from before signatures were introduced look so, and so does any copy. Compare the facts with the record, or ask the holder for the signed file."),
    ),
    "not_ours": (
        "bad",
        _("Not issued here"),
        _("There is no signature of ours in the file and no number of a certificate that was issued here."),
    ),
    "no_record": (
        "bad",
        _("Not genuine: no such certificate"),
        _("No certificate with the number in this file was ever issued here. Do not trust it; ask the issuing county."),
    ),
    "encrypted": ("warn", _("Encrypted"), _("The file is protected by a password. Our papers are not. Ask for the file as it was issued.")),
    "unreadable": ("bad", _("Not readable"), _("The file is damaged, or it is not what it says it is. It cannot be a file as we issue it.")),
    "too_much": ("bad", _("Refused"), _("The file would need more memory or time to read than any certificate does. It is none of ours.")),
    "too_large": ("bad", _("Too large"), _("The file is larger than any certificate of ours. It was not read.")),
    "picture": ("warn", _("A picture proves nothing"), _("A picture cannot be checked as a file. Type the number that stands on it, or scan its QR code.")),
    "archive": ("warn", _("Not a PDF and not a badge"), _("This is an archive or an Office document, whatever it is called. Unpack it and choose the PDF or the badge file inside.")),
    "empty": ("warn", _("The file is empty"), _("There is nothing in this file. Please choose it again.")),
    "no_file": ("warn", _("No file was chosen"), _("Choose a PDF or a badge file first.")),
    "other": ("warn", _("Not a PDF and not a badge"), _("Only the PDF of a certificate and its badge file (.json) can be checked.")),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A fact of the record, its name masked, beside what the file says."""

    name: str
    recorded: str
    agrees: bool
    said: str

    @property
    def label(self):
        return LABELS[self.name]


@dataclass(frozen=True)
class Finding:
    """`is_proven`: the file shows by a signature that its facts came from here, so its name was compared whole."""

    kind: str
    verdict: str
    answer: answers.Answer | None = None
    facts: tuple[Line, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    is_proven: bool = False
    signer: str = ""
    has_text: bool = True
    notes: tuple[str, ...] = field(default=())

    @property
    def is_genuine(self) -> bool:
        return VERDICTS[self.verdict][0] == "good"

    @property
    def tone(self) -> str:
        """Genuine alone is not good: the certificate has to be in force, too."""
        tone = VERDICTS[self.verdict][0]
        return "warn" if tone == "good" and self.answer is not None and not self.answer.is_good else tone

    @property
    def headline(self):
        return VERDICTS[self.verdict][1]

    @property
    def meaning(self):
        return VERDICTS[self.verdict][2]

    @property
    def changed(self) -> list[Line]:
        return [line for line in self.facts if not line.agrees]

    def as_sent(self) -> dict:
        return {
            "file": {
                "kind": self.kind,
                "verdict": self.verdict,
                "genuine": self.is_genuine,
                "detail": str(self.meaning),
                "facts": [
                    {"fact": line.name, "agrees": line.agrees, "recorded": line.recorded, "in_file": line.said or None}
                    for line in self.facts
                ],
                "other_changes": [{"recorded": was, "in_file": now} for was, now in self.others],
            },
            "certificate": self.answer and self.answer.as_sent(),
        }


def judge(data: bytes, *, on: date | None, at: datetime) -> Finding:
    """What is to be said of a file. Costs a process of its own and two queries.

    Raises:
        Refused: too many files are being checked ("busy").
    """
    report = inspection.inspect(data, certificates=trust.paper_certificates(), authorities=trust.authorities())
    if report["fault"]:
        return Finding(report["what"], report["fault"])
    if report["what"] == "pdf":
        return _of_pdf(report, on=on, at=at)
    return Finding(report["what"], "other" if report["what"] == "json" else report["what"])


def _of_pdf(report: dict, *, on: date | None, at: datetime) -> Finding:
    text, signature = report["text"], report["signature"]
    verdict = {"valid": "genuine", "none": "unsigned", "foreign": "other_signature"}.get(signature, signature)
    number = next(iter(comparison.numbers_in(report.get("before") or text, report["keywords"])), None)
    if number is None:
        return Finding("pdf", {"genuine": "differs", "unsigned": "not_ours"}.get(verdict, verdict), signer=report.get("signer", ""))
    try:
        answer = answers.find(number, on=on, at=at)
    except Refused:
        return Finding("pdf", "no_record")
    is_proven = signature in ("valid", "appended")
    found = compared_with_record(number, text, is_proven=is_proven)
    if verdict == "genuine" and not (found.facts and all(line.agrees for line in found.facts)):
        verdict = "differs"
    return Finding(
        "pdf",
        verdict,
        answer,
        found.facts,
        () if verdict == "genuine" else found.others,
        is_proven,
        signer=report.get("signer", "") if signature == "foreign" else "",
        has_text=bool(comparison.squeezed(text)),
    )


def compared_with_record(number: str, text: str, *, is_proven: bool) -> Finding:
    """The printed facts of a certificate beside a text: `facts` and `others` of a Finding. Sets the paper of the record once more."""
    certificate = Certificate.objects.select_related("version").get(number=number)
    name, masked = certificate.person_name, mask_name(certificate.person_name)
    facts, reference = paper.printed(certificate), _text_of(certificate)
    if not is_proven:
        facts = {key: comparison.hidden(fact, name, masked) for key, fact in facts.items()}
        reference = comparison.hidden(comparison.squeezed(reference), name, masked)
    found = comparison.compare(reference, text, facts)
    lines = tuple(
        Line(fact.name, facts[fact.name].replace(comparison.ANY, "*").replace(name, masked), fact.agrees, fact.said[:LONGEST_SHOWN])
        for fact in found.facts
    )
    others = tuple(
        (was.replace(comparison.ANY, "*").replace(name, masked)[:LONGEST_SHOWN], now[:LONGEST_SHOWN])
        for was, now in found.others[:MOST_OTHERS]
    )
    return Finding("pdf", "unsigned", facts=lines, others=others)


def _text_of(certificate: Certificate) -> str:
    """The text of the paper as it is made from the record; the bare facts where it cannot be made here."""
    from pypdf import PdfReader

    try:
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(paper.pdf(certificate))).pages)
    except Refused:
        return "\n".join(paper.printed(certificate).values())
