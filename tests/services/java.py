"""The Java runtime and the jars of services that run on it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TextIO

from tests.services.process import Child
from tests.services.shared import cache_folder, missing

# Debian's places first: PATH may lead to a newer one that the services do not know.
PLACES = ("/usr/lib/jvm/java-17-*/bin/java", "/usr/lib/jvm/java-21-*/bin/java")
VERSIONS = (17, 21)  # those that Kafka and Pulsar both support
ARCHIVE_SECONDS_MAX = 60.0  # Pulsar takes 12 s to end and to write it
# One garbage collector thread and the quick compiler only: tests start servers more than they use
# them, and other tests want the cores.
FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")


class Java(NamedTuple):
    """A runtime that the services run on, and its exact version."""

    binary: str
    version: str


@lru_cache(maxsize=1)
def find_java() -> Java | None:
    """The first suitable one; None without one."""
    found = [str(path) for place in PLACES for path in sorted(Path("/").glob(place[1:]))]
    if home := os.environ.get("JAVA_HOME"):
        found.append(f"{home}/bin/java")
    if on_path := shutil.which("java"):
        found.append(on_path)
    for binary in found:
        version = _version(binary)
        if version and int(version.split(".")[0]) in VERSIONS:
            return Java(binary, version)
    return None


def _version(binary: str) -> str:
    try:
        done = subprocess.run([binary, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    found = re.search(r'version "(\d[\w.+-]*)"', done.stderr)
    return found.group(1) if found else ""


class Jars(NamedTuple):
    """What tools/services.sh fetched for a pom beside this file, and what names it exactly."""

    name: str
    class_path: str


def find_jars(name: str) -> Jars | None:
    """The jars of `<name>.pom.xml`; None if the cache has none of this very pom."""
    pom = Path(__file__).with_name(f"{name}.pom.xml")
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    jars = sorted((cache_folder() / f"{name}-{digest}").glob("*.jar"))
    if not jars:
        return None
    return Jars(f"{name}-{digest}", ":".join(str(jar) for jar in jars))


class JavaParts(NamedTuple):
    """A runtime and the jars of one service."""

    java: Java
    jars: Jars

    def command(self, main: str, arguments: Sequence[str], flags: Sequence[str] = ()) -> list[str]:
        """A JVM with these flags that runs the class `main`; it logs to its output."""
        logging = Path(__file__).with_name("log4j2.properties")
        flags = (*FLAGS, f"-Dlog4j2.configurationFile={logging}", *flags)
        return [self.java.binary, *flags, "-cp", self.jars.class_path, main, *arguments]


def java_parts(name: str) -> JavaParts:
    """What `name` needs; skips the test without it, an error in CI."""
    java, jars = find_java(), find_jars(name)
    if java is None:
        missing(f"{name} needs Java 17: `make services` installs it or says how.")
    if jars is None:
        missing(f"The jars of {name} were not fetched: `make services` does it.")
    return JavaParts(java, jars)


class ClassArchive:
    """Classes as the JVM keeps them after parsing: a start with them takes half the processor time.

    The first service without one writes it when it ends. A JVM that finds that an archive is of
    other jars or of another JVM starts without it.
    """

    def __init__(self, parts: JavaParts) -> None:
        self._file = cache_folder() / f"{parts.jars.name}-{parts.java.version}.jsa"
        self._made = self._file.with_suffix(".part")
        self._lock: TextIO | None = None

    def flags(self) -> list[str]:
        """What the JVM is to do: read it, write it, nothing (another process writes it)."""
        if self._file.exists():
            return [f"-XX:SharedArchiveFile={self._file}"]
        return [f"-XX:ArchiveClassesAtExit={self._made}"] if self._may_write() else []

    def _may_write(self) -> bool:
        if self._lock is None:
            lock = self._file.with_suffix(".lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                return False
            self._lock = lock
        return True

    def end(self, child: Child) -> None:
        """End a JVM that was started with `flags`."""
        if self._lock is None:
            child.kill()
            return
        child.end(ARCHIVE_SECONDS_MAX)
        if self._made.exists():
            self._made.replace(self._file)
        self._lock.close()
        self._lock = None
