"""A paper key that lies on a token (PKCS#11): a hardware module, a smart card, or SoftHSM in tests.

PKCS11_MODULE names the library of the maker, PKCS11_TOKEN and PKCS11_KEY the labels, PKCS11_PIN is the PIN. The key pair
is made on the token with the maker's own tools; its certificate is a row of the keyring like any other. Needs the packages
of requirements-pkcs11.txt.
"""

import threading
from typing import Any

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from core.errors import Refused

log = structlog.get_logger(__name__)
_opening = threading.Lock()
_sessions: dict[tuple[str, str], Any] = {}


def is_in_use() -> bool:
    return bool(settings.PKCS11_MODULE)


def public_key() -> ec.EllipticCurvePublicKey:
    """The public half of the paper key on the token.

    Raises:
        Refused: the token or the key is not there, or the PIN is wrong ("no_key").
        ImproperlyConfigured: it is no P-256 key, or the package is not installed.
    """
    pkcs11 = _pkcs11()
    from pkcs11.util.ec import encode_ec_public_key

    try:
        found = _session().get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=settings.PKCS11_KEY)
        key = serialization.load_der_public_key(encode_ec_public_key(found))
    except pkcs11.PKCS11Error as fault:
        _sessions.clear()
        raise refusal(fault) from fault
    if not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)):
        raise ImproperlyConfigured(f"The key {settings.PKCS11_KEY} on the token {settings.PKCS11_TOKEN} is no P-256 key.")
    return key


def signer(make: type, certificate: x509.Certificate, **more) -> Any:
    """A signer of pyHanko with the key on the token, of the class `make`.

    Raises:
        Refused: as `public_key` does; also when the certificate in use is another key's ("no_key").
    """
    if public_key() != certificate.public_key():
        raise Refused(
            _(
                "The certificate in use is not that of the key %(key)s on the token. The administrator runs: manage.py signing_keys rotate paper"
            )
            % {"key": settings.PKCS11_KEY},
            code="no_key",
        )
    # "raw": the digest is made here, which every token can sign.
    return make(_session(), key_label=settings.PKCS11_KEY, use_raw_mechanism=True, **more)


def forget() -> None:
    """Open the token anew when it is next needed."""
    _sessions.clear()


def is_fault(fault: Exception) -> bool:
    """Whether the token failed, not the program."""
    if not is_in_use():
        return False
    return isinstance(fault, _pkcs11().PKCS11Error)


def refusal(fault: Exception) -> Refused:
    _sessions.clear()
    log.error("token_failed", token=settings.PKCS11_TOKEN, key=settings.PKCS11_KEY, error=type(fault).__name__)
    return Refused(
        _(
            "The token with the signing key cannot be used (%(fault)s). The administrator checks that it is connected, its labels and its PIN."
        )
        % {"fault": type(fault).__name__},
        code="no_key",
    )


def _session() -> Any:
    """One session a process, opened when it is first needed: after the workers were forked."""
    which = (settings.PKCS11_MODULE, settings.PKCS11_TOKEN)
    pkcs11 = _pkcs11()
    with _opening:
        if which not in _sessions:
            try:
                token = pkcs11.lib(settings.PKCS11_MODULE).get_token(token_label=settings.PKCS11_TOKEN)
                _sessions[which] = token.open(user_pin=settings.PKCS11_SECRET or None)
            except pkcs11.PKCS11Error as fault:
                raise refusal(fault) from fault
        return _sessions[which]


def _pkcs11() -> Any:
    try:
        import pkcs11
    except ImportError as fault:
        raise ImproperlyConfigured("PKCS11_MODULE is set: pip install -r requirements-pkcs11.txt") from fault
    return pkcs11
