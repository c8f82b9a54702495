"""All functions by name: the allow-list of the dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TypeVar

from engine.functions import (
    aggregates,
    arrays,
    codings,
    convert,
    finance,
    gathering,
    geo,
    geohash,
    hashes,
    json,
    lambdas,
    logic,
    maps,
    math,
    net,
    patterns,
    regression,
    runs,
    sampling,
    search,
    statistics,
    text,
    time_math,
    time_text,
    time_weighted,
    times,
    urls,
    variates,
    vectors,
    xxhash,
)
from engine.functions.table import Aggregate, Scalar

Entry = TypeVar("Entry", Scalar, Aggregate)

# Family name on the reference page -> its entries.
SCALAR_FAMILIES: dict[str, tuple[Scalar, ...]] = {
    "Mathematics": math.SCALARS,
    "Conditions and comparisons": logic.SCALARS,
    "Text": (*text.SCALARS, *codings.SCALARS),
    "Searching in text": (*search.SCALARS, *patterns.SCALARS),
    "Type conversion": convert.SCALARS,
    "Parts and starts of times": times.SCALARS,
    "Calculating with times": time_math.SCALARS,
    "Now, formats and parsing": time_text.SCALARS,
    "JSON": json.SCALARS,
    "Arrays": (*arrays.SCALARS, *runs.SCALARS),
    "Vectors": vectors.SCALARS,
    "Lambdas": lambdas.SCALARS,
    "Maps and tuples": maps.SCALARS,
    "Hashes": (*hashes.SCALARS, *xxhash.SCALARS),
    "URLs": urls.SCALARS,
    "Addresses": net.SCALARS,
    "Geography": (*geo.SCALARS, *geohash.SCALARS),
    "Random values": variates.SCALARS,
    "Models": regression.SCALARS,
}
AGGREGATE_FAMILIES: dict[str, tuple[Aggregate, ...]] = {
    "Aggregates": aggregates.AGGREGATES,
    "Statistics": (*statistics.AGGREGATES, *time_weighted.AGGREGATES),
    "Finance": finance.AGGREGATES,
    "Regression": regression.AGGREGATES,
    "Quantiles, arrays, best and most frequent": gathering.AGGREGATES,
    "Samples": sampling.AGGREGATES,
}

lambda_types = lambdas.lambda_types


def _table(entries: Iterable[Entry]) -> dict[str, Entry]:
    table: dict[str, Entry] = {}
    for entry in entries:
        for name in (entry.name, *entry.aliases):
            if name in table:
                raise ValueError(f"two functions are called {name}")
            table[name] = entry
    return table


@cache
def _scalars() -> dict[str, Scalar]:
    return _table(entry for family in SCALAR_FAMILIES.values() for entry in family)


@cache
def _aggregates() -> dict[str, Aggregate]:
    return _table(entry for family in AGGREGATE_FAMILIES.values() for entry in family)


_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


# Words that have capitals inside.
_WORDS = (
    ("date_time", "datetime"),
    ("time_zone", "timezone"),
    ("u_int", "uint"),
    ("i_pv", "ipv"),
    ("na_n", "nan"),
    ("uui_dv4", "uuid_v4"),
)


def normalized(name: str) -> str:
    """The dialect's spelling of a name: camelCase as snake_case, lower case."""
    lower = name.lower()
    if lower in _scalars() or lower in _aggregates() or "_" in name:
        return lower
    found = _BORDER.sub("_", name).lower()
    for apart, together in _WORDS:
        found = found.replace(apart, together)
    return found


def scalar(name: str) -> Scalar | None:
    """The scalar function of this name in any case or in camelCase; None if there is none."""
    return _scalars().get(normalized(name))


def aggregate(name: str) -> Aggregate | None:
    """The aggregate of this name in any case or in camelCase; None if there is none."""
    return _aggregates().get(normalized(name))


def names() -> tuple[str, ...]:
    """All names and aliases, sorted."""
    return tuple(sorted({*_scalars(), *_aggregates()}))
