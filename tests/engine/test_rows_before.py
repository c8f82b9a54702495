"""lag and its kin, dedup, sessions of keys: as plain Python says it, with and without restarts."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.pipeline import EPOCH, Pipelines
from tests.engine.restarts import drawn, restarts

SETTINGS = settings(
    max_examples=settings.default.max_examples // 5,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

Row = tuple[str | None, int, int]
# Commits of appends of rows (key, value, seconds); between commits time passes.
rows = st.tuples(
    st.sampled_from(["a", "b", "long key number one", "", None]), *[st.integers(0, 9)] * 2
)
commits = st.lists(
    st.tuples(st.integers(0, 3_000), st.lists(st.lists(rows, max_size=5), min_size=1, max_size=3)),
    max_size=6,
)
seeds = st.integers(0, 1 << 30)


def moment(seconds: int) -> datetime.datetime:
    return datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=seconds)


def run(sql: str, given_commits: list[Any], seed: int | None) -> list[tuple[Any, ...]]:
    """What a query gives; with a seed its state goes through checkpoints now and then."""
    pipelines = Pipelines()
    with contextlib.ExitStack() as stack:
        stack.callback(pipelines.close)
        if seed is not None:
            stack.enter_context(restarts(drawn(seed)))
        pipelines.stream("s", "k nullable(string), v int32, t datetime64(3)")
        output = pipelines.query(sql)
        for wait, appends in given_commits:
            pipelines.advance(wait)
            full = [[(k, v, moment(t)) for k, v, t in append] for append in appends]
            pipelines.insert("s", *full)
        pipelines.advance(10_000)
        assert output.error is None
        return output.all()


def check(sql: str, model: Callable[[list[Any]], list[Any]], given: list[Any], seed: int) -> None:
    wanted = model(given)
    assert run(sql, given, None) == wanted
    assert run(sql, given, seed) == wanted


def flat(given_commits: list[Any]) -> list[Row]:
    return [row for _, appends in given_commits for append in appends for row in append]


@SETTINGS
@given(commits, seeds)
def test_rows_before_in_substreams(given: list[Any], seed: int) -> None:
    def model(commits: list[Any]) -> list[Any]:
        before: dict[str | None, list[int]] = {}
        found: list[Any] = []
        for k, v, _ in flat(commits):
            held = before.setdefault(k, [])
            back = [0, 0, 0, *held]
            found.append(
                (k, v, back[-1], [back[-2], back[-3]], len(held), held[-3] if held[2:] else -1)
            )
            held.append(v)
        return found

    sql = "select k, v, lag(v), lags(v, 2, 3), row_number(), lag(v, 3, -1) from s partition by k"
    check(sql, model, given, seed)


@SETTINGS
@given(commits, seeds)
def test_rows_before_of_other_types(given: list[Any], seed: int) -> None:
    def model(commits: list[Any]) -> list[Any]:
        found: list[Any] = []
        before: list[Row] = []
        for k, v, t in flat(commits):
            last = before[-1] if before else None
            two = before[-2] if before[1:] else None
            found.append(
                (
                    v,
                    last[0] if last else None,
                    [last[1], "x"] if last else [],
                    two[0] if two else "none",
                    moment(two[2]) if two else EPOCH,
                )
            )
            before.append((k, v, t))
        return found

    sql = "select v, lag(k), lag([to_string(v), 'x']) as two, lag(k, 2, 'none'), lag(t, 2) from s"

    def shown(commits: list[Any]) -> list[Any]:
        return [
            (v, k, [str(each) for each in two], other, t) for v, k, two, other, t in model(commits)
        ]

    check(sql, shown, given, seed)


@SETTINGS
@given(commits, st.integers(1, 4), st.sampled_from([0, 1_500]), seeds)
def test_dedup(given: list[Any], limit: int, ttl: int, seed: int) -> None:
    def model(commits: list[Any]) -> list[Any]:
        now = 0
        seen: dict[tuple[Any, int], int] = {}
        found: list[Any] = []
        for wait, appends in commits:
            now += wait
            for append in appends:
                seen = {k: at for k, at in seen.items() if not ttl or at + ttl > now}
                for k, v, _ in append:
                    if (k, v % 3) not in seen:
                        seen[(k, v % 3)] = now
                        found.append((k, v))
                for key in list(seen)[: max(0, len(seen) - limit)]:
                    del seen[key]
        return found

    check(f"select k, v from dedup(s, k, v % 3, {ttl}ms, {limit})", model, given, seed)


@SETTINGS
@given(commits, st.booleans(), st.booleans(), st.booleans(), seeds)
def test_sessions_of_keys(
    given: list[Any], only: bool, merge: bool, include: bool, seed: int
) -> None:
    model = _KeySessions(only=only, merge=merge, include=include)
    sql = (
        "select k, count(), sum(v), group_array(v) from s group by k emit after session close "
        f"identified by (t, v = 1, v = 2) with {'only' if only else ''} maxspan 4s and timeout 2s "
        f"settings merge_open_sessions = {merge}, include_session_end = {include}"
    )
    check(sql, model.run, given, seed)


class _KeySessions:
    """Start at v = 1, end at v = 2, at most 4 s long, open for at most 2 s."""

    def __init__(self, *, only: bool, merge: bool, include: bool) -> None:
        self._only, self._merge, self._include = only, merge, include

    def run(self, commits: list[Any]) -> list[Any]:
        self._open: dict[Any, tuple[int, list[Row]]] = {}
        self._sent: list[Any] = []
        now = 0
        for wait, appends in commits:
            now += wait
            self._expire(now, inclusive=False)  # rows go before a timer of their instant
            for append in appends:
                for row in append:
                    self._row(row, now)
            self._expire(now, inclusive=True)
        self._expire(now + 10_000, inclusive=True)
        return self._sent

    def _expire(self, now: int, *, inclusive: bool) -> None:
        for key, (opened, rows) in list(self._open.items()):
            if opened + 2_000 < now + inclusive:
                del self._open[key]
                if not self._only:
                    self._send(rows)

    def _row(self, row: Row, now: int) -> None:
        key, v, _ = row
        held = self._open.get(key)
        if v == 2:
            self._open.pop(key, None)
            rows = [*(held[1] if held else []), *([row] if self._include else [])]
            if rows and (held or self._include) and (not self._only or self._span(rows) >= 4):
                self._send(rows)
            return
        if held and v == 1 and not self._merge:
            del self._open[key]
            if not self._only:
                self._send(held[1])
            held = None
        if held is None:
            if v != 1:
                return
            held = self._open[key] = (now, [])
        held[1].append(row)
        if self._span(held[1]) >= 4:
            del self._open[key]
            self._send(held[1])

    def _span(self, rows: list[Row]) -> int:
        times = [t for _, _, t in rows]
        return max(times) - min(times)

    def _send(self, rows: list[Row]) -> None:
        values = [v for _, v, _ in rows]
        self._sent.append((rows[0][0], len(values), sum(values), values))


@SETTINGS
@given(commits, seeds)
def test_groups_without_rows_are_forgotten(given: list[Any], seed: int) -> None:
    def model(commits: list[Any]) -> list[Any]:
        now = 0
        sums: dict[Any, tuple[int, int]] = {}
        found: list[Any] = []
        for wait, appends in commits:
            now += wait
            sums = {k: held for k, held in sums.items() if held[1] + 2_000 > now}
            for append in appends:
                for k, v, _ in append:
                    sums[k] = (sums.get(k, (0, 0))[0] + v, now)
                touched = {row[0] for row in append}
                found += [(k, sums[k][0]) for k in sums if k in touched]
        return found

    sql = "select k, sum(v) from s group by k emit on update settings aggregate_state_ttl_sec = 2"
    check(sql, model, given, seed)
