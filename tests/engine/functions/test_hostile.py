"""Scalar functions over columns of hostile values: a result, or a refusal that names a rule.

What a function gives for a row does not depend on the rows beside it, so that a stream in batches
of any size gives what the bounded query gives.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from engine.duck import Error, Session
from engine.errors import SqlError
from engine.failures import failure_of
from engine.functions import registry
from engine.functions.build import quoted
from engine.functions.table import Arg, Scalar
from engine.sql.planner import Planner
from engine.type_parser import parse_type
from tests.engine.functions.evaluator import Parser, bind, ready
from tests.engine.functions.test_argument_types import LEAK

PICKS = 8  # calls tried of every function
# Column, type, hostile values: as many of each.
COLUMNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "t": ("string", ("''", "'a'", "'-12.5e3'", "'ünï🎉\\\\'", "'{\"a\":[1]}'", "'2024-02-29'")),
    "i": (
        "int64",
        ("0", "-1", "9223372036854775807", "to_int64('-9223372036854775808')", "3", "86400"),
    ),
    "b": ("uint8", ("0", "255", "1", "7", "2", "128")),
    "f": ("float64", ("nan", "inf", "-inf", "-0.0", "1e308", "0.5")),
    "g": ("float32", ("0.5", "nan", "3.4e38", "-1", "inf", "0")),
    "n": ("nullable(int32)", ("null", "0", "-2147483648", "null", "2147483647", "5")),
    "s": ("nullable(string)", ("null", "'x'", "''", "'%'", "'('", "'UTC'")),
    "w": ("int256", ("'0'", f"'{2**255 - 1}'", f"'{-(2**255)}'", "'1'", "'-7'", "'99'")),
    "c": ("decimal(38, 4)", ("0", "'-0.0001'", f"'{'9' * 34}.9999'", "1", "'2.5'", "-3")),
    "d": (
        "datetime64(3, 'Europe/Berlin')",
        tuple(
            f"to_datetime64('{at}', 3)"
            for at in (
                "1970-01-01", "1900-01-01 00:00:00.001", "2299-12-31 23:59:59.999",
                "2026-03-29 01:00:00", "2026-10-25 00:59:59.999", "2024-02-29 23:59:59",
            )
        ),
    ),
    "y": (
        "date",
        tuple(
            f"'{at}'"
            for at in (
                "1970-01-01", "2149-06-06", "2024-02-29", "2026-01-31", "2000-12-31", "1999-01-03",
            )
        ),
    ),
    "a": ("array(int64)", ("[]", "[1]", "[0, -1, 5]", "[7, 7]", "[9223372036854775807]", "[2]")),
    "q": ("array(nullable(float64))", ("[]", "[null]", "[nan, 1]", "[inf]", "[0]", "[null, 2]")),
    "e": ("array(string)", ("[]", "['']", "['a', 'b']", "['ü']", "['a', 'a']", "['(']")),
    "m": ("map(string, int64)", ("{}", "{'a': 1}", "{'': 0}", "{'b': -1}", "{'a': 2}", "{}")),
    "p": ("tuple(int64, string)", ("(0, '')", "(1, 'a')", "(-1, 'b')", "(2, '')", "(3, 'c')",
                                   "(4, '')")),
    "o": ("bool", ("true", "false", "true", "false", "true", "false")),
    "z": ("ipv6", ("'::'", "'::1'", "'ffff::'", "'::ffff:1.2.3.4'", "'1::'", "'::2'")),
}  # fmt: skip
CONSTANTS = ("0", "-1", "1", "3", "1000000000", "''", "'a'", "'day'", "null", "2.5", "'UTC'")
# Columns that are drawn more often than others, by words in the name of a family.
OFTEN = {
    "time": ("d", "y", "d", "y", "i"), "Arrays": ("a", "q", "e", "i"), "Lambdas": ("a", "q", "e"),
    "Text": ("t", "s"), "text": ("t", "s", "e"), "JSON": ("t", "s"), "URL": ("t", "s"),
    "Maps": ("m", "p", "m"), "Vectors": ("a", "q"), "Geo": ("f", "g"), "formats": ("d", "y"),
}  # fmt: skip
ROWS = len(COLUMNS["t"][1])
# The evaluator binds these itself, without their checks; its binder is not the one of queries.
UNCHECKED = ("map_element", "tuple_element", "random_in_type")
LAMBDAS = ("x -> x", "x -> x > 0", "x -> null", "(x, y) -> x")


def source() -> str:
    """A FROM item with the hostile rows, numbered."""
    structure = "row int32, " + ", ".join(f"{name} {t}" for name, (t, _) in COLUMNS.items())
    lines = [
        f"({at}, {', '.join(values[at] for _, values in COLUMNS.values())})" for at in range(ROWS)
    ]
    text = structure.replace("'", "\\'")
    return f"values('{text}', {', '.join(lines)})"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    bounded = Planner(lambda name: None).plan(f"select * from {source()}").bounded
    assert bounded is not None
    opened.register("__rows_of_test", opened.query(bounded.sql))
    yield opened
    opened.close()


def calls(entry: Scalar, family: str) -> Iterator[str]:
    """Calls with columns and constants drawn for this function, the same in every run."""
    pick = random.Random(entry.name)
    often = [name for word, names in OFTEN.items() if word in family for name in names]
    drawn = (*COLUMNS, *CONSTANTS, *(often * 12))
    for _ in range(PICKS):
        count = pick.randint(entry.args_min, min(entry.args_max, max(entry.args_min, 3)))
        args = [pick.choice(drawn) for _ in range(count)]
        if args and any("->" in example.sql for example in entry.examples):
            args[0] = pick.choice(LAMBDAS)
        yield f"{entry.name}({', '.join(args)})"


class Refused(Exception):
    """A call that may be refused, with its code."""


def rendered(call: str) -> str:
    """SQL of a call over the columns; Refused if it is not allowed."""
    columns = {name: Arg(quoted(name), parse_type(t)) for name, (t, _) in COLUMNS.items()}
    try:
        return ready(bind(Parser(call).parse(), columns).sql)
    except SqlError as error:
        assert not LEAK.search(error.message), (call, error.message)
        raise Refused(int(error.code)) from None
    except ValueError as error:  # the evaluator's own: a lambda with another number of names
        assert "zip()" in str(error), call
        raise Refused(0) from None


def run(session: Session, sql: str, where: str = "") -> pa.Table:
    """The value of every row; Refused if the query ends cleanly without."""
    try:
        return session.query(f"SELECT {sql} AS r, row FROM __rows_of_test{where}")
    except Error as error:
        failure = failure_of(error)
        assert failure.code not in (0, 1), (sql, failure.message, str(error))
        assert not LEAK.search(failure.message), (sql, failure.message)
        raise Refused(failure.code) from None


@pytest.mark.parametrize("family", registry.SCALAR_FAMILIES)
def test_family(session: Session, family: str) -> None:
    for entry in registry.SCALAR_FAMILIES[family]:
        if entry.name in UNCHECKED:
            continue
        for call in calls(entry, family):
            try:
                sql = rendered(call)
                whole = run(session, sql)
            except Refused:
                continue
            if entry.volatile or whole.num_rows != ROWS:
                continue
            at = random.Random(call).randrange(ROWS)
            alone = run(session, sql, f" WHERE row = {at}")
            wanted = whole.filter(pc.call_function("equal", [whole["row"], at]))
            assert shown(alone) == shown(wanted), call


def shown(table: pa.Table) -> str:
    """The values as text: nan equals itself there, and nanoseconds have one."""
    return str(table.column(0))


def test_most_functions_take_some_of_these(session: Session) -> None:
    """Else the test above would say nothing."""

    def taken(entry: Scalar, family: str) -> bool:
        for call in calls(entry, family):
            try:
                run(session, rendered(call))
            except Refused:
                continue
            return True
        return False

    pairs = [(e, family) for family, entries in registry.SCALAR_FAMILIES.items() for e in entries]
    pairs = [(e, family) for e, family in pairs if e.args_min and e.name not in UNCHECKED][::3]
    assert sum(taken(*pair) for pair in pairs) > len(pairs) * 0.6


@pytest.mark.parametrize(
    "call",
    [
        "range(1000000000)",
        "ngrams(repeat('a', 1000000), 500000)",
        "levenshtein_distance(repeat('a', 1000000), repeat('b', 1000000))",
        "java_hash(repeat('x', 16000000))",
        "md4(repeat('x', 16000000))",
        "base58_encode(repeat('x', 1000000))",
        "xx_hash64(repeat('x', 16000000))",
        "array_with_constant(1000000000, 1)",
        "left_pad('a', 1000000000)",
    ],
)
def test_constants_are_refused_before_they_are_computed(session: Session, call: str) -> None:
    """DuckDB folds constants while it plans, also in branches that are never taken."""
    with pytest.raises(Refused) as caught:
        run(session, rendered(call))
    assert caught.value.args == (69,)
