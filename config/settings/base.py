"""What every mode shares. local.py, production.py and test.py say what differs."""

import os
from datetime import timedelta
from pathlib import Path

from celery.schedules import crontab
from kombu import Exchange, Queue
from csp.constants import NONCE, SELF
from django.utils.translation import gettext_lazy as _

from config import env
from core import uploads

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var")))

INSTALLED_APPS = [
    "home",
    "evaluation",
    "certificates",
    "quizzes",
    "courses",
    "people",
    "core",
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.contrib.settings",
    "wagtail.contrib.typed_table_block",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django_filters",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "core.middleware.RequestLog",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "core.middleware.ContentSecurityPolicy",
    "core.middleware.SlidingSession",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "people.middleware.RequireSecondFactor",
    "people.middleware.AdminDoor",
    "core.middleware.BoundedUploads",
    "core.middleware.RefusedAsPage",
    "core.middleware.SaneAddress",
    "courses.middleware.DecidedOnce",
    "config.api.NotAllowedAsProblem",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "core.context_processors.site",
                "people.context_processors.roles",
            ],
        },
    },
]

# SQLite is the embedded default: WAL lets readers go on while one writes, IMMEDIATE makes a
# transaction take the write lock at its start so that lock-check-write holds there too.
DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        transaction_mode="IMMEDIATE",
        timeout=20,
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-20000;",
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# "default" is shared by all processes (lock-out counters live there); "local" holds rendered
# pieces keyed by what never changes, so each process may keep its own copy.
_redis = env.text("REDIS_URL")
CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _redis}
        if _redis
        else {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "shared_cache",
            # Beyond this many keys the cache throws some out, and lock-outs with them; the usual 300 is a morning's sign-ins.
            "OPTIONS": {"MAX_ENTRIES": 200_000},
        }
    ),
    "local": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "local",
        "TIMEOUT": 3600,
        "OPTIONS": {"MAX_ENTRIES": 2000},
    },
}

# Sign-in: by employee number, through allauth; Wagtail's admin uses the same door.
AUTH_USER_MODEL = "people.Person"
AUTHENTICATION_BACKENDS = ["people.backends.SignInBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["employee_number", "name", "phone", "email"]},
    },
    {"NAME": "people.passwords.LengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "people.passwords.CharacterClassesValidator", "OPTIONS": {"classes": 3}},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = "employee_number"
ACCOUNT_FORMS = {
    "login": "people.forms.SignInForm",
    "change_password": "people.forms.NewPasswordForm",
    "reauthenticate": "people.forms.PasswordAgainForm",
}
ACCOUNT_ADAPTER = "people.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PRESERVE_USERNAME_CASING = True
ACCOUNT_PREVENT_ENUMERATION = True
# Five failures on one account lock it for ten minutes. The figures for an address are high: a whole county office often
# shares one, and signs in at nine o'clock on the day of an exam.
SIGN_INS_PER_MINUTE = env.whole("SIGN_INS_PER_MINUTE", 600)
FAILED_SIGN_INS_PER_TEN_MINUTES = env.whole("FAILED_SIGN_INS_PER_TEN_MINUTES", 300)
ACCOUNT_RATE_LIMITS = {"login": f"{SIGN_INS_PER_MINUTE}/m/ip", "login_failed": f"{FAILED_SIGN_INS_PER_TEN_MINUTES}/10m/ip,5/10m/key"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "政务公开学习平台"
MFA_ADAPTER = "people.adapters.MfaAdapter"
USERSESSIONS_TRACK_ACTIVITY = False
SECOND_FACTOR_REQUIRED = True

SESSION_ENGINE = "core.sessions"
SESSION_COOKIE_AGE = env.whole("SESSION_IDLE_SECONDS", 2 * 60 * 60)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "core.views.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"  # Wagtail shows previews in a frame of its own site
SILENCED_SYSTEM_CHECKS = ["security.W019"]  # which asks for DENY

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "media-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": ["'none'"],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [SELF],
    }
}

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "wagtail"]  # the first has the last word; the second mends Wagtail
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(VAR_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(VAR_DIR / "media")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Papers with full names: beside the media folder, never below it.
    "private": {"BACKEND": "certificates.storage.PrivateFiles"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# A request body is bounded before it is read; files have bounds of their own in core/uploads.py.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

WAGTAIL_SITE_NAME = "政务公开学习与认证平台"
WAGTAILADMIN_BASE_URL = env.text("SITE_URL", "http://localhost:8000")
WAGTAILADMIN_LOGIN_URL = "account_login"
WAGTAIL_I18N_ENABLED = False
WAGTAIL_ENABLE_UPDATE_CHECK = False
WAGTAIL_ENABLE_WHATS_NEW_BANNER = False
WAGTAIL_GRAVATAR_PROVIDER_URL = None
WAGTAIL_USER_TIME_ZONES = [TIME_ZONE]  # days end where the county is
WAGTAILADMIN_NOTIFICATION_INCLUDE_SUPERUSERS = False  # reviewers hear of submissions
WAGTAIL_EMAIL_MANAGEMENT_ENABLED = False
WAGTAIL_PASSWORD_MANAGEMENT_ENABLED = False
WAGTAIL_PASSWORD_RESET_ENABLED = False
WAGTAILADMIN_PERMITTED_LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
WAGTAILEMBEDS_FINDERS: list[dict] = []
WAGTAILIMAGES_IMAGE_FORM_BASE = "courses.uploads.LessonImageForm"
WAGTAILIMAGES_MAX_UPLOAD_SIZE = 10 * 1024 * 1024
WAGTAILDOCS_EXTENSIONS = ["pdf", "docx", "xlsx", "pptx", "csv", "txt", "mp4", "webm", "vtt"]
WAGTAILDOCS_CONTENT_TYPES = {"vtt": "text/vtt"}
WAGTAILDOCS_DOCUMENT_FORM_BASE = "courses.uploads.LessonDocumentForm"
WAGTAILDOCS_SERVE_METHOD = "serve_view"
WAGTAILSEARCH_BACKENDS = {"default": {"BACKEND": "core.search"}}

# Jobs: a broker on disk unless CELERY_BROKER_URL names Redis or RabbitMQ.
_broker_dir = VAR_DIR / "broker"
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", "filesystem://")
if CELERY_BROKER_URL.startswith("filesystem://"):
    for _name in ("queue", "control"):
        (_broker_dir / _name).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker_dir / "queue"),
        "data_folder_out": str(_broker_dir / "queue"),
        "control_folder": str(_broker_dir / "control"),
        "polling_interval": 0.1,  # seconds; kombu's own is one, and a queue would drain at one job a second
    }
