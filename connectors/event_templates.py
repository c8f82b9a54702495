"""Templates of made-up events: sensors, sign-ins and servers, the same for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar

T = TypeVar("T")

# Values drawn once and dealt out in circles: slices are much cheaper than draws. Two primes, so
# that the circle of entities and those of drawn values only meet again after 65 million rows.
ENTITIES: Final = 8191
DRAWN: Final = 7919
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class RowSpan:
    """Rows to make: the entity and the instant (milliseconds) of each, and where in the circle
    of entities the first one stands."""

    entities: Sequence[int]
    times: Sequence[int]
    start: int


# Makes one column of a span of rows.
ColumnMaker = Callable[[RowSpan], Sequence[Any]]


class Template(Protocol):
    """Makes columns of events."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns it can make, in their usual order."""
        ...

    def make(self, times: Sequence[int], columns: Sequence[str]) -> list[Sequence[Any]]:
        """One sequence for each of `columns`, with a value for each instant (milliseconds)."""
        ...


class Circle(Generic[T]):
    """Endless values from a fixed list."""

    def __init__(self, values: Sequence[T]) -> None:
        self._values = list(values)
        self._at = 0

    def take(self, count: int) -> list[T]:
        """The next `count` values."""
        taken = self._values[self._at : self._at + count]
        while len(taken) < count:
            taken += self._values[: count - len(taken)]
        self._at = (self._at + count) % len(self._values)
        return taken


def instants(times: Sequence[int]) -> list[str]:
    """`2026-01-31 12:00:00.250` of each instant, UTC."""
    made: list[str] = []
    last, text = -1, ""
    second, prefix = -1, ""
    for time in times:
        if time != last:
            last = time
            if time // 1000 != second:
                second = time // 1000
                prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")
            text = f"{prefix}.{time % 1000:03d}"
        made.append(text)
    return made


