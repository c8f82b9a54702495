"""How far a file was sent, kept beside it, so that an interrupted run goes on by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

SUFFIX: Final = ".progress"


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run had done: lines up to `line` are stored.

    `run` names the requests of the run: the server knows the one that was on its way when the run
    ended, so that it is not stored twice. `batch_rows` must stay for that.
    """

    stream: str
    run: str
    batch_rows: int
    line: int
    size: int  # of the file when the run began


class NotTheSame(ValueError):
    """A run that cannot go on; the text says why and what to do."""


class PlaceFile:
    """The place of one file, written after each batch; OSError when it cannot be."""

    def __init__(self, file: str) -> None:
        self.path = Path(file + SUFFIX)

    def begin(self, fresh: Place) -> Place:
        """Where an earlier run of the same kind ended, else `fresh`; NotTheSame."""
        try:
            place = msgspec.json.decode(self.path.read_bytes(), type=Place)
        except FileNotFoundError:
            return fresh
        except msgspec.MsgspecError:
            raise NotTheSame(f"{self.path} cannot be read; remove it to begin anew") from None
        if place.stream != fresh.stream or place.batch_rows != fresh.batch_rows:
            raise NotTheSame(
                f"the run that {self.path} belongs to sent to stream '{place.stream}' with "
                f"--batch-rows {place.batch_rows}; go on so, or remove it to begin anew"
            )
        if fresh.size < place.size:
            raise NotTheSame(
                f"the file is shorter than when {self.path} was made; remove that to begin anew"
            )
        return place

    def reached(self, place: Place) -> None:
        """Keep a place, whole or not at all."""
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_bytes(msgspec.json.encode(place))
        fresh.replace(self.path)

    def finished(self) -> None:
        """All of the file is stored."""
        self.path.unlink(missing_ok=True)
