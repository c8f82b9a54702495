"""Protobuf texts to descriptors, by Google's own compiler in a child process.

`python -m connectors.formats.proto_files FOLDER` is that child: text from anybody must not be able
to hold or end this process.
"""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Final

from connectors.formats.contract import Undecodable
from engine.errors import UserError
from engine.limits import limit_address_space

# A text of the greatest length is compiled within a second.
SECONDS_MAX: Final = 10.0
BYTES_MAX: Final = 1 << 30
TEXT_CHARS_MAX: Final = 1 << 20
ERROR_CHARS_MAX: Final = 300
# The name of the text itself; what it refers to has names of its own.
FILE: Final = "tailrace_schema.proto"
OUT: Final = "tailrace_schema.out"
NOT_INSTALLED: Final = 3
# What a path is refused with that is too long, or a file and a folder.
_NO_FILE_NAME: Final = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)


def compiled(text: str, references: Mapping[str, str] | None = None) -> tuple[Any, Any]:
    """A pool of descriptors, and the file of the text in it. `references`: files that it imports,
    by their paths; the well-known ones need not be there. Blocks for a fifth of a second.

    Raises Undecodable for what is no valid Protobuf, UserError where the compiler is missing.
    """
    try:
        pools = import_module("google.protobuf.descriptor_pool")
        descriptors = import_module("google.protobuf.descriptor_pb2")
    except ImportError:
        raise missing() from None
    pool = pools.DescriptorPool()
    for file in descriptors.FileDescriptorSet.FromString(_run(text, references or {})).file:
        pool.Add(file)
    return pool, pool.FindFileByName(FILE)


def missing() -> UserError:
    """The libraries are not installed."""
    return UserError(
        "Protobuf needs packages that are not installed here: install tailrace[formats].",
        400,
        "orbit",
    )


def _run(text: str, references: Mapping[str, str]) -> bytes:
    with TemporaryDirectory(prefix="tailrace-") as name:
        folder = Path(name)
        for path, content in {**references, FILE: text}.items():
            _write(folder, path, content)
        command = [sys.executable, "-P", "-B", "-m", "connectors.formats.proto_files", name]
        try:
            done = subprocess.run(  # the interpreter itself, with a path of our own
                command, capture_output=True, check=False, timeout=SECONDS_MAX, encoding="utf-8",
                errors="replace", stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Undecodable(
                f"the Protobuf schema takes longer than {SECONDS_MAX:.0f} s to compile"
            ) from None
        if done.returncode == NOT_INSTALLED:
            raise missing()
        if done.returncode != 0:
            why = _reason(done.stderr, name)
            raise Undecodable(f"the Protobuf schema cannot be compiled{why}")
        return (folder / OUT).read_bytes()


def _write(folder: Path, path: str, content: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path or len(path) > 200:
        raise Undecodable(f"the Protobuf schema refers to {path[:80]!r}, which is no file name")
    if len(content) > TEXT_CHARS_MAX:
        raise Undecodable(f"the Protobuf schema is longer than {TEXT_CHARS_MAX >> 10} KiB")
    file = folder.joinpath(*parts)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode("utf-8", "replace"))
    except OSError as error:
        if error.errno not in _NO_FILE_NAME:
            raise  # of this machine, such as a full disk
        raise Undecodable(
            f"the Protobuf schema refers to {path[:80]!r}, which is no file name: {error.strerror}"
        ) from None


def _reason(stderr: str, folder: str) -> str:
    """The first error that the compiler reports."""
    for line in stderr.splitlines():
        if ".proto:" in line and "warning:" not in line:
            return ": " + line.replace(f"{folder}/", "").replace(FILE, "line")[:ERROR_CHARS_MAX]
    return ""


def main() -> None:
    """The child: compile the text in the folder, with all that it imports."""
    folder = sys.argv[1]
    try:
        protoc = import_module("grpc_tools.protoc")
    except ImportError:
        sys.exit(NOT_INSTALLED)
    limit_address_space(BYTES_MAX)
    known = Path(protoc.__file__ or "").parent / "_proto"
    out = f"--descriptor_set_out={folder}/{OUT}"
    arguments = ["protoc", f"-I{folder}", f"-I{known}", "--include_imports", out, FILE]
    sys.exit(1 if protoc.main(arguments) != 0 else 0)


if __name__ == "__main__":
    main()