class EntityTemplate:
    """A template whose rows each belong to one of a fixed set of devices, people or hosts."""

    def __init__(self, seed: int, weights: Sequence[float]) -> None:
        self.random = random.Random(seed)
        # Twice around, so that any span is one slice.
        self._entities = self.random.choices(range(len(weights)), weights=weights, k=ENTITIES) * 2
        self._at = 0
        self.makers: dict[str, ColumnMaker] = {
            "time": lambda span: instants(span.times),
            "timestamp": lambda span: instants(span.times),
        }

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns it can make."""
        return tuple(self.makers)

    def make(self, times: Sequence[int], columns: Sequence[str]) -> list[Sequence[Any]]:
        """See Template.make; at most 8191 instants."""
        span = RowSpan(self._entities[self._at : self._at + len(times)], times, self._at)
        self._at = (self._at + len(times)) % ENTITIES
        return [self.makers[column](span) for column in columns]

    def fact(self, values: Sequence[Any]) -> ColumnMaker:
        """A column that is fixed for each entity."""
        dealt = [values[entity] for entity in self._entities]
        return lambda span: dealt[span.start : span.start + len(span.times)]

    def drawn(self, values: Sequence[Any], weights: Sequence[float]) -> ColumnMaker:
        """A column drawn anew for each row."""
        circle = Circle(self.random.choices(values, weights=weights, k=DRAWN))
        return lambda span: circle.take(len(span.times))

    def _hundredths(self, deviation: float) -> list[int]:
        """Normal deviates around 0, in hundredths."""
        return [round(self.random.gauss(0.0, deviation) * 100) for _ in range(DRAWN)]

    def walk(
        self, homes: Sequence[float], deviation: float, low: float, high: float
    ) -> ColumnMaker:
        """A value that wanders around each entity's home and stays within low and high.

        Counted in hundredths: whole numbers need no rounding, which halves the time.
        """
        goals = [round(home * 100) for home in homes]
        state = list(goals)
        pushes = Circle(self._hundredths(deviation))
        least, most = round(low * 100), round(high * 100)

        def make(span: RowSpan) -> list[float]:
            made: list[float] = []
            for entity, push in zip(span.entities, pushes.take(len(span.times)), strict=True):
                value = state[entity]
                value += (goals[entity] - value) // 20 + push
                if not least <= value <= most:
                    value = least if value < least else most
                state[entity] = value
                made.append(value / 100)
            return made

        return make


class Iot(EntityTemplate):
    """Sensors: one reading of one device a row."""

    def __init__(self, seed: int) -> None:
        count = 20
        super().__init__(seed, [1.0] * count)
        draw = self.random
        places = ("hall", "cold store", "roof", "lab", "office", "yard")
        numbers = [draw.uniform(20.0, 80.0) for _ in range(count)]
        others = self.makers
        # No place is without a device: who filters by one gets rows.
        where = [places[index % len(places)] for index in range(count)]
        draw.shuffle(where)
        self.makers = {
            "device": self.fact([f"device_{index}" for index in range(count)]),
            "number": self.walk(numbers, 2.0, 0.0, 100.0),
            **others,
            "temperature": self._temperature([draw.uniform(4.0, 24.0) for _ in range(count)]),
            "humidity": self.walk([draw.uniform(30.0, 70.0) for _ in range(count)], 0.6, 5.0, 99.0),
            "battery": self._battery([draw.random() for _ in range(count)]),
            "location": self.fact(where),
            "latitude": self.fact([round(draw.uniform(47.0, 54.0), 5) for _ in range(count)]),
            "longitude": self.fact([round(draw.uniform(6.0, 14.0), 5) for _ in range(count)]),
        }

    def _temperature(self, homes: Sequence[float]) -> ColumnMaker:
        """Warmest in the afternoon (UTC), coldest in the early morning."""
        noise = Circle(self._hundredths(0.15))

        def make(span: RowSpan) -> list[float]:
            swing = 4.0 * math.sin((span.times[0] % DAY_MS) / DAY_MS * 2 * math.pi - 2.2)
            usual = [round((home + swing) * 100) for home in homes]
            return [
                (usual[entity] + push) / 100
                for entity, push in zip(span.entities, noise.take(len(span.times)), strict=True)
            ]

        return make

    def _battery(self, phases: Sequence[float]) -> ColumnMaker:
        """Empties within a week, then it is charged; each device at its own time."""
        week = 7 * DAY_MS

        def make(span: RowSpan) -> list[float]:
            passed = span.times[0] / week
            left = [round(100.0 * (1.0 - (passed + phase) % 1.0), 1) for phase in phases]
            return [left[entity] for entity in span.entities]

        return make


_CITIES: Final = (
    ("Berlin", "DE"),
    ("Lyon", "FR"),
    ("Leeds", "GB"),
    ("Austin", "US"),
    ("Toronto", "CA"),
    ("Recife", "BR"),
    ("Pune", "IN"),
    ("Osaka", "JP"),
    ("Nairobi", "KE"),
    ("Perth", "AU"),
)
_NAMES: Final = (
    *("ada", "alan", "barbara", "claude", "dennis", "donald", "edsger", "frances", "grace"),
    *("guido", "hedy", "john", "karen", "katherine", "ken", "leslie", "linus", "margaret"),
    *("marvin", "niklaus", "radia", "richard", "shafi", "tim", "whitfield"),
)


class UserLogins(EntityTemplate):
    """Sign-ins: one attempt of one user a row; the last users are attackers who mostly fail."""

    def __init__(self, seed: int) -> None:
        count, attackers = 200, 4
        # Few people sign in often, many rarely.
        weights = [1.0 / (rank + 3) for rank in range(count - attackers)] + [0.03] * attackers
        super().__init__(seed, weights)
        draw = self.random
        cities = [draw.choice(_CITIES) for _ in range(count)]
        people = [
            f"{_NAMES[index % len(_NAMES)]}.{index // len(_NAMES) + 1}" for index in range(count)
        ]
        others = self.makers
        self.makers = {
            "user": self.fact(people),
            "user_id": self.fact(list(range(1001, 1001 + count))),
            **others,
            "ip": self.fact([self._address() for _ in range(count)]),
            "city": self.fact([city for city, _ in cities]),
            "country": self.fact([country for _, country in cities]),
            "device": self.fact(draw.choices(("laptop", "phone", "tablet"), (6, 5, 1), k=count)),
            "browser": self.fact(
                draw.choices(("Firefox", "Chrome", "Safari", "Edge"), (3, 6, 4, 2), k=count)
            ),
            "method": self.drawn(("password", "passkey", "sso", "token"), (5, 2, 3, 1)),
            "success": self._success(count - attackers),
            "duration_ms": self.walk([draw.uniform(80, 900) for _ in range(count)], 60.0, 20, 5000),
        }

    def _address(self) -> str:
        return ".".join(str(self.random.randint(1, 254)) for _ in range(4))

    def _success(self, honest: int) -> ColumnMaker:
        chance = Circle([self.random.random() for _ in range(DRAWN)])
        return lambda span: [
            luck < (0.94 if entity < honest else 0.02)
            for entity, luck in zip(span.entities, chance.take(len(span.times)), strict=True)
        ]


class DevOps(EntityTemplate):
    """Servers: one sample of one host a row."""

    def __init__(self, seed: int) -> None:
        count = 50
        super().__init__(seed, [1.0] * count)
        draw = self.random
        regions = ("eu-central", "eu-west", "us-east", "us-west", "ap-south")
        services = ("api", "web", "db", "cache", "queue", "search")
        kinds = [services[index % len(services)] for index in range(count)]
        self._busy = [draw.uniform(15.0, 60.0) for _ in range(count)]
        others = self.makers
        self.makers = {
            "host": self.fact([f"{kind}-{index:02d}" for index, kind in enumerate(kinds)]),
            "hostname": self.fact([f"{kind}-{index:02d}" for index, kind in enumerate(kinds)]),
            **others,
            "region": self.fact([draw.choice(regions) for _ in range(count)]),
            "service": self.fact(kinds),
            "cpu": self.walk(self._busy, 4.0, 0.5, 100.0),
            "memory": self.walk([draw.uniform(30, 85) for _ in range(count)], 1.0, 5.0, 99.0),
            "disk": self.walk([draw.uniform(20, 90) for _ in range(count)], 0.05, 5.0, 99.5),
            "load": self.walk([busy / 15 for busy in self._busy], 0.3, 0.0, 64.0),
            "network_in": self._traffic(40_000.0),
            "network_out": self._traffic(90_000.0),
            "requests": self._traffic(20.0),
            "latency_ms": self.walk([draw.uniform(2, 120) for _ in range(count)], 8.0, 0.5, 5000),
            "status": self.drawn((200, 204, 304, 404, 500, 503), (880, 60, 30, 20, 7, 3)),
            "level": self.drawn(("info", "warn", "error"), (95, 4, 1)),
        }

    def _traffic(self, unit: float) -> ColumnMaker:
        """Whole numbers that follow how busy the host is, with bursts."""
        burst = Circle([self.random.lognormvariate(0.0, 0.4) for _ in range(DRAWN)])
        usual = [busy * unit / 30 for busy in self._busy]
        return lambda span: [
            int(usual[entity] * factor)
            for entity, factor in zip(span.entities, burst.take(len(span.times)), strict=True)
        ]


TEMPLATES: Final[dict[str, Callable[[int], Template]]] = {
    "iot": Iot,
    "user_logins": UserLogins,
    "devops": DevOps,
}
