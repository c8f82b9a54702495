#!/bin/sh
# Makes the environment: a venv of Python 3.11 or newer, the locked packages with their hashes,
# and this project in it, editable. Uses uv when it is there. Safe to run again.
set -eu
venv=$1

fail() { echo "setup: $1" >&2; exit 1; }

# Without bytecode each start of a server would compile its libraries again where Python may not
# write beside them: a second of each start.
compile_bytecode() {
  "$venv/bin/python" -m compileall -q -j 0 "$("$venv/bin/python" -c \
    'import sysconfig; print(sysconfig.get_path("purelib"))')" engine controlplane connectors \
    >/dev/null 2>&1 || true # some libraries carry files for other versions of Python
}

suitable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
  for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3; do
    if command -v "$name" >/dev/null 2>&1 && suitable "$name"; then
      "$name" -c 'import sys; print(sys.executable)'
      return
    fi
  done
}

install_packages() { # Debian and Ubuntu split Python's venv module off
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends "$@" >/dev/null
}

python=$(find_python)
if [ -z "$python" ]; then
  install_packages python3 python3-venv || true
  python=$(find_python)
  [ -n "$python" ] || fail "Python 3.11 or newer is needed, for example: sudo apt-get install python3 python3-venv"
fi

if command -v uv >/dev/null 2>&1; then
  [ -x "$venv/bin/python" ] || uv venv --quiet --python "$python" "$venv"
  uv pip install --quiet --python "$venv/bin/python" --require-hashes -r requirements.lock
  uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
  compile_bytecode
  exit
fi

if [ ! -x "$venv/bin/pip" ]; then
  rm -rf "$venv"
  "$python" -m venv "$venv" 2>/dev/null || {
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    rm -rf "$venv"
    install_packages "python$version-venv" && "$python" -m venv "$venv" ||
      fail "this Python has no venv module, for example: sudo apt-get install python$version-venv"
  }
fi
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
compile_bytecode
