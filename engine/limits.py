"""What the operating system enforces on our processes: memory, files, life span, garbage collector.

Everything here is called once at the start of a process and returns at once. On systems without
the call in question (only Linux has all of them) a limit is left out; the other limits hold.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_M_ARENA_MAX = -8
# Young objects before a collection: batches are few and large, so the default of 700 only burns
# time walking long-lived plans (measured: 3 % of an ingest core).
_GC_THRESHOLDS = (50_000, 20, 50)
# glibc gives every thread its own heap of 64 MiB of address space; RLIMIT_AS counts those.
_MALLOC_ARENAS = 2
_WORKER_NICENESS = 5


def die_with_parent(parent_pid: int | None = None) -> None:
    """Have the kernel kill this process (SIGKILL) when the thread that started it ends.

    `parent_pid`: who must be the parent still; exits at once if the parent is gone already.
    """
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent_pid is not None and os.getppid() != parent_pid:
        os._exit(0)


def address_space_bytes() -> int:
    """Size of the address space of this process now; 0 where it cannot be read."""
    return _statm(0)


def resident_bytes() -> int:
    """Physical memory of this process now; 0 where it cannot be read."""
    return _statm(1)


def limit_address_space(above_idle_bytes: int) -> int:
    """Let this process grow by this much beyond what it has now; returns the limit in bytes.

    Only the soft limit is set, so that the process itself may set it anew for its next task.
    """
    limit = address_space_bytes() + above_idle_bytes
    set_address_space(limit)
    return limit


def set_address_space(limit_bytes: int) -> None:
    """Set the limit of the address space to this absolute size."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit_bytes = min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, hard))


def forbid_files() -> None:
    """No bytes can be written to any file, no core dump; writes fail instead of killing."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forbid_core_dumps() -> None:
    """A crash leaves no copy of users' rows on disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def yield_processor() -> None:
    """Bounded queries give way to ingest and streaming queries."""
    os.nice(_WORKER_NICENESS)


def few_arenas() -> None:
    """Keep glibc from reserving address space per thread; call before threads start."""
    if sys.platform == "linux":
        _call("mallopt", _M_ARENA_MAX, _MALLOC_ARENAS)


def give_back_memory() -> None:
    """Return freed memory to the system after a large task."""
    gc.collect()
    if sys.platform == "linux":
        _call("malloc_trim", 0)


def tune_gc(thresholds: tuple[int, int, int] = _GC_THRESHOLDS) -> None:
    """Call once when start-up is over: what lives now lives for ever and is not walked again, nor
    looked through now (the garbage of a start is a thousand small objects)."""
    gc.freeze()
    gc.set_threshold(*thresholds)
    gc.enable()


def unshare(flags: int) -> bool:
    """Leave name spaces of the system (unshare(2)); False where it does not allow that."""
    if sys.platform != "linux":
        return False
    try:
        return _libc().unshare(flags) == 0
    except AttributeError:
        return False


def _statm(field: int) -> int:
    try:
        fields = Path("/proc/self/statm").read_text().split()
    except OSError:
        return 0
    return int(fields[field]) * resource.getpagesize()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int) -> None:
    # Other C libraries (musl) lack these two; both are savings, not guarantees.
    with contextlib.suppress(AttributeError):
        getattr(_libc(), name)(*arguments)
