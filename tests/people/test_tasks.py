"""What runs by itself: old uploads and sessions go, lock-outs stay."""

from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.core.management import call_command
from django.utils import timezone

from people import tasks
from people.models import RosterImport
from people.services import roster
from tests.cast import NOON


def kept(cast, made_at):
    return RosterImport.objects.create(
        by=cast.hr, unit=cast.county, file_name="花名册.xlsx", file_digest="0" * 64, content=b"names", made_at=made_at
    )


def test_an_unconfirmed_roster_is_wiped_after_a_day_and_not_before(cast):
    old, young = kept(cast, NOON - timedelta(days=1)), kept(cast, NOON - timedelta(hours=23))

    assert roster.wipe_kept(at=NOON) == 1 and roster.wipe_kept(at=NOON) == 0
    old.refresh_from_db()
    young.refresh_from_db()
    assert old.content is None and old.file_name == "花名册.xlsx"
    assert bytes(young.content) == b"names"


def test_the_hourly_task_wipes_without_anybody_handing_in_another(cast):
    old = kept(cast, timezone.now() - timedelta(days=2))
    tasks.wipe_kept_rosters.delay()

    old.refresh_from_db()
    assert old.content is None


def test_the_daily_task_deletes_sessions_that_have_run_out(db):
    for key, ends in (("old", -1), ("new", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=timezone.now() + timedelta(hours=ends))
    tasks.clear_sessions.delay()

    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]


@pytest.mark.parametrize("name", settings.CELERY_BEAT_SCHEDULE)
def test_every_scheduled_message_names_a_task_and_expires_before_the_next_one(name):
    entry = settings.CELERY_BEAT_SCHEDULE[name]
    current_app.loader.import_default_modules()
    every = entry["schedule"] if isinstance(entry["schedule"], timedelta) else timedelta(days=1)

    assert entry["task"] in current_app.tasks
    assert 0 < entry["options"]["expires"] < every.total_seconds()


def test_rosters_are_wiped_every_hour_so_that_a_day_is_a_day_and_sessions_are_cleared_daily():
    scheduled = {entry["task"]: entry for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert len(scheduled["people.tasks.wipe_kept_rosters"]["schedule"].hour) == 24
    assert scheduled["people.tasks.wipe_kept_rosters"]["options"]["expires"] < 60 * 60
    assert len(scheduled["people.tasks.clear_sessions"]["schedule"].hour) == 1


def test_a_task_that_hangs_is_stopped():
    assert 0 < current_app.conf.task_soft_time_limit < current_app.conf.task_time_limit <= 600


def test_a_lock_out_survives_a_thousand_other_keys(db):
    call_command("createcachetable")
    cache = caches["default"]
    cache.clear()
    cache.set("allauth:rl:login_failed:0", [1, 2, 3, 4, 5], 600)
    for number in range(1000):
        cache.set(f"somebody-else-{number}", number, 600)

    assert cache.get("allauth:rl:login_failed:0") == [1, 2, 3, 4, 5]
    cache.clear()
