#!/bin/bash
# The whole suite on SQLite, then on PostgreSQL where one answers. Usage: deploy/test.sh [sqlite|postgres]
set -euo pipefail
cd "$(dirname "$0")/.."
which=${1:-both}
export PATH="$PWD/.venv/bin:$PATH"
export DJANGO_SETTINGS_MODULE=config.settings.test
unset DATABASE_URL CELERY_BROKER_URL REDIS_URL
workers=${TEST_WORKERS:-$(($(nproc) + 1))}  # tests in a browser mostly wait
wanted=${TEST_DATABASE_URL:-}
unset TEST_DATABASE_URL

if [ "$which" != postgres ]; then
  echo "== tests on SQLite"
  pytest -n "$workers" --dist worksteal -m "not postgres"
fi
if [ "$which" != sqlite ]; then
  if url=$(python deploy/find_postgres.py "$wanted"); then
    echo "== tests on PostgreSQL"
    # How every page looks (axe, width, words) hangs on no database: these are walked once, on SQLite.
    TEST_DATABASE_URL=$url pytest -n "$workers" --dist worksteal --ignore=tests/browser/test_every_page.py --ignore=tests/browser/test_authoring.py
  elif [ -n "$wanted" ] || [ "$which" = postgres ]; then
    echo "No PostgreSQL answers at ${wanted:-the local default}." >&2
    exit 1
  else
    echo "== PostgreSQL does not answer here: its run was left out (set TEST_DATABASE_URL)"
  fi
fi
