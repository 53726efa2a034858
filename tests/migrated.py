"""The migrated test database: made once for each state of the migrations, then copied by whatever process of tests needs one.

Hundreds of migrations take a minute of a core, and every worker wants a database of its own.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

ENGINE = {"sqlite": "sqlite3", "postgresql": "pg"}


class Copies:
    """The database of this process, from the kept one where there is one; else it is made by the migrations, and kept.

    One process at a time: from `begin` to `end` the others wait, and then find what the first one made.
    """

    def __init__(self) -> None:
        self.name = connection.creation._get_test_db_name()
        self.place = Path(tempfile.gettempdir()) / f"migrated-{os.getuid()}"
        self.place.mkdir(mode=0o700, exist_ok=True)
        self.was_copied = False

    @cached_property
    def kept(self) -> str:
        """What it is called: by the text of all migrations, and by where the test database lies."""
        told = hashlib.sha256(f"{settings.DATABASES['default'].get('HOST')} {settings.DATABASES['default'].get('PORT')}".encode())
        found = MigrationLoader(None, load=False)
        found.load_disk()
        for key, migration in sorted(found.disk_migrations.items()):
            told.update(f"{key}".encode() + Path(sys.modules[type(migration).__module__].__file__).read_bytes())
        return f"migrated_{ENGINE[connection.vendor]}_{told.hexdigest()[:16]}"

    def begin(self) -> bool:
        """Whether the database was copied."""
        self.lock = (self.place / f"{self.kept}.lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        if connection.vendor == "sqlite":
            held = self.place / self.kept
            self.was_copied = held.exists()
            if self.was_copied:
                Path(self.name).unlink(missing_ok=True)
                shutil.copyfile(held, self.name)
        else:
            with connection._nodb_cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.kept])
                self.was_copied = cursor.fetchone() is not None
                if self.was_copied:
                    cursor.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
                    cursor.execute(f'CREATE DATABASE "{self.name}" TEMPLATE "{self.kept}"')
        return self.was_copied

    def end(self) -> None:
        """The database is set up: keep a copy if this process made it, and let the others on."""
        if not self.was_copied and connection.vendor == "sqlite":
            half = self.place / f"{self.kept}.half"
            half.unlink(missing_ok=True)
            with connection.cursor() as cursor:
                cursor.execute("VACUUM INTO %s", [str(half)])
            half.replace(self.place / self.kept)
        elif not self.was_copied:
            connection.close()  # a database that somebody is connected to cannot be copied
            with connection._nodb_cursor() as cursor:
                cursor.execute(f'CREATE DATABASE "{self.kept}" TEMPLATE "{self.name}"')
        self.lock.close()

    def drop(self) -> None:
        """After the last test: a copy is nobody's any more."""
        if self.was_copied and connection.vendor == "postgresql":
            connection.close()
            with suppress(Exception), connection._nodb_cursor() as cursor:
                cursor.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
