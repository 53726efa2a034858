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
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NAT64_INSIDE = ipaddress.IPv6Network("64:ff9b:1::/48")  # of a network's own (RFC 8215): where in it the other address stands is not known
COMPATIBLE = ipaddress.IPv6Network("::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
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
    """Whether an address is public, or in one of the networks that the deployment names.

    An address of IPv6 that carries one of IPv4 leads to that one: it is judged by what it carries.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if _is_named(found):
        return True
    return all(_is_named(one) or _is_public(one) for one in _carried(found) or [found])


def _is_named(found: Address) -> bool:
    return any(found in ipaddress.ip_network(network) for network in settings.WEBHOOK_NETWORKS)


def _is_public(found: Address) -> bool:
    if found.is_multicast or getattr(found, "is_site_local", False) or (found.version == 6 and found in NAT64_INSIDE):
        return False
    return found.is_global


def _carried(found: Address) -> list[ipaddress.IPv4Address]:
    """The addresses of IPv4 inside one of IPv6: mapped and compatible (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).

    Teredo (RFC 4380) is public to nobody, whatever it carries.
    """
    if found.version == 4:
        return []
    if found in NAT64 or (found in COMPATIBLE and int(found) > 1):  # :: and ::1 carry nothing
        return [ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)]
    carried = found.ipv4_mapped or found.sixtofour
    return [carried] if carried else []


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
