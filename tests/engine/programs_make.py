"""Makes random programs: schema, rows, disorder, query, grouping of appends, restarts."""

from __future__ import annotations

import random

from tests.engine.programs import Event, Program, Select, Stream
from tests.engine.reference_aggregates import OF_NUMBER, OF_NUMBERS, OF_PAIR, OF_TEXT, Call
from tests.engine.reference_groups import Emit
from tests.engine.reference_rows import Expr, column
from tests.engine.reference_windows import Frame

BASE = 1_580_673_600_000  # 2020-02-02 20:00:00
Values = tuple[object, ...]
TYPES = {"k": "string", "g": "int32", "v": "int64", "t": "datetime64(3)"}
EXTRA = {"f": "float64", "o": "nullable(int64)", "u": "uint8"}
GROUPS = ("k", "g")
NUMBERS = ("v", "g", "o", "u")
ZONES = ("Europe/Berlin", "Asia/Kolkata", "America/New_York", "UTC")
TEXTS = ("a", "b", "", "a text of more than sixteen bytes")


class Maker:
    """Draws parts of programs from one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.pace = 1  # how many times wider than in most programs the times of rows lie

    # -- small draws ------------------------------------------------------------------------

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def even(self, low: int, high: int) -> int:
        """An even number of milliseconds: timers; appends come at odd ones."""
        return 2 * self.random.randint(low, high)

    def some(self, values: list[str], least: int, most: int) -> list[str]:
        count = min(len(values), self.random.randint(least, most))
        return self.random.sample(values, count)

    # -- streams and rows -------------------------------------------------------------------

    def stream(self, name: str = "s", **given: object) -> Stream:
        """Columns in any order, some beyond those that all have."""
        names = [*TYPES, *(n for n in EXTRA if self.chance(0.5))]
        self.random.shuffle(names)
        types = {**TYPES, **EXTRA}
        return Stream(name, tuple((n, types[n]) for n in names), **given)  # type: ignore[arg-type]

    def value(self, name: str, clock: int) -> object:
        match name:
            case "k":
                return self.random.choice(TEXTS)
            case "g":
                return self.random.randrange(3)
            case "v":
                return self.random.randrange(-3, 9)
            case "t":
                return BASE + self.pace * (clock + 100 * self.random.randrange(-4, 9))
            case "f":
                return self.random.choice((0.5, -1.25, 3.0, 0.0))
            case "o":
                return None if self.chance(0.3) else self.random.randrange(4)
            case _:
                return self.random.randrange(256)

    def row(self, stream: Stream, clock: int) -> tuple[object, ...]:
        return tuple(self.value(name, clock) for name, _ in stream.columns)

    def append(self, stream: Stream, clock: int, held: list[Values]) -> list[Values]:
        """Rows of one append; of a changelog with weights that take back rows that are there."""
        rows: list[Values] = []
        for _ in range(self.random.choice((1, 1, 2, 3, 6))):
            row = self.row(stream, clock)
            if stream.mode not in ("changelog", "changelog_kv"):
                rows.append(row)
                continue
            old: Values | None = None
            if stream.mode == "changelog_kv":
                old = next((h for h in held if stream.key_of(h) == stream.key_of(row)), None)
            elif held and self.chance(0.4):
                old = self.random.choice(held)
            if old is not None:
                held.remove(old)
                rows.append((*old, -1))
            if old is None or self.chance(0.6):
                held.append(row)
                rows.append((*row, 1))
        return rows

    def past(
        self, streams: list[Stream], held: dict[str, list[Values]], *, full: bool
    ) -> list[Event]:
        """What lies in keyed streams before the query begins, with `full` in all."""
        made: list[Event] = []
        for stream in streams:
            if full or (stream.key and self.chance(0.5)):
                count = self.random.randint(1, 3)
                made += [
                    (stream.name, self.append(stream, 0, held[stream.name])) for _ in range(count)
                ]
        return made

    def events(self, streams: list[Stream], held: dict[str, list[Values]]) -> tuple[Event, ...]:
        """Appends at odd milliseconds, and pauses."""
        made: list[Event] = [1]
        clock = 0
        for _ in range(self.random.randint(3, 14)):
            if self.chance(0.35):
                made.append(self.even(1, 20))
                continue
            stream = self.random.choice(streams)
            clock += self.random.choice((0, 0, 50, 100, 400))
            made.append((stream.name, self.append(stream, clock, held[stream.name])))
        return (*made, self.even(20, 40))

    # -- expressions and aggregates ---------------------------------------------------------

    def condition(self) -> Expr:
        bound = self.random.randrange(-1, 4)
        return self.random.choice(
            (
                Expr(f"v > {bound}", lambda r: r["v"] > bound),  # type: ignore[operator]
                Expr("g != 1", lambda r: r["g"] != 1),
                Expr("k != 'a'", lambda r: r["k"] != "a"),
                Expr(f"v + g >= {bound}", lambda r: r["v"] + r["g"] >= bound),  # type: ignore
            )
        )

    def computed(self) -> Expr:
        return self.random.choice(
            (
                Expr("v * 2 + g", lambda r: r["v"] * 2 + r["g"]),  # type: ignore[operator]
                Expr("concat(k, '-')", lambda r: f"{r['k']}-"),
                Expr("if(v > 2, g, -1)", lambda r: r["g"] if r["v"] > 2 else -1),  # type: ignore
                Expr("upper(k)", lambda r: str(r["k"]).upper()),
            )
        )

    def call(self, stream: Stream) -> Call:
        names = [n for n, _ in stream.columns]
        condition = self.condition() if self.chance(0.15) else None
        kind = self.random.random()
        if kind < 0.12:
            return Call("count", (), len, condition=condition)
        if kind < 0.3:
            name = self.random.choice(list(OF_TEXT))
            constants, result, zero = OF_TEXT[name]
            return Call(name, (column("k"),), result, constants, condition, zero)
        if kind < 0.4:
            name = self.random.choice(list(OF_PAIR))
            constants, result, zero = OF_PAIR[name]
            args = (column("k"), column("v"))
            return Call(name, args, result, constants, condition, zero)
        if kind < 0.46:
            name = self.random.choice(list(OF_NUMBERS))
            constants, result, zero = OF_NUMBERS[name]
            return Call(name, (column("v"), column("g")), result, constants, condition, zero)
        name = self.random.choice(list(OF_NUMBER))
        constants, result, zero = OF_NUMBER[name]
        arg = self.random.choice([n for n in NUMBERS if n in names and n != "o"])
        if (name, arg) == ("group_bit_and", "u"):
            zero = 255  # all bits of its type
        return Call(name, (column(arg),), result, constants, condition, zero)

    def calls(self, stream: Stream) -> tuple[tuple[str, Call], ...]:
        made = [("n", Call("count", (), len))]
        made += [(f"a{at}", self.call(stream)) for at in range(self.random.randint(1, 4))]
        return tuple(made)

    # -- policies ---------------------------------------------------------------------------

    def global_emit(self) -> Emit:
        when = self.random.choice(("periodic", "periodic", "update", "batch", "event"))
        interval = self.even(3, 15) if when in ("periodic", "batch") else 0
        return Emit(when, interval, repeat=when == "periodic" and self.chance(0.3))

    def window_emit(self) -> Emit:
        when = self.random.choice(("close", "close", "periodic", "update", "batch"))
        interval = self.even(3, 15) if when in ("periodic", "batch") else 0
        delay = self.random.choice((0, 0, 150, 500))
        # PERIODIC ON UPDATE has no place for TIMEOUT without a delay
        timeout = self.random.choice((0, 0, 25)) if when != "batch" or delay else 0
        return Emit(when, interval, delay=delay, timeout=timeout)

    def calendar(self) -> Frame:
        """Windows of days of a zone, weeks, months, quarters or years."""
        unit, hours = self.random.choice((("d", 7), ("w", 50), ("M", 200), ("q", 500), ("y", 2000)))
        self.pace = hours * 36_000  # 100 ms are that many hours
        size = self.random.choice((1, 1, 2)) if unit in ("M", "q") else 1
        zone = self.random.choice(ZONES) if unit == "d" else ""
        return Frame("tumble", "t", size, unit=unit, zone=zone)

    def frame(self, *, sessions: bool = True) -> Frame:
        kinds = ("tumble", "hop", "session") if sessions else ("tumble", "hop")
        kind = self.random.choice(kinds)
        slide = 100 * self.random.randint(1, 6)
        if kind == "tumble":
            return Frame(kind, "t", slide)
        if kind == "hop":
            return Frame(kind, "t", slide + 100 * self.random.randint(0, 7), slide)
        idle, longest = 100 * self.random.randint(1, 12), 100 * self.random.randint(5, 30)
        if self.chance(0.5):
            return Frame(kind, "t", idle, longest=longest)
        starts = Expr("v > 3", lambda r: r["v"] > 3)  # type: ignore[operator]
        ends = Expr("v < 1", lambda r: r["v"] < 1)  # type: ignore[operator]
        brackets = self.random.choice(("[]", "[)", "(]", "()"))
        return Frame(kind, "t", idle, 0, longest, starts, ends, brackets)

    # -- whole programs ---------------------------------------------------------------------

    def program(
        self,
        select: Select,
        streams: tuple[Stream, ...],
        *,
        full: bool = False,
    ) -> Program:
        """`full`: all streams have a past."""
        held: dict[str, list[Values]] = {stream.name: [] for stream in streams}
        past = self.past(list(streams), held, full=full)
        return Program(
            self.seed,
            select,
            streams,
            (*past, *self.events(list(streams), held)),
            past=len(past),
            grouping=self.random.choice((1, 2, 3, 100)),
            restarts=self.random.randrange(1 << 30) if self.chance(0.5) else None,
            spilling=self.chance(0.25),
        )
