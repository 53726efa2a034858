"""Answer sheets that bear a name: one for each candidate of a sitting, in the order of the list, with a code that entry checks."""

import hmac
import re
import unicodedata
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.utils.encoding import force_bytes
from django.utils.translation import gettext as _

from core import audit, typesetting
from core.errors import Refused
from core.text import printable
from people.models import Person
from quizzes.models import Candidate, Paper, Sitting
from quizzes.services import printing
from quizzes.services.slips import ALPHABET, MISREAD

LENGTH = 6  # signs of five bits: enough to find a sheet taken for another, not a secret


def pdf(*, sitting: Sitting, by: Person, at: datetime, room: str | None = None, blank: bool = False) -> bytes:
    """The answer sheets of a sitting's candidates as one PDF, by room and seat, with a trace; of one room alone if asked.

    Neighbours get different papers where the sitting has several. `blank`: one of each paper without a name, for who
    comes unlisted or spoils a sheet. As many queries for a thousand candidates as for one.

    Raises:
        Refused: no_papers, not_sealed, nobody (on the list, or in the room); missing_glyph.
    """
    papers = list(sitting.papers.order_by("label").select_related("quiz").prefetch_related("items").with_seals())
    if not papers:
        raise Refused(_("This sitting hands out no sealed paper, so there is no answer sheet for it."), code="no_papers")
    if labels := "、".join(paper.label for paper in papers if not paper.is_sealed):
        raise Refused(
            _("Not sealed by two persons: paper %(labels)s. Nobody can begin before it is.") % {"labels": labels}, code="not_sealed"
        )
    sheets = [_blank(paper) for paper in papers] if blank else _of_candidates(sitting, papers, room)
    if not sheets:
        raise Refused(_("Nobody is on the list here, so there is no sheet to print."), code="nobody")
    data = {
        "part": "sheets",
        "heading": printing.PARTS["sheet"],
        "title": printable(sitting.quiz.title),
        "sitting": printable(sitting.title),
        "papers": {paper.label: _paper(paper) for paper in papers},
        "sheets": sheets,
        "pictures": {},
    }
    made = typesetting.typeset(printing.LAYOUT, data, at=at)
    audit.record(sitting.quiz, "quizzes.sheets_printed", by=by, sitting=sitting.pk, sheets=len(sheets), blank=blank)
    return made


def _paper(paper: Paper) -> dict[str, Any]:
    return {"digest": paper.digest()[:16], "items": [printing.item_for_sheet(paper, item) for item in paper.items.all()]}


def _blank(paper: Paper) -> dict[str, str]:
    return {"label": paper.label, "name": "", "number": "", "room": "", "seat": "", "code": ""}


def _of_candidates(sitting: Sitting, papers: list[Paper], room: str | None) -> list[dict[str, str]]:
    found = []
    order = Candidate.objects.filter(sitting=sitting).select_related("person").order_by(*Candidate.IN_ROOMS, "person__employee_number")
    for place, row in enumerate(order):
        paper = papers[place % len(papers)]
        if room is None or row.room == room:
            facts = {"name": row.person.name, "number": row.person.employee_number, "room": row.room, "seat": row.seat}
            code = code_of(sitting, row.person_id, paper)
            found.append({"label": paper.label, "code": code} | {name: printable(value) for name, value in facts.items()})
    return found


def code_of(sitting: Sitting, person_id: int, paper: Paper) -> str:
    """The code on the sheet of this person for this paper."""
    return _code(sitting, person_id, paper, settings.SECRET_KEY)


def _code(sitting: Sitting, person_id: int, paper: Paper, secret: str | bytes) -> str:
    mac = int.from_bytes(hmac.new(force_bytes(secret), f"sheet:{sitting.pk}:{person_id}:{paper.pk}".encode(), sha256).digest())
    signs = "".join(ALPHABET[mac >> 5 * place & 31] for place in range(LENGTH))
    return f"{signs[:3]}-{signs[3:]}"


def require_code(code: str, *, sitting: Sitting, person: Person, paper: Paper) -> None:
    """Let a sheet's code pass that is this person's for this paper. Small slips of the pen are forgiven. One query where it is not.

    Raises:
        Refused: other_form (the person's sheet, but of another paper), other_sheet.
    """
    read = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", code[:40]).upper()).translate(MISREAD)
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)

    def fits(one: Paper) -> bool:
        return any(
            hmac.compare_digest(_code(sitting, person.pk, one, secret).replace("-", "").encode(), read.encode()) for secret in secrets
        )

    if fits(paper):
        return
    for other in sitting.papers.exclude(pk=paper.pk):
        if fits(other):
            raise Refused(
                _("This is the code of %(name)s's sheet for paper %(label)s. Choose that paper.")
                % {"name": person.name, "label": other.label},
                code="other_form",
            )
    raise Refused(
        _("This is not the code of %(name)s's sheet. Look whose sheet it is before you enter marks.") % {"name": person.name},
        code="other_sheet",
    )
