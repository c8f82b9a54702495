#!/usr/bin/env python3
"""Prints this machine's CPU, memory, disk and network use as one JSON object a second.

Needs Linux (/proc) and nothing but Python. `--seconds N` ends it after N objects.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

SECTOR_BYTES = 512  # /proc/diskstats counts sectors of this size on every disk


def cpu() -> tuple[int, int]:
    """(busy, all) processor time since the start, in ticks."""
    ticks = [int(text) for text in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def memory_percent() -> float:
    """Memory in use, as far as it is not available to others."""
    sizes = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        sizes[name] = int(value.split()[0])
    return 100 * (1 - sizes["MemAvailable"] / sizes["MemTotal"])


def disk() -> tuple[int, int]:
    """(read, written) bytes of all whole disks since the start."""
    read = written = 0
    for line in Path("/proc/diskstats").read_text().splitlines():
        field = line.split()
        name = field[2]
        if Path("/sys/block", name).exists() and not name.startswith(("loop", "ram", "dm-")):
            read += int(field[5]) * SECTOR_BYTES
            written += int(field[9]) * SECTOR_BYTES
    return read, written


def network() -> tuple[int, int]:
    """(received, sent) bytes of all interfaces but the loopback since the start."""
    received = sent = 0
    for line in Path("/proc/net/dev").read_text().splitlines()[2:]:
        name, _, counters = line.partition(":")
        if name.strip() != "lo":
            field = counters.split()
            received += int(field[0])
            sent += int(field[8])
    return received, sent


def main() -> None:
    """Print until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=0, help="end after so many objects")
    options = parser.parse_args()
    host = socket.gethostname()
    before = (*cpu(), *disk(), *network())
    due = time.monotonic()
    count = 0
    while not options.seconds or count < options.seconds:
        due += 1
        time.sleep(max(0.0, due - time.monotonic()))
        now = (*cpu(), *disk(), *network())
        busy, ticks, read, written, received, sent = (
            max(0, b - a) for a, b in zip(before, now, strict=True)
        )
        before = now
        count += 1
        event = {
            "time": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
            "host": host,
            "cpu": round(100 * busy / max(1, ticks), 1),
            "memory": round(memory_percent(), 1),
            "disk_read": read,
            "disk_written": written,
            "net_received": received,
            "net_sent": sent,
        }
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
    except FileNotFoundError as error:
        sys.exit(f"This machine has no {error.filename}; the example needs Linux.")
