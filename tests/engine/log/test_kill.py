"""kill -9 of a process that appends from several threads: acknowledged rows are there once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from log_support import Book, open_log

from engine.log.settings import LogSettings

ROUNDS = 5
ACKS_BEFORE_KILL = 300

CHILD = """
import sys, threading, pathlib
import numpy as np, pyarrow as pa
from engine.clock import SystemClock
from engine.log.commitlog import CommitLog
from engine.log.records import Append, Receipt
from engine.log.settings import LogSettings

folder, start = pathlib.Path(sys.argv[1]), int(sys.argv[2])
bounds = LogSettings(segment_bytes=65536, free_stop_bytes=0, free_stop_fraction=0.0)
log = CommitLog.open(folder, SystemClock(), bounds, lambda commit: None)
printing = threading.Lock()

def work(thread):
    for i in range(100000):
        key = start + thread * 1000000 + i
        rows = pa.record_batch({"x": np.full(1 + i % 5, key)})
        done = threading.Event()
        def answered(outcome, key=key, done=done):
            assert isinstance(outcome, Receipt), outcome
            with printing:
                print(key, flush=True)
            done.set()
        log.submit([Append.single("s", rows), Append.single(f"t{thread}", rows)], answered)
        done.wait()

for thread in range(4):
    threading.Thread(target=work, args=(thread,)).start()
"""


def test_acknowledged_rows_survive_once_and_whole(tmp_path: Path) -> None:
    acknowledged: set[int] = set()
    for number in range(ROUNDS):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), str(number * 10_000_000)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        ) as child:
            assert child.stdout is not None
            for _ in range(ACKS_BEFORE_KILL):
                acknowledged.add(int(child.stdout.readline()))
            child.kill()
            rest = child.stdout.read().split(b"\n")
        # What was printed in full before the kill was acknowledged as well.
        acknowledged.update(int(line) for line in rest[:-1])
        bounds = LogSettings(free_stop_bytes=0, free_stop_fraction=0.0)
        log = open_log(tmp_path, book := Book(), bounds)
        log.close()
        assert not log.recovery.degraded
        for stream_id in ("s", "t0", "t1", "t2", "t3"):
            counts = Counter(book.values(stream_id))
            assert all(count == 1 + key % 1_000_000 % 5 for key, count in counts.items())
        stored = set(book.values("s"))
        assert acknowledged <= stored
        assert stored == {key for i in range(4) for key in book.values(f"t{i}")}
        assert book.numbers("s") == list(range(len(book.numbers("s"))))
    assert len(acknowledged) >= ROUNDS * ACKS_BEFORE_KILL
