#!/bin/bash
# Start the product on this machine: migrate, load the demo once, then web, worker and scheduler.
set -euo pipefail
cd "$(dirname "$0")/.."
export DJANGO_SETTINGS_MODULE=${DJANGO_SETTINGS_MODULE:-config.settings.local}
export PORT=${PORT:-8000}
export SITE_URL=${SITE_URL:-http://localhost:$PORT}
export PATH="$PWD/.venv/bin:$PATH"
mkdir -p var
chmod 700 var

python manage.py migrate --noinput -v0
python manage.py createcachetable
python manage.py collectstatic --noinput -v0
python manage.py seed_demo
echo
echo "  Open  http://localhost:$PORT/   (stop with Ctrl+C)"
echo
exec honcho --no-colour -f deploy/Procfile start
