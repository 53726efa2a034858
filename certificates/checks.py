"""What `manage.py check` says about the keys' folder and their passphrase."""

from pathlib import Path

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.security)
def private_keys_are_out_of_reach(app_configs, **kwargs) -> list[CheckMessage]:
    """Never below a folder that a web server serves, never open to other accounts of the machine."""
    folder = Path(settings.KEYS_ROOT).absolute()
    found: list[CheckMessage] = []
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        served = Path(getattr(settings, name)).absolute()
        if folder == served or served in folder.parents:
            found.append(Error(f"KEYS_ROOT lies below {name}, which is served to the public.", id="certificates.E001"))
    if folder.exists() and folder.stat().st_mode & 0o077:
        found.append(Warning(f"KEYS_ROOT is open to other accounts: chmod 700 {folder}", id="certificates.W002"))
    return found


@register(Tags.security, deploy=True)
def private_keys_are_encrypted(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.SIGNING_KEYS_PASSPHRASE:
        return []
    return [Warning("Private signing keys are written without a passphrase: set SIGNING_KEYS_PASSPHRASE.", id="certificates.W001")]
