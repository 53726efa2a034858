#!/bin/bash
# Start the product on this machine: migrate, load the demo once, then web, workers and scheduler.
# The address and the sign-ins are printed once the web answers, as the last thing. LOG_LEVEL=INFO shows every request.
set -euo pipefail
cd "$(dirname "$0")/.."
export DJANGO_SETTINGS_MODULE=${DJANGO_SETTINGS_MODULE:-config.settings.local}
export PORT=${PORT:-8000}
export SITE_URL=${SITE_URL:-http://localhost:$PORT}
export LOG_LEVEL=${LOG_LEVEL:-WARNING}
export PATH="$PWD/.venv/bin:$PATH"
export VAR_DIR=${VAR_DIR:-$PWD/var}
mkdir -p "$VAR_DIR"
chmod 700 "$VAR_DIR"

say() { echo "[run] $*"; }

say "preparing the database (a minute or two the first time)"
python manage.py migrate --noinput -v0
python manage.py createcachetable
python manage.py signing_keys ensure --replace-lost >/dev/null
python manage.py collectstatic --noinput -v0
say "looking after the demonstration county (two minutes the first time)"
sign_ins=$(python manage.py seed_demo | tee >(grep '^\[demo\]' >&2 || true) | grep '^  ')

announce() {
  until python -c "import urllib.request as u; u.urlopen('http://localhost:$PORT/readyz', timeout=5)" 2>/dev/null; do
    kill -0 $$ 2>/dev/null || exit 0
    sleep 0.3
  done
  sleep 1 # the worker's and the scheduler's last words
  printf '\n%s\n\n  Open  http://localhost:%s/   (stop with Ctrl+C)\n\n' "$sign_ins" "$PORT"
}
say "starting web, workers and scheduler"
announce &
exec honcho --no-colour -f deploy/Procfile start
