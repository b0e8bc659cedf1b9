#!/bin/sh
# Makes or renews the virtual environment .venv from the hashed lock file. Quick when nothing changed.
set -eu
cd "$(dirname "$0")/.."
say() { echo "pontlevis: $*" >&2; }
PYTHON=${PYTHON:-python3}
STAMP=.venv/.synced
WANT=$(cat requirements.lock pyproject.toml | sha256sum)
[ "$(cat "$STAMP" 2>/dev/null || true)" = "$WANT" ] && exit 0

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  say "Python 3.11 or newer is needed ($PYTHON is not): name one with PYTHON=/path/to/python3 make …"
  exit 1
}
say "making the virtual environment .venv"
if ! [ -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  if ! "$PYTHON" -c 'import ensurepip' 2>/dev/null; then
    # Debian's python3 leaves ensurepip to a package of its own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      say "installing python3-venv"
      { apt-get update -qq && apt-get install -y -qq python3-venv; } >/dev/null
    else
      say "$PYTHON has no ensurepip: install your distribution's python3-venv"
      exit 1
    fi
  fi
  rm -rf .venv
  "$PYTHON" -m venv .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
echo "$WANT" >"$STAMP"