elif CELERY_BROKER_URL.startswith(("redis://", "rediss://")):
    # What a killed worker had taken comes back after this many seconds; kombu's own is an hour. Longer than any task may run, else it runs beside itself.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 15 * 60}
# Exams end by the clock, papers and pictures come in hundreds, and files of questions are read for minutes: a queue and a process for each.
# All stand in the list that a worker without -Q takes all of.
_apart = {
    "papers": ("certificates.tasks.render", "certificates.tasks.run_batch", "evaluation.tasks.write_download"),
    "questions": tuple(f"quizzes.tasks.{_name}" for _name in ("check_import", "run_import", "apply_remark", "make_analysis")),
}
CELERY_TASK_QUEUES = [Queue(_name, Exchange(_name), routing_key=_name) for _name in ("celery", *_apart)]
CELERY_TASK_ROUTES = {_task: {"queue": _name} for _name, _tasks in _apart.items() for _task in _tasks}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A task that hangs is told to stop, then stopped: all of them may run twice.
CELERY_TASK_SOFT_TIME_LIMIT = 9 * 60
CELERY_TASK_TIME_LIMIT = 10 * 60
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
# What nobody took before the next one comes expires: a worker that was down throws the old messages away unrun. They lie in the queue until then.
CELERY_BEAT_SCHEDULE = {
    "heartbeat": {"task": "core.tasks.heartbeat", "schedule": timedelta(minutes=1), "options": {"expires": 50}},
    "reconcile": {"task": "core.tasks.reconcile", "schedule": timedelta(minutes=5), "options": {"expires": 240}},
    "submit-overdue-attempts": {"task": "quizzes.tasks.submit_overdue", "schedule": timedelta(seconds=20), "options": {"expires": 15}},
    "chain-status-events": {"task": "certificates.tasks.chain", "schedule": timedelta(seconds=30), "options": {"expires": 25}},
    "publish-roots": {"task": "certificates.tasks.publish_roots", "schedule": crontab(minute=10), "options": {"expires": 50 * 60}},
    "wipe-kept-rosters": {"task": "people.tasks.wipe_kept_rosters", "schedule": crontab(minute=10), "options": {"expires": 50 * 60}},
    "wipe-question-imports": {"task": "quizzes.tasks.wipe_imports", "schedule": crontab(minute=25), "options": {"expires": 50 * 60}},
    "remind-of-renewals": {"task": "certificates.tasks.remind", "schedule": crontab(minute=35), "options": {"expires": 50 * 60}},
    "wipe-certificate-packages": {
        "task": "certificates.tasks.wipe_batches",
        "schedule": crontab(minute=35),
        "options": {"expires": 50 * 60},
    },
    "wipe-downloads": {"task": "evaluation.tasks.wipe_downloads", "schedule": crontab(minute=45), "options": {"expires": 50 * 60}},
    "note-what-is-asked": {
        "task": "evaluation.tasks.note_what_is_asked",
        "schedule": crontab(hour=0, minute=0),
        "options": {"expires": 12 * 60 * 60},
    },
    "count-ahead": {"task": "evaluation.tasks.count_ahead", "schedule": timedelta(minutes=10), "options": {"expires": 9 * 60}},
    "tell-webhooks": {"task": "evaluation.tasks.tell_webhooks", "schedule": timedelta(seconds=20), "options": {"expires": 15}},
    "expire-certificates": {"task": "certificates.tasks.expire_due", "schedule": crontab(minute=5), "options": {"expires": 50 * 60}},
    "clear-sessions": {"task": "people.tasks.clear_sessions", "schedule": crontab(hour=3, minute=20), "options": {"expires": 12 * 60 * 60}},
}

