"""Readers for settings that come from the environment. A missing secret stops the start, loudly."""

import os
import secrets
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured


def required(name: str) -> str:
    """The value of an environment variable that production cannot do without.

    Raises:
        ImproperlyConfigured: it is unset or empty.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise ImproperlyConfigured(f"Set the environment variable {name}: production does not start without it.")
    return value


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def listed(name: str, default: str = "") -> list[str]:
    """A comma-separated variable as a list without blanks."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def flag(name: str, default: bool = False) -> bool:
    """A yes/no variable.

    Raises:
        ImproperlyConfigured: it holds something that is neither.
    """
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be yes or no, not {value!r}.")


def whole(name: str, default: int) -> int:
    """A whole-number variable.

    Raises:
        ImproperlyConfigured: it is not a whole number.
    """
    value = text(name)
    try:
        return int(value) if value else default
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error


def kept_secret(path: Path) -> str:
    """A secret for local mode, made on first use and kept in a file that only its owner reads."""
    if path.exists():
        return path.read_text().strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    value = secrets.token_urlsafe(48)
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(value)
    except FileExistsError:
        return path.read_text().strip()
    return value


def database(name: str, default: str = "") -> dict:
    """A database by the address in this variable.

    Connections live a minute and are looked at before each request. PostgreSQL keeps hot queries
    prepared unless PREPARED_STATEMENTS is off.
    """
    found = dj_database_url.parse(text(name, default), conn_max_age=60, conn_health_checks=True)
    if found["ENGINE"] == "django.db.backends.postgresql":
        found["ENGINE"] = "core.postgresql"
        direct = flag("PREPARED_STATEMENTS", True)
        options = {"prepare_threshold": 0 if direct else None}
        if direct:  # a pooler refuses to pass such a setting on
            # Every cursor here is read to its end; the default plans for its first tenth, which cost an analysis two hundred seconds.
            # Compiling a plan costs more than it saves in queries that pages wait for, and a county's people are compared in memory.
            options["options"] = "-c cursor_tuple_fraction=1 -c jit=off -c work_mem=32MB"
        found["OPTIONS"] = {**options, **found.get("OPTIONS", {})}
    return dict(found)
