"""Tests: fast passwords, tasks run in place, files in a folder that goes away."""

import os
import tempfile

os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="tests-")  # before base reads it: each process of tests has its own files

from config import env
from config.settings.base import *  # noqa: F403
from config.settings.base import DATABASES, STORAGES, VAR_DIR

SECRET_KEY = "only-for-tests-" + "0123456789" * 4
DEBUG = False
ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
DEMO = False
SECOND_FACTOR_REQUIRED = False
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True

if env.text("TEST_DATABASE_URL"):
    # The threads of a test leave no connection behind.
    DATABASES = {"default": env.database("TEST_DATABASE_URL") | {"CONN_MAX_AGE": 0}}
else:
    # On disk, so that threads and the browser tests' server see one database.
    DATABASES["default"]["NAME"] = str(VAR_DIR / "main.sqlite3")
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON;"
