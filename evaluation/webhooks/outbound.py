"""One call to an address that somebody else wrote down: never to a place inside, never further than that place."""

import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from core.errors import Refused

LONGEST = 500  # characters of an address
TIMEOUT = 10  # seconds for each step of a call
WHOLE = 20  # and for all of them: an answer that comes in drops holds no worker


@dataclass(frozen=True)
class Place:
    """An address whose host was looked up once: what was judged is what is called."""

    parts: SplitResult
    address: str
    port: int


def resolve(url: str) -> Place:
    """Look an address up and judge it. No name is looked up a second time afterwards.

    Raises:
        Refused: address (not https, or a form that is not taken), unknown_host, private.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise Refused(_("That is no address."), code="address") from error
    if parts.scheme != "https" and not (settings.DEBUG and parts.scheme == "http"):
        raise Refused(_("The address has to begin with https://."), code="address")
    if (
        len(url) > LONGEST
        or not parts.hostname
        or parts.username is not None
        or parts.password is not None
        or parts.fragment
        or not url.isascii()
        or " " in url
    ):
        raise Refused(_("That is no address."), code="address")
    try:
        found = {row[4][0] for row in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise Refused(_("The host “%(host)s” is not known.") % {"host": parts.hostname}, code="unknown_host") from error
    for address in sorted(map(str, found)):
        if not _is_allowed(address):
            raise Refused(
                _("“%(host)s” leads to %(address)s inside: such addresses are not called.") % {"host": parts.hostname, "address": address},
                code="private",
            )
    return Place(parts, min(map(str, found)), port)


def _is_allowed(address: str) -> bool:
    """Whether an address is public, or in one of the networks that the deployment names."""
    found = ipaddress.ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    if any(found in ipaddress.ip_network(network) for network in settings.WEBHOOK_NETWORKS):
        return True
    return found.is_global and not found.is_multicast


def post(place: Place, body: bytes, headers: dict[str, str]) -> int:
    """Send a body and return the status of the answer. Follows no redirect and reads no body.

    Raises:
        OSError, http.client.HTTPException: nobody answered in time, or with something that is no answer.
    """
    connection = _Connection(place)
    end = threading.Timer(WHOLE, connection.give_up)
    end.daemon = True
    end.start()
    try:
        target = (place.parts.path or "/") + (f"?{place.parts.query}" if place.parts.query else "")
        connection.request("POST", target, body=body, headers=headers)
        status = connection.getresponse().status
        if connection.is_given_up:  # what came until then may look whole
            raise TimeoutError("timed out")
        return status
    finally:
        end.cancel()
        connection.close()


class _Connection(http.client.HTTPConnection):
    def __init__(self, place: Place) -> None:
        host = place.parts.hostname or ""
        super().__init__(host, place.port, timeout=TIMEOUT)
        self.default_port = 443 if place.parts.scheme == "https" else 80
        self._place = place
        self.is_given_up = False

    def give_up(self) -> None:
        """End the call from another thread."""
        self.is_given_up = True
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def connect(self) -> None:
        self.sock = socket.create_connection((self._place.address, self._place.port), TIMEOUT)
        if self._place.parts.scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._place.parts.hostname)