WEBHOOK_NETWORKS = env.listed("WEBHOOK_NETWORKS")  # private networks that webhooks may call, such as 10.20.0.0/16
# How many proxies of one's own stand in front: without it everybody behind nginx has one address, and shares its limits.
ALLAUTH_TRUSTED_PROXY_COUNT = env.whole("TRUSTED_PROXIES", 0)
KEYS_ROOT = env.text("KEYS_ROOT", str(VAR_DIR / "keys"))  # private signing keys; production names it itself
SIGNING_KEYS_PASSPHRASE = env.text("SIGNING_KEYS_PASSPHRASE")
FORMER_SITE_URLS = env.listed("FORMER_SITE_URLS")  # where the site was before: badges of then name it
STATUS_LIST_MINUTES = env.whole("STATUS_LIST_MINUTES", 24 * 60)  # how long a fetched status list may be relied on
CA_CERTIFICATE_YEARS = env.whole("CA_CERTIFICATE_YEARS", 20)
PAPER_CERTIFICATE_YEARS = env.whole("PAPER_CERTIFICATE_YEARS", 10)
SHARE_LINK_DAYS = env.whole("SHARE_LINK_DAYS", 90)  # how long a link lasts by which a holder shows a certificate
SHARED_PER_MINUTE = env.whole("SHARED_PER_MINUTE", 60)  # visits of such links from one address, in each process; 0: no limit
TIMESTAMP_URL = env.text("TIMESTAMP_URL")  # an authority of time (RFC 3161) for signed papers; "": they name the time themselves
PKCS11_MODULE = env.text("PKCS11_MODULE")  # the library of a hardware module that holds the paper key; "": a file below KEYS_ROOT
PKCS11_TOKEN, PKCS11_KEY = env.text("PKCS11_TOKEN"), env.text("PKCS11_KEY")
PKCS11_SECRET = env.text("PKCS11_PIN")  # under a name that error reports hide
PRIVATE_ROOT = env.text("PRIVATE_ROOT")  # "": a folder "private" beside MEDIA_ROOT
X_ACCEL_LOCATION = env.text("X_ACCEL_LOCATION")  # nginx's internal location over MEDIA_ROOT; "": the web processes send files themselves
CERTIFICATE_FONTS = env.listed("CERTIFICATE_FONTS")  # font files for characters beyond Noto CJK
# How many may begin an exam in each second, over all web processes; the rest wait for seconds. 0: no limit.
EXAM_ENTRIES_PER_SECOND = env.whole("EXAM_ENTRIES_PER_SECOND", 4 * (os.cpu_count() or 1))
CERTIFICATES_REMIND_BY_MAIL = env.flag("CERTIFICATES_REMIND_BY_MAIL")  # reminders of renewal go out by mail too
CERTIFICATES_END_SOON_DAYS = env.whole("CERTIFICATES_END_SOON_DAYS", 90)  # a certificate counts as soon to expire so many days before
# What a form may bring along in bytes, by a pattern of the beginning of its address, the first that fits; elsewhere a spreadsheet.
UPLOAD_LIMITS = [
    ("/admin/documents/", uploads.MAX_VIDEO),
    ("/admin/question-import/", uploads.MAX_BANK),
    ("/admin/", uploads.MAX_DOCUMENT),
    ("/verify/", uploads.MAX_CERTIFICATE),
    (r"/evaluation/hand-overs/\d+/|/api/v1/hand-overs/[^/]+/replies", uploads.MAX_REPLY),
    (r"/my/hours/new/|/people/\d+/hours/new/|/evaluation/\d+/appeals/new/", uploads.MAX_EVIDENCE * uploads.MOST_EVIDENCE),
]
# The public check, in points: a number 1, a file 10, a number that was never issued 21. See certificates/verify/limits.py.
VERIFY_PER_MINUTE = env.whole("VERIFY_PER_MINUTE", 120)  # of one address, in each process; 0: no limit at all
VERIFY_PER_HOUR = env.whole("VERIFY_PER_HOUR", 600)  # of one address
VERIFY_ALL_PER_HOUR = env.whole("VERIFY_ALL_PER_HOUR", 20_000)  # of all addresses together
VERIFY_FILES_AT_ONCE = env.whole("VERIFY_FILES_AT_ONCE", os.cpu_count() or 1)  # dropped-in PDFs that this machine looks into at a time

DEMO = False
APPEND_SLASH = True

from config.logging import LOGGING, configure_structlog  # noqa: F401

configure_structlog()
