"""Java services: which jars are theirs, and who writes the archive of parsed classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.services.java import ClassArchive, Jars, Java, JavaParts, find_jars
from tests.services.process import Child

PARTS = JavaParts(Java("java", "17.0.1"), Jars("kafka-1", "a.jar"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("TAILRACE_TEST_SERVICES", str(tmp_path))
    return tmp_path


def test_one_process_writes_the_archive_and_all_read_it_then(cache: Path, tmp_path: Path) -> None:
    writer, other = ClassArchive(PARTS), ClassArchive(PARTS)
    (flag,) = writer.flags()
    name, _, made = flag.partition("=")
    assert name == "-XX:ArchiveClassesAtExit"
    assert other.flags() == []
    child = Child("Java", tmp_path)
    script = f"trap 'echo classes > {made}; exit' TERM; echo ready; while :; do sleep 0.01; done"
    child.start(["sh", "-c", script], lambda: bool(child.log()), 10)
    assert other.flags() == []
    writer.end(child)
    assert not child.runs
    kept = cache / "kafka-1-17.0.1.jsa"
    assert kept.read_text() == "classes\n"
    assert writer.flags() == other.flags() == [f"-XX:SharedArchiveFile={kept}"]


def test_jars_of_another_pom_are_not_taken(cache: Path) -> None:
    (cache / "kafka-000000000000").mkdir()
    (cache / "kafka-000000000000" / "old.jar").touch()
    assert find_jars("kafka") is None
