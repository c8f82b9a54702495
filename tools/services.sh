#!/bin/sh
# Finds the servers that the tests start as child processes, installs a missing one with the
# system's package manager where that is possible, else names the command. Under CI=true a missing
# one is an error; otherwise its tests are skipped and say so.
set -eu

find_postgres() {
  for file in "$(command -v postgres 2>/dev/null || true)" /usr/lib/postgresql/*/bin/postgres \
    /usr/local/pgsql/bin/postgres /opt/homebrew/opt/postgresql*/bin/postgres; do
    [ -x "$file" ] && [ -x "$(dirname "$file")/initdb" ] && return 0
  done
  return 1
}

install_postgres() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
  echo "services: installing postgresql for the tests" >&2
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends postgresql >/dev/null || return 1
  # The tests start their own; the system's unit, if an init system runs, is not wanted.
  if [ -d /run/systemd/system ]; then systemctl disable --now postgresql >/dev/null 2>&1 || true; fi
}

find_nats() {
  for file in "$(command -v nats-server 2>/dev/null || true)" /usr/sbin/nats-server \
    /usr/local/bin/nats-server /opt/homebrew/bin/nats-server; do
    [ -x "$file" ] && return 0
  done
  return 1
}

install_nats() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
  echo "services: installing nats-server for the tests" >&2
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends nats-server >/dev/null || return 1
  if [ -d /run/systemd/system ]; then systemctl disable --now nats-server >/dev/null 2>&1 || true; fi
}

missing=0
if ! { find_postgres || { install_postgres && find_postgres; }; }; then
  echo "services: PostgreSQL is missing; install it with: sudo apt-get install postgresql" >&2
  missing=1
fi
if ! { find_nats || { install_nats && find_nats; }; }; then
  echo "services: NATS is missing; install it with: sudo apt-get install nats-server" >&2
  missing=1
fi
[ "$missing" = 0 ] || [ "${CI:-}" != true ]
