"""The console's built files: which there are, their types, and packed forms; read off the loop."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import threading
from pathlib import Path
from typing import Final

import msgspec

FOLDER: Final = Path(__file__).parents[1] / "static" / "console"
INDEX: Final = "index.html"
# Names of hashed files begin so: what they hold never changes.
HASHED: Final = "assets/"
# A build has some hundred files and 4 MiB; beyond these bounds something else lies there.
FILES_MAX: Final = 2_000
HELD_BYTES_MAX: Final = 32 << 20
# Below this the headers weigh more than what packing saves.
PACKED_BYTES_MIN: Final = 1024
# Coding of HTTP -> suffix of the packed file beside the file; the best first.
CODINGS: Final = {"br": ".br", "gzip": ".gz"}
MEDIA: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
TEXTS: Final = frozenset({".css", ".html", ".js", ".json", ".map", ".svg", ".txt", ".webmanifest"})
BINARY: Final = "application/octet-stream"


class File(msgspec.Struct, frozen=True):
    """One file with its packed forms by coding."""

    body: bytes
    media_type: str
    etag: str
    packed: dict[str, bytes]

    def size(self) -> int:
        """Bytes that it takes in memory."""
        return len(self.body) + sum(len(one) for one in self.packed.values())


class Bundle:
    """The files of one folder. A build that replaces them is seen at the next request."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or FOLDER
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._names: frozenset[str] = frozenset()
        self._held: dict[str, File] = {}
        self._held_bytes = 0

    async def index(self) -> File | None:
        """The page; None while nothing is built."""
        return await self.file(INDEX)

    async def file(self, name: str) -> File | None:
        """The file of that name below the folder, None if there is none."""
        return await asyncio.to_thread(self._file, name)

    def _file(self, name: str) -> File | None:
        with self._lock:
            self._look()
            if name not in self._names:
                return None
            found = self._held.get(name)
            if found is None:
                found = _read(self._folder / name)
                if found is not None and self._held_bytes + found.size() <= HELD_BYTES_MAX:
                    self._held[name] = found
                    self._held_bytes += found.size()
            return found

    def _look(self) -> None:
        """List the files anew when the page is another than before: a build writes it last."""
        try:
            state = (self._folder / INDEX).stat()
            seen = (state.st_mtime_ns, state.st_size, state.st_ino)
        except OSError:
            seen = ()
        if seen == self._seen:
            return
        self._seen, self._held, self._held_bytes = seen, {}, 0
        self._names = frozenset(_names(self._folder)) if seen else frozenset()


def _names(folder: Path) -> list[str]:
    """Paths of the files below the folder that are served; the only ones that ever are."""
    found = [path for path in folder.rglob("*") if path.is_file()][:FILES_MAX]
    packed = tuple(CODINGS.values())
    return [
        path.relative_to(folder).as_posix()
        for path in found
        if not path.name.startswith(".") and not path.name.endswith(packed)
    ]


def _read(path: Path) -> File | None:
    try:
        body = path.read_bytes()
        packed = {
            coding: beside.read_bytes()
            for coding, suffix in CODINGS.items()
            if (beside := path.with_name(path.name + suffix)).is_file()
        }
    except OSError:  # a build takes the files away at this moment
        return None
    if "gzip" not in packed and path.suffix in TEXTS and len(body) >= PACKED_BYTES_MIN:
        packed["gzip"] = gzip.compress(body, mtime=0)  # a wheel leaves these out
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
    return File(body, MEDIA.get(path.suffix, BINARY), etag, packed)
