"""Why a query gives no rows: reasons out of what is known of it, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from engine.activity import Diagnosis, InputActivity, OpenWindows

# An input without a row for so long counts as idle: nothing moves the watermark.
IDLE_MS: Final = 5_000
RUNS: Final = "ExecutingPipeline"


class Reason(msgspec.Struct, frozen=True):
    """`code` stays; `text` is a sentence for people; `facts` are the figures in it."""

    code: str
    text: str
    facts: dict[str, Any]


def reasons(found: Diagnosis) -> list[Reason]:
    """All that hold, the likeliest first; none when nothing is known to be in the way."""
    return [*_not_running(found), *_reader(found), *_inputs(found), *_windows(found), *_late(found)]


def _not_running(found: Diagnosis) -> Iterator[Reason]:
    work = found.work
    if work.status != RUNS:
        paused = work.status == "Paused"
        text = "It is paused." if paused else f"It failed: {work.message or 'no message'}"
        yield Reason("paused" if paused else "failed", text, {"message": work.message})
    elif work.message:
        yield Reason("waits", f"It waits: {work.message}", {"message": work.message})


def _reader(found: Diagnosis) -> Iterator[Reason]:
    if found.work.waiting:
        yield Reason(
            "slow_reader",
            "Its reader takes no more rows for now: as many wait as may, so the query is held.",
            {"result_rows": found.work.result_rows},
        )


def _inputs(found: Diagnosis) -> Iterator[Reason]:
    newest = {each.name: each.newest_append_ms for each in found.appended}
    for each in found.work.inputs:
        last = max(newest.get(each.stream, 0), each.read_ms)
        facts = {
            "stream": each.stream,
            "scanned_rows": each.scanned_rows,
            "passed_rows": each.passed_rows,
            "newest_append_ms": last or None,
        }
        if each.behind:
            appends = "1 append" if each.behind == 1 else f"{each.behind} appends"
            text = f"It has still to read {appends} of {each.stream}."
            yield Reason("catching_up", text, {**facts, "behind": each.behind})
        elif not each.scanned_rows or found.now_ms - last > IDLE_MS:
            yield Reason("no_new_rows", _no_rows(found, each, last), facts)
        if each.scanned_rows and not each.passed_rows:
            text = f"The filter let pass 0 of {each.scanned_rows} rows of {each.stream}."
            yield Reason("filtered_out", text, facts)


def _no_rows(found: Diagnosis, each: InputActivity, last: int) -> str:
    since = max(last, found.began_ms) if each.scanned_rows else found.began_ms
    which = f"{each.stream} has no new rows since {_shown(since)}"
    if not each.scanned_rows and not last:
        return f"{which}, when the query began, and none since the engine started."
    return f"{which}." if since == last else f"{which}; the newest came at {_shown(last)}."


def _windows(found: Diagnosis) -> Iterator[Reason]:
    newest = [found.began_ms, *(each.read_ms for each in found.work.inputs)]
    idle_ms = found.now_ms - max(newest)
    for each in found.windows:
        if not each.open_groups or each.emits == "append":
            continue
        facts = {
            "watermark_ms": each.watermark_ms,
            "closes_at_ms": each.closes_at_ms,
            "open_groups": each.open_groups,
            "due_ms": each.due_ms,
            "idle_ms": idle_ms,
        }
        if each.emits == "tick":
            text = f"It sends at intervals: the next time at {_shown(each.due_ms)}."
            yield Reason("not_due", text, facts)
        else:
            yield Reason("window_open", _open(each, idle_ms), facts)


def _open(each: OpenWindows, idle_ms: int) -> str:
    mark = "none yet" if each.watermark_ms is None else _shown(each.watermark_ms)
    closes = (
        "" if each.closes_at_ms is None else f", the first closes at {_shown(each.closes_at_ms)}"
    )
    groups = "1 group" if each.open_groups == 1 else f"{each.open_groups} groups"
    are = "is" if each.open_groups == 1 else "are"
    text = f"{groups} of windows {are} open: the watermark is {mark}{closes}"
    if each.processing_time:
        return text + " by the clock."
    if idle_ms <= IDLE_MS:
        return text + " in event time."
    seconds = idle_ms // 1000
    if each.timeout_ms:
        return f"{text}. No row came for {seconds} s; after {each.timeout_ms} ms they close."
    return f"{text}. No row came for {seconds} s, and only a row moves the watermark."


def _late(found: Diagnosis) -> Iterator[Reason]:
    if found.work.late_rows:
        late = found.work.late_rows
        rows = "1 row was" if late == 1 else f"{late} rows were"
        text = f"{rows} dropped as late, after the end of the window."
        yield Reason("late_rows", text, {"late_rows": found.work.late_rows})


def _shown(instant_ms: int | None) -> str:
    if instant_ms is None:
        return "an unknown time"
    try:
        moment = datetime.fromtimestamp(instant_ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return f"{instant_ms} ms"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{instant_ms % 1000:03} UTC"
