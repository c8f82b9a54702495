#!/bin/sh
# Finds the servers that the tests start as child processes, installs a missing one with the
# system's package manager where that is possible, else names the command. Kafka and Pulsar are no
# packages: their jars are fetched once, by Maven from where it is set up to fetch, into a cache
# ($TAILRACE_TEST_SERVICES, else tailrace-test-services in the user's cache folder). Under CI=true a
# missing server is an error; otherwise its tests are skipped and say so.
set -eu

cache=${TAILRACE_TEST_SERVICES:-${XDG_CACHE_HOME:-$HOME/.cache}/tailrace-test-services}
copy_jars=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies

find_postgres() {
  for file in "$(command -v postgres 2>/dev/null || true)" /usr/lib/postgresql/*/bin/postgres \
    /usr/local/pgsql/bin/postgres /opt/homebrew/opt/postgresql*/bin/postgres; do
    [ -x "$file" ] && [ -x "$(dirname "$file")/initdb" ] && return 0
  done
  return 1
}

find_nats() {
  for file in "$(command -v nats-server 2>/dev/null || true)" /usr/sbin/nats-server \
    /usr/local/bin/nats-server /opt/homebrew/bin/nats-server; do
    [ -x "$file" ] && return 0
  done
  return 1
}

find_mariadb() {
  for file in "$(command -v mariadbd 2>/dev/null || true)" /usr/sbin/mariadbd \
    /usr/local/bin/mariadbd /opt/homebrew/bin/mariadbd; do
    [ -x "$file" ] && return 0
  done
  return 1
}

find_java() { # tests/services/java.py looks at the same places
  for file in /usr/lib/jvm/java-17-*/bin/java /usr/lib/jvm/java-21-*/bin/java \
    "${JAVA_HOME:-}/bin/java" "$(command -v java 2>/dev/null || true)"; do
    [ -x "$file" ] || continue
    case $("$file" -version 2>&1) in *'version "17'* | *'version "21'*) return 0 ;; esac
  done
  return 1
}

find_chromium() { # tests/console/chromium.py looks at the same places
  for file in "$(command -v chromium 2>/dev/null || true)" /usr/bin/chromium \
    "$(command -v chromium-browser 2>/dev/null || true)" "$(command -v google-chrome 2>/dev/null || true)"; do
    [ -x "$file" ] && return 0
  done
  return 1
}

find_maven() { command -v mvn >/dev/null 2>&1; }

jars_folder() { # named by the pom, so that a changed one fetches anew
  sum=$({ sha256sum 2>/dev/null || shasum -a 256; } <"tests/services/$1.pom.xml" | cut -c1-12)
  echo "$cache/$1-$sum"
}

fetch_jars() {
  folder=$(jars_folder "$1")
  [ ! -d "$folder" ] || return 0
  find_maven || install maven "" || return 1
  echo "services: fetching the jars of $1 into $folder" >&2
  mkdir -p "$cache"
  part=$(cd "$cache" && pwd)/$1.part.$$
  mvn -B -q -f "tests/services/$1.pom.xml" "$copy_jars" -DincludeScope=runtime \
    -DoutputDirectory="$part" >&2 || { rm -rf "$part"; return 1; }
  [ -d "$folder" ] || mv "$part" "$folder"
}

# install <packages> <unit>: the tests start their own server; the system's unit is not wanted.
install() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
  echo "services: installing $1 for the tests" >&2
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends $1 >/dev/null || return 1
  if [ -n "$2" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now "$2" >/dev/null 2>&1 || true
  fi
}

missing=0
absent() { echo "services: $1" >&2; missing=1; }

find_postgres || { install postgresql postgresql && find_postgres; } ||
  absent "PostgreSQL is missing; install it with: sudo apt-get install postgresql"
find_nats || { install nats-server nats-server && find_nats; } ||
  absent "NATS is missing; install it with: sudo apt-get install nats-server"
find_mariadb || { install mariadb-server mariadb && find_mariadb; } ||
  absent "MariaDB is missing; install it with: sudo apt-get install mariadb-server"
find_java || { { install openjdk-17-jre-headless "" || install openjdk-21-jre-headless ""; } && find_java; } ||
  absent "Java is missing; install it with: sudo apt-get install openjdk-17-jre-headless"
find_chromium || { install "chromium fonts-dejavu-core" "" && find_chromium; } ||
  absent "Chromium is missing; install it with: sudo apt-get install chromium"
for name in kafka pulsar; do
  fetch_jars "$name" ||
    absent "the jars of $name are missing; make services fetches them with Maven (sudo apt-get install maven)"
done
[ "$missing" = 0 ] || [ "${CI:-}" != true ]
