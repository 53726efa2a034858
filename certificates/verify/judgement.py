"""What is said of a file that somebody dropped in: genuine or not, which facts agree, what was changed."""

import base64
import io
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from certificates import paper
from certificates.badge_check import SHOWN, Code, Reason, Verdict, names_us, verify_badge
from certificates.models import Certificate
from certificates.verify import answers, comparison, inspection, status_list, trust
from certificates.verify.inspector import what_is
from core import clock
from core.errors import Refused

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
    "badge_foreign": (
        "bad",
        _("Not issued here"),
        _("This badge was issued by somebody else. Only they can say whether it is genuine."),
    ),
    "key_withdrawn": (
        "bad",
        _("Not genuine: signed with a withdrawn key"),
        _("The signature names a key of ours that was withdrawn, so it proves nothing any longer. The holder can download the paper anew, signed with another key."),
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
    "altered": (
        "warn",
        _("Nothing is confirmed: our record was altered"),
        _("What is kept here of this certificate is not what was sealed when it was issued. Neither the file nor the record is confirmed. Tell the issuing county: its ledger shows what was changed."),
    ),
    "badge_genuine": (
        "good",
        _("Genuine and unchanged"),
        _("This badge was signed here and says what the record says, nothing more and nothing less."),
    ),
    "badge_changed": (
        "bad",
        _("Not genuine: the badge was changed"),
        _("The badge names a certificate that was issued here, but it is not as we signed it."),
    ),
    "badge_terms": (
        "bad",
        _("Not genuine: the badge was changed"),
        _("The badge names this site as its issuer, but says things in terms that our badges do not use: we did not sign it like this."),
    ),
    "badge_withdrawn": (
        "bad",
        _("Not genuine: signed with a withdrawn key"),
        _("The key that signed this badge was withdrawn, so the badge proves nothing any longer. The holder can download a new one."),
    ),
    "list_current": (
        "warn",
        _("A status list that still counts"),
        _("This is the list in which programs look up what certificates are worth, not a certificate. Choose the badge or the PDF; what a certificate is worth now is said here by the record."),
    ),
    "list_outdated": (
        "bad",
        _("An outdated status list"),
        _("This list was signed here, but its time is over: it says what certificates were worth then. Whoever relies on it may take a revoked certificate for a valid one. What counts is the record here."),
    ),
    "list_changed": (
        "bad",
        _("Not genuine: a changed status list"),
        _("This list names us, but it is not as we signed it."),
    ),
    "list_foreign": ("bad", _("Not issued here"), _("This is the status list of somebody else.")),
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
    notes: tuple[str, ...] = ()

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

    @property
    def by_weight(self) -> list[Line]:
        """What differs first."""
        return sorted(self.facts, key=lambda line: line.agrees)

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
                "notes": list(self.notes),
            },
            "certificate": self.answer and self.answer.as_sent(),
        }


def judge(data: bytes, *, on: date | None, at: datetime) -> Finding:
    """What is to be said of a file. A PDF costs a process of its own, and each file some queries.

    Raises:
        Refused: too many files are being checked ("busy").
    """
    what = what_is(data)
    if what == "json":
        return _of_json(data, on=on, at=at)
    if what != "pdf":
        return Finding(what, what)
    report = inspection.inspect(
        data,
        certificates=trust.paper_certificates(),
        authorities=trust.authorities(),
        withdrawn=trust.withdrawn_paper_certificates(),
    )
    return Finding("pdf", report["fault"]) if report["fault"] else _of_pdf(report, on=on, at=at)


