#!/bin/bash
# Everything a bare machine lacks: a virtual environment, the pinned packages, and the few
# system packages (fonts for certificates; for tests also a browser, PDF/QR readers and node with the badge verifiers).
# Usage: deploy/setup.sh run|test [python]
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:?run or test}
python=${2:-python3}

say() { echo "[setup] $*"; }

have_font() { [ -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ] || [ -e /usr/share/fonts/opentype/noto-cjk/NotoSansCJK-Regular.ttc ]; }
missing=()
have_font || missing+=(fonts-noto-cjk)
"$python" -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ "$kind" = test ]; then
  command -v chromium >/dev/null || missing+=(chromium)
  command -v pdftotext >/dev/null || missing+=(poppler-utils)
  ldconfig -p 2>/dev/null | grep libzbar.so >/dev/null || missing+=(libzbar0)
  command -v wrk >/dev/null || missing+=(wrk)
  command -v msgfmt >/dev/null || missing+=(gettext)
  command -v certutil >/dev/null || missing+=(libnss3-tools)  # the authorities that pdfsig trusts
  command -v softhsm2-util >/dev/null || missing+=(softhsm2)  # a token to sign papers on
  command -v node >/dev/null || missing+=(nodejs)
  command -v npm >/dev/null || missing+=(npm)
fi
if [ ${#missing[@]} -gt 0 ]; then
  apt=""
  if command -v apt-get >/dev/null; then
    if [ "$(id -u)" = 0 ]; then apt="apt-get"; elif sudo -n true 2>/dev/null; then apt="sudo apt-get"; fi
  fi
  if [ -n "$apt" ]; then
    say "installing system packages: ${missing[*]}"
    $apt update -qq
    DEBIAN_FRONTEND=noninteractive $apt install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "These system packages are missing and cannot be installed from here: ${missing[*]}" >&2
    echo "Ask an administrator to run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi

"$python" - <<'P' || { echo "Python 3.11 or newer is needed (PYTHON=... make run)." >&2; exit 1; }
import sys
sys.exit(0 if sys.version_info >= (3, 11) else 1)
P
if [ ! -x .venv/bin/python ]; then
  say "making .venv"
  "$python" -m venv .venv
fi
say "installing Python packages"
requirements=requirements.txt
[ "$kind" = test ] && requirements=requirements-dev.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r $requirements 2> >(grep -v "^WARNING: Location" >&2)
if [ "$kind" = test ]; then
  say "installing the badge verifiers of others (npm)"
  npm ci --prefix tests/certificates/verifiers --silent
fi
