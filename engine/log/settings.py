"""Bounds of the commit log, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class LogSettings:
    """All bounds of one commit log; bytes, counts, milliseconds and seconds as the names say."""

    # A segment is the unit of deletion; 64 MiB is also what is sealed at once.
    segment_bytes: int = 64 * MIB
    # One frame holds at most this much unless one submission alone is larger: keeps the latency
    # of those who wait for it near that of one large write.
    commit_bytes_max: int = 16 * MIB
    # Bounds the work between two acknowledgements, and by how much sequence numbers must be
    # advanced over a commit that cannot be read any more.
    commit_appends_max: int = 65_536
    # Waiting submissions beyond either bound are refused as Overloaded.
    waiting_bytes_max: int = 128 * MIB
    waiting_count_max: int = 100_000
    # Rows of one stream are joined into one batch up to this size; larger ones stand alone.
    slice_rows_max: int = 65_536
    # Below it lz4 costs more than it saves.
    compress_bytes_min: int = 4096
    # Writes stop when free space falls below the larger of the two; they resume at the fraction
    # below, or at twice the bytes.
    free_stop_fraction: float = 0.05
    free_stop_bytes: int = 512 * MIB
    free_resume_fraction: float = 0.10
    free_check_seconds: float = 1.0
    # Idempotency ids are kept this long, and at least this many per stream.
    ids_kept_ms: int = DAY_MS
    ids_kept_min: int = 100_000
