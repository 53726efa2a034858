#!/bin/bash
# Tests run on PostgreSQL too. Where none answers and this may install one, install and start it, and wait.
set -euo pipefail
cd "$(dirname "$0")/.."
answers() { (exec 3<>/dev/tcp/127.0.0.1/5432) 2>/dev/null; }
if answers; then exit 0; fi
if [ -n "${TEST_DATABASE_URL:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "[setup] no PostgreSQL answers on this machine; its tests are left out"
  exit 0
fi
if ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then
  echo "[setup] installing PostgreSQL for the tests"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
fi
version=$(ls /etc/postgresql | sort -V | tail -1)
pg_ctlcluster --skip-systemctl-redirect "$version" main start || true
for _ in $(seq 60); do
  if su postgres -c "psql -qc \"alter user postgres password 'postgres'\"" 2>/dev/null; then exit 0; fi
  sleep 1
done
echo "[setup] PostgreSQL was installed but does not start" >&2
exit 1
