"""Protobuf texts: the messages one declares, as Google's own compiler reads it in a child process.

`python -m engine.protobuf FOLDER` is that child: text from anybody must not be able to hold or end
the engine's process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from engine.errors import Code, SqlError
from engine.limits import limit_address_space

# A text of the greatest length is compiled within a second.
SECONDS_MAX: Final = 10.0
BYTES_MAX: Final = 1 << 30
ERROR_CHARS_MAX: Final = 400
FILE: Final = "schema.proto"
NOT_INSTALLED: Final = 3
# The only files that a text may import; there are no others to find.
WELL_KNOWN: Final = frozenset(
    f"google/protobuf/{name}.proto"
    for name in (
        "any",
        "duration",
        "empty",
        "field_mask",
        "struct",
        "timestamp",
        "wrappers",
    )
)


def messages_of(name: str, content: str) -> tuple[str, ...]:
    """The messages that a text declares, in order and without its package; inner ones as
    `Outer.Inner`. Blocks for a fifth of a second: call it from a worker thread.

    Raises SqlError 62 with line and column for a text that is no valid Protobuf, 36 for one without
    a message or with an import of its own, 48 where the compiler is not installed.
    """
    with TemporaryDirectory(prefix="tailrace-") as folder:
        (Path(folder) / FILE).write_bytes(content.encode("utf-8", "replace"))
        command = [sys.executable, "-P", "-B", "-m", "engine.protobuf", folder]
        try:
            done = subprocess.run(  # the interpreter itself, with a path of our own
                command, capture_output=True, check=False, timeout=SECONDS_MAX, encoding="utf-8",
                errors="replace", stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise SqlError(
                f"the schema {name} takes longer than {SECONDS_MAX:.0f} s to compile",
                Code.BAD_ARGUMENTS,
            ) from None
    if done.returncode == NOT_INSTALLED:
        raise SqlError(
            "Protobuf schemas need the package grpcio-tools, which is not installed here",
            Code.NOT_IMPLEMENTED,
        )
    if done.returncode != 0:
        raise SqlError(f"the schema {name} is no valid Protobuf: {_reason(done.stderr, folder)}")
    found: dict[str, list[str]] = json.loads(done.stdout)
    others = sorted(set(found["imports"]) - WELL_KNOWN)
    if others:
        raise SqlError(
            f"the schema {name} imports {others[0][:200]}; only the well-known types can be "
            f"imported: {', '.join(sorted(WELL_KNOWN))}",
            Code.BAD_ARGUMENTS,
        )
    if not found["messages"]:
        raise SqlError(f"the schema {name} declares no message", Code.BAD_ARGUMENTS)
    return tuple(found["messages"])


def _reason(stderr: str, folder: str) -> str:
    """The first error that the compiler reports about the text, as `line 1, column 2: why`."""
    prefix = f"{folder}/{FILE}:"
    for line in stderr.splitlines():
        _, found, rest = line.partition(prefix)
        at_line, _, rest = rest.partition(":")
        column, _, why = rest.partition(":")
        if found and at_line.isdigit() and column.isdigit():
            return f"line {at_line}, column {column}: {why.strip()[:ERROR_CHARS_MAX]}"
    return "it cannot be compiled"


def main() -> None:
    """The child: compile the text in the folder and write what it declares to stdout as JSON."""
    folder = sys.argv[1]
    try:
        descriptors = import_module("google.protobuf.descriptor_pb2")
        protoc = import_module("grpc_tools.protoc")
    except ImportError:
        sys.exit(NOT_INSTALLED)
    limit_address_space(BYTES_MAX)
    out = Path(folder) / "out"
    known = Path(protoc.__file__ or "").parent / "_proto"
    arguments = ["protoc", f"-I{folder}", f"-I{known}", f"--descriptor_set_out={out}", FILE]
    if protoc.main(arguments) != 0:
        sys.exit(1)
    file = descriptors.FileDescriptorSet.FromString(out.read_bytes()).file[0]
    found = {"imports": list(file.dependency), "messages": list(_names("", file.message_type))}
    sys.stdout.write(json.dumps(found))


def _names(prefix: str, messages: Any) -> Iterator[str]:
    for message in messages:
        if not message.options.map_entry:  # what a map field stands for
            yield prefix + message.name
            yield from _names(f"{prefix}{message.name}.", message.nested_type)


if __name__ == "__main__":
    main()