def _of_pdf(report: dict, *, on: date | None, at: datetime) -> Finding:
    text, signature = report["text"], report["signature"]
    verdict = {"valid": "genuine", "none": "unsigned", "foreign": "other_signature", "withdrawn": "key_withdrawn"}.get(signature, signature)
    number = next(iter(comparison.numbers_in(report.get("before") or text, report["keywords"])), None)
    if number is None:
        return Finding("pdf", {"genuine": "differs", "unsigned": "not_ours"}.get(verdict, verdict), signer=report.get("signer", ""))
    try:
        answer = answers.find(number, on=on, at=at)
    except Refused:
        return Finding("pdf", "no_record")
    if not answer.is_as_issued:
        return _of_altered("pdf", is_sound=signature == "valid")
    inside = verify_badge(base64.b64decode(report["badge"]), at=at) if report["badge"] else None
    is_same = inside is not None and inside.certificate is not None and inside.certificate.number == number
    # A badge that fits names the holder in plain letters: whoever has it in the file knows the name already.
    is_proven = signature in ("valid", "appended") or bool(inside and inside.is_genuine and is_same)
    found = compared_with_record(number, text, is_proven=is_proven)
    if verdict == "genuine" and not (found.facts and all(line.agrees for line in found.facts)):
        verdict = "differs"
    notes = []
    if inside is not None:
        if inside.is_genuine and is_same:
            notes.append(gettext("The badge inside the file is genuine."))
        elif is_same and _is_withdrawn(_told(inside)):
            notes.append(gettext("The badge inside the file was signed with a key that has been withdrawn."))
        else:
            notes.append(gettext("The badge inside the file is not the one of this certificate."))
            verdict = "differs" if verdict == "genuine" else verdict
    if signature == "appended" and comparison.squeezed(text) == comparison.squeezed(report["before"]):
        notes.append(gettext("The text is as it was signed; what was appended may be pictures, notes, or what lies over the text."))
    return Finding(
        "pdf",
        verdict,
        answer,
        found.facts,
        () if verdict == "genuine" else found.others,
        is_proven,
        signer=report.get("signer", "") if signature == "foreign" else "",
        has_text=bool(comparison.squeezed(text)),
        notes=tuple(notes),
    )


_BADGE_FACTS = {
    "name": "title",
    "credentialSubject.identifier.0.identityHash": "name",
    "credentialSubject.identifier.1.identityHash": "unit",
    "credentialSubject.achievement.name": "course",
    "credentialSubject.creditsEarned": "hours",
    "credentialSubject.result.0.value": "score",
    "credentialSubject.achievement.criteria.narrative": "text",
    "issuer.name": "issuer",
    "validFrom": "issued_on",
    "validUntil": "valid_until",
    "credentialSubject.licenseNumber": "number",
}


def _of_json(data: bytes, *, on: date | None, at: datetime) -> Finding:
    document = status_list.read(data)
    if document is not None:
        judged = status_list.judge(document, at=at)
        notes = ()
        if judged.since and judged.until:
            words = gettext("It counted from %(since)s to %(until)s.")
            notes = (words % {"since": _moment(judged.since), "until": _moment(judged.until)},)
        return Finding("status_list", judged.verdict, notes=notes)
    verdict = verify_badge(data, at=at)
    if verdict.certificate is None:
        return Finding("badge", _without_certificate(verdict, data))
    answer = answers.find(verdict.certificate.number, on=on, at=at)
    if not answer.is_as_issued:
        return _of_altered("badge", is_sound=bool(verdict.kid))
    is_proven = verdict.is_genuine or bool(verdict.kid)
    reasons = _told(verdict)
    if verdict.is_genuine:
        code = "badge_genuine"
    elif any(one.code == Code.RECORD_DIFFERS for one in reasons):
        code = "differs"  # as of a paper: the file is as we signed it
    else:
        code = "badge_withdrawn" if _is_withdrawn(reasons) else "badge_changed"
    facts, others = _badge_lines(reasons, answer)
    notes = tuple(one.message for one in reasons if one.code not in (Code.CHANGED, Code.WITHDRAWN_KEY) and one.field not in _BADGE_FACTS)
    return Finding("badge", code, answer, facts, others, is_proven, notes=notes[:MOST_OTHERS])


def _of_altered(kind: str, *, is_sound: bool) -> Finding:
    """Of a record that was edited behind the platform's back: nothing of it is shown, and nothing of the file is measured by it."""
    notes = (gettext("The signature on the file is ours and fits: the file is as it was signed."),) if is_sound else ()
    return Finding(kind, "altered", notes=notes)


