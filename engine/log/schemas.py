"""Arrow schemas of logged rows: one small file each, named by its hash, written once."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from engine.log.files import FileSystem, replace_file

SUFFIX = ".schema"
_log = logging.getLogger(__name__)


class SchemaStore:
    """Finds a schema's key and the schema of a key.

    Frames hold rows without their schema, which would be most of a one-row commit. The footer of
    each closed segment repeats the schemas it needs, so that a lost file is made again.
    """

    def __init__(self, folder: Path, fs: FileSystem) -> None:
        self._folder = folder
        self._fs = fs
        self._by_key: dict[str, pa.Schema] = {}
        self._bytes: dict[str, bytes] = {}
        self._last: dict[str, tuple[pa.Schema, str]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            self._load(path.stem, path.read_bytes())

    def _load(self, key: str, data: bytes) -> bool:
        if _key(data) != key:
            _log.warning("schema %s is damaged and is left out", key)
            return False
        self._bytes[key] = data
        self._by_key[key] = pa.ipc.read_schema(pa.BufferReader(data))
        return True

    def key_for(self, stream_id: str, schema: pa.Schema) -> str:
        """Key of a schema; the first use of a new one makes it durable (blocks, OSError)."""
        last = self._last.get(stream_id)
        if last is not None and (last[0] is schema or last[0].equals(schema)):
            return last[1]
        plain = schema.remove_metadata()
        if any(pa.types.is_dictionary(field.type) for field in plain):
            raise ValueError("rows for the log hold no dictionary-encoded columns")
        data = plain.serialize().to_pybytes()
        key = _key(data)
        if key not in self._by_key:
            replace_file(self._fs, self._folder / f"{key}{SUFFIX}", data)
            self._load(key, data)
        self._last[stream_id] = (schema, key)
        return key

    def schema(self, key: str) -> pa.Schema | None:
        """The schema of a key, None if it is lost."""
        return self._by_key.get(key)

    def serialized(self, key: str) -> bytes:
        """Its bytes, for a footer."""
        return self._bytes[key]

    def restore(self, copies: Mapping[str, bytes]) -> None:
        """Make lost files again from the copies of a footer."""
        for key, data in copies.items():
            if key not in self._by_key and self._load(key, data):
                replace_file(self._fs, self._folder / f"{key}{SUFFIX}", data)

    def forget(self, stream_id: str) -> None:
        """A stream was dropped."""
        self._last.pop(stream_id, None)

    def keep_only(self, used: set[str]) -> None:
        """Remove the files of schemas that no segment names; called before any append."""
        for key in [k for k in self._by_key if k not in used]:
            del self._by_key[key], self._bytes[key]
            self._fs.remove(self._folder / f"{key}{SUFFIX}")


def _key(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]
