"""A small sum that a browser solves before it may go on: after the scheme of ALTCHA, with nothing kept for it here.

The server draws a number below `limit`, gives SHA-256 of salt and number, and signs it all; the browser tries the
numbers from 0 on. It never takes more than `limit` hashes, and half of them on average. The salt carries the instant
of expiry; the signature also covers the address that it was made for. That a solution counts once is the caller's part.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from core.errors import Refused

LIFE = 600  # seconds in which it may be solved
LEAST, MOST = 16, 21  # bits: 65,536 hashes at most, half a second on an old phone; 2 million, some seconds on a desk


def make(*, address: str, bits: int, now: float) -> dict[str, str]:
    """The fields of a sum of 2 ** bits."""
    limit = 2 ** max(LEAST, min(bits, MOST))
    salt = f"{secrets.token_hex(12)}.{int(now) + LIFE}"
    challenge = _hashed(salt, secrets.randbelow(limit))
    return {"salt": salt, "challenge": challenge, "limit": str(limit), "signature": _signed(salt, challenge, str(limit), address)}


def solved(sent: Mapping[str, str], *, address: str, now: float) -> tuple[str, float]:
    """The name of a solved sum and when it expires.

    Raises:
        Refused: not ours, or for another address ("work_unknown"), too late ("work_expired"), or not solved ("work_wrong").
    """
    salt, challenge, limit = (str(sent.get(name, ""))[:100] for name in ("salt", "challenge", "limit"))
    if not constant_time_compare(str(sent.get("signature", "")), _signed(salt, challenge, limit, address)):
        raise Refused(_("This does not belong to a page of ours. Please open the check again."), code="work_unknown")
    name, _dot, expires = salt.partition(".")
    if now >= int(expires):
        raise Refused(_("That took too long. Please open the check again."), code="work_expired")
    number = str(sent.get("number", ""))
    if not (number.isascii() and number.isdigit() and len(number) <= 9 and hmac.compare_digest(_hashed(salt, int(number)), challenge)):
        raise Refused(_("The sum was not solved. Please open the check again."), code="work_wrong")
    return name, float(expires)


def _hashed(salt: str, number: int) -> str:
    return hashlib.sha256(f"{salt}.{number}".encode()).hexdigest()


def _signed(salt: str, challenge: str, limit: str, address: str) -> str:
    return salted_hmac("certificates.verify.work", "|".join((salt, challenge, limit, address)), algorithm="sha256").hexdigest()
