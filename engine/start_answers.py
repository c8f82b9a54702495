"""What kept queries read once at their start: small in their record, else in files of their own."""

from __future__ import annotations

import contextlib
import logging
import os
import urllib.parse
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa

from engine.errors import Code, QueryFailed, StorageFull
from engine.log.files import FileSystem

# Answers of one query that its record in the log holds; larger ones go to files.
RECORD_BYTES_MAX: Final = 64 << 10
_ROWS_PER_BATCH: Final = 65_536
_log = logging.getLogger(__name__)


class FileAnswers(msgspec.Struct, frozen=True, array_like=True):
    """A file of answers: how many tables it holds, its checksum."""

    tables: int
    crc32: int


class KeptAnswers(msgspec.Struct, frozen=True):
    """Where the answers of a query are: in `packed` as Arrow streams, or in files.

    `once`: of bounded sources and sets, wanted as long as the query is kept. `past`: snapshots of
    keyed streams, wanted until every checkpoint that is kept holds what was made of them.
    """

    packed: tuple[bytes, ...] = ()
    once: FileAnswers | None = None
    past: FileAnswers | None = None


class AnswerFiles:
    """Files of all queries in one folder. Methods block on the disk, may come from any thread."""

    def __init__(self, folder: Path, fs: FileSystem) -> None:
        self._folder = folder
        self._fs = fs
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)

    def keep(
        self, query_id: str, once: Sequence[pa.Table], past: Sequence[pa.Table]
    ) -> KeptAnswers:
        """Keep answers, durable on return. Raises StorageFull when the disk refuses."""
        tables = [*once, *past]
        if sum(table.nbytes for table in tables) <= RECORD_BYTES_MAX:
            return KeptAnswers(tuple(_packed(table) for table in tables))
        try:
            return KeptAnswers(
                (),
                self._write(self._path(query_id, "once"), once) if once else None,
                self._write(self._path(query_id, "past"), past) if past else None,
            )
        except OSError as error:
            self.forget(query_id)
            raise StorageFull(
                f"What the query reads at its start cannot be kept: {error.strerror}."
            ) from None

    def once(self, query_id: str, kept: KeptAnswers, count: int) -> list[pa.Table] | None:
        """The `count` answers of bounded sources; None when others were kept. QueryFailed 2003
        when the file is damaged."""
        if kept.packed:
            return [_unpacked(data) for data in kept.packed[:count]]
        if count == 0:
            return []
        if kept.once is None or kept.once.tables != count:
            return None
        return self._read(self._path(query_id, "once"), kept.once)

    def past(self, query_id: str, kept: KeptAnswers, count: int) -> list[pa.Table] | None:
        """The `count` snapshots; None when others were kept or they are not wanted any more."""
        if len(kept.packed) >= count > 0:
            return [_unpacked(data) for data in kept.packed[-count:]]
        if count == 0:
            return []
        path = self._path(query_id, "past")
        if kept.past is None or kept.past.tables != count or not path.exists():
            return None
        return self._read(path, kept.past)

    def sweep(self, query_ids: Sequence[str]) -> None:
        """Delete what belongs to other queries: they died before they had begun."""
        wanted = {urllib.parse.quote(each, safe="") for each in query_ids}
        for path in sorted(self._folder.iterdir()):
            if path.name.split(".")[0] not in wanted:
                with contextlib.suppress(OSError):
                    self._fs.remove(path)

    def past_done(self, query_id: str) -> None:
        """Every checkpoint that is kept holds what was made of the snapshots."""
        with contextlib.suppress(OSError):
            self._fs.remove(self._path(query_id, "past"))

    def forget(self, query_id: str) -> None:
        """Nothing of a query is wanted any more; a failure is logged."""
        try:
            for part in ("once", "past"):
                self._fs.remove(self._path(query_id, part))
        except OSError as error:
            _log.error("the answers of %s cannot be deleted: %s", query_id, error.strerror)

    def _path(self, query_id: str, part: str) -> Path:
        return self._folder / f"{urllib.parse.quote(query_id, safe='')}.{part}.arrows"

    def _write(self, path: Path, tables: Sequence[pa.Table]) -> FileAnswers:
        fresh = path.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                sink = _Summed(file.fileno())
                for table in tables:
                    with pa.ipc.new_stream(pa.PythonFile(sink, "w"), table.schema) as writer:
                        writer.write_table(table, max_chunksize=_ROWS_PER_BATCH)
                self._fs.sync_data(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):  # a full disk has no room for half a file
                self._fs.remove(fresh)
            raise
        self._fs.hit("answers.file")
        self._fs.rename(fresh, path)
        self._fs.sync_folder(self._folder)
        return FileAnswers(len(tables), sink.crc32)

    def _read(self, path: Path, kept: FileAnswers) -> list[pa.Table]:
        try:
            data = path.read_bytes()
        except OSError:
            data = b""
        if zlib.crc32(data) != kept.crc32:
            raise QueryFailed(
                "what the query read at its start is damaged on disk; start it anew.",
                Code.RESOURCE_NOT_FOUND,
            )
        source = pa.BufferReader(data)
        found: list[pa.Table] = []
        for _ in range(kept.tables):
            with pa.ipc.open_stream(source) as reader:
                found.append(reader.read_all())
        return found


class _Summed:
    """A sink for Arrow that sums what is written."""

    closed = False

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.crc32 = 0

    def write(self, data: bytes) -> int:
        """All of it."""
        self.crc32 = zlib.crc32(data, self.crc32)
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            done += os.write(self._fd, view[done:])
        return done

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Whoever opened the file closes it."""


def _packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _unpacked(data: bytes) -> pa.Table:
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return reader.read_all()
