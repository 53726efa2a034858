"""`make run`: the whole product on one machine, with demo people and demo sign-ins.

Never for the open internet: demo accounts exist, and a second factor is offered, not demanded.
"""

from config import env
from config.settings.base import *  # noqa: F403
from config.settings.base import VAR_DIR, WAGTAILADMIN_BASE_URL

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY") or env.kept_secret(VAR_DIR / "secret_key")
ALLOWED_HOSTS = env.listed("ALLOWED_HOSTS", "*")
CSRF_TRUSTED_ORIGINS = env.listed("CSRF_TRUSTED_ORIGINS", WAGTAILADMIN_BASE_URL)
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

DEMO = True
SECOND_FACTOR_REQUIRED = env.flag("SECOND_FACTOR_REQUIRED", False)