def _without_certificate(verdict: Verdict, data: bytes) -> str:
    match verdict.reasons[0].code:
        case Code.NOT_FOUND:
            return "no_record"
        case Code.TOO_LARGE:
            return "too_much"
        case Code.FOREIGN_CONTEXT if names_us(data):
            return "badge_terms"
        case Code.FOREIGN_ISSUER | Code.FOREIGN_CONTEXT:
            return "badge_foreign"
        case Code.NOT_A_BADGE:
            return "other"
    return "unreadable"


def _told(verdict: Verdict) -> tuple[Reason, ...]:
    """The reasons against a badge, as far as they may be told: all of them where our signature fits. Whatever is said follows from these alone."""
    certificate = verdict.certificate
    if certificate is None or verdict.is_genuine or verdict.kid:
        return verdict.reasons
    return tuple(one for one in verdict.reasons if _may_be_told(one, certificate))


def _is_withdrawn(told: tuple[Reason, ...]) -> bool:
    """Whether nothing is said against a badge but that its key was withdrawn."""
    return {one.code for one in told} == {Code.WITHDRAWN_KEY}


def _may_be_told(reason: Reason, certificate: Certificate) -> bool:
    """Whether a difference may be told to somebody who could have written the badge: not if it gives away a masked letter."""
    fact = _BADGE_FACTS.get(reason.field)
    if reason.code != Code.CHANGED:
        return True
    if fact in ("name", "text"):
        recorded = comparison.hidden(certificate.person_name if fact == "name" else certificate.text, certificate.person_name)
        return not comparison.is_like(recorded[: SHOWN if len(reason.said) == SHOWN else None], reason.said)
    return reason.field != "credentialSubject.role"


def _badge_lines(reasons: tuple[Reason, ...], answer: answers.Answer) -> tuple[tuple[Line, ...], tuple[tuple[str, str], ...]]:
    wrong = {one.field: one for one in reasons if one.field}
    lines, others = [], []
    for path, fact in _BADGE_FACTS.items():
        recorded = answer.facts[fact]
        if fact == "score" and recorded is None:
            recorded = "合格"
        if recorded in (None, ""):
            continue
        reason = wrong.pop(path, None)
        lines.append(Line(fact, str(recorded), reason is None, reason.said[:LONGEST_SHOWN] if reason else ""))
    for path, reason in wrong.items():
        if reason.code == Code.CHANGED:
            others.append((reason.recorded and f"{path}: {reason.recorded}", f"{path}: {reason.said}"))
    return tuple(lines), tuple(others[:MOST_OTHERS])


def _moment(at: datetime) -> str:
    return f"{clock.local(at):%Y-%m-%d %H:%M}"


def compared_with_record(number: str, text: str, *, is_proven: bool) -> Finding:
    """The printed facts of a certificate beside a text: `facts` and `others` of a Finding. Sets the paper of the record once more."""
    certificate = Certificate.objects.select_related("version").get(number=number)
    name = certificate.person_name
    facts, reference = paper.printed(certificate), _text_of(certificate)
    if not is_proven:
        facts = {key: comparison.hidden(fact, name) for key, fact in facts.items()}
        reference = comparison.hidden(comparison.squeezed(reference), name)
    found = comparison.compare(reference, text, facts)
    lines = tuple(
        Line(fact.name, comparison.masked(facts[fact.name], name), fact.agrees, fact.said[:LONGEST_SHOWN]) for fact in found.facts
    )
    others = tuple((comparison.masked(was, name)[:LONGEST_SHOWN], now[:LONGEST_SHOWN]) for was, now in found.others[:MOST_OTHERS])
    return Finding("pdf", "unsigned", facts=lines, others=others)


def _text_of(certificate: Certificate) -> str:
    """The text of the paper as it is made from the record; the bare facts where it cannot be made here."""
    from pypdf import PdfReader

    try:
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(paper.pdf(certificate))).pages)
    except Refused:
        return "\n".join(paper.printed(certificate).values())
