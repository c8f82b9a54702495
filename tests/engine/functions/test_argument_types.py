"""Every function with arguments of every type: a value of the promised type, or a clean refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from engine.duck import Error, Session
from engine.errors import SqlError
from engine.failures import failure_of
from engine.functions import registry
from engine.functions.table import Aggregate, Arg, Scalar
from engine.type_parser import parse_type
from engine.types import duckdb_type
from tests.engine.functions.evaluator import Parser, bind, constant, ready

# Values of a type: the second and third are rows of aggregates, too.
VALUES = {
    "int128": ("'-170141183460469231731687303715884105728'", "'7'"),
    "int256": ("'1606938044258990275541962092341162602522202993782792835301376'", "'-3'"),
    "uint8": ("0", "2"),
    "float64": ("1.5", "'nan'"),
    "bool": ("true", "false"),
    "string": ("'a'", "'b'"),
    "date": ("DATE '1970-01-01'", "DATE '2020-01-02'"),
    "datetime64(9, 'Asia/Shanghai')": ("TIMESTAMP_NS '1969-12-31'", "TIMESTAMP_NS '2020-01-02'"),
    "decimal(60, 2)": ("'1.00'", "'-2.50'"),
    "ipv6": ("'::2'", "'::10'"),
    "enum8('a' = 1, 'b' = 2)": ("'b'", "'a'"),
    "array(string)": ("['a']", "[]"),
    "array(int128)": ("['5']", "['7']"),
    "map(string, uint8)": ("MAP {'a': 1}", "MAP {'b': 2}"),
    "tuple(uint8, string)": ("{'1': 1, '2': 'a'}", "{'1': 2, '2': 'b'}"),
    "nullable(ipv4)": ("NULL", "'1.2.3.4'"),
}
# Names that only DuckDB uses.
LEAK = re.compile(
    r"VARCHAR|U?TINYINT|BIGINT|HUGEINT|STRUCT|U?INT\d|TIMESTAMP|error_on|template|candidate|Binder"
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def arguments() -> dict[str, Arg]:
    found: dict[str, Arg] = {}
    for name, (value, _) in VALUES.items():
        t = parse_type(name)
        found[name] = Arg(f"CAST({value} AS {duckdb_type(t)})", t)
    return found | {"NULL": constant(None), "-3": constant(-3), "2.5": constant(2.5)}


def calls(entry: Scalar) -> Iterator[tuple[str, tuple[Arg, ...]]]:
    """One argument of the example after the other replaced by a value of every type."""
    if not entry.examples:
        return
    node = Parser(entry.examples[0].sql).parse()
    names = (entry.name, *entry.aliases)
    if node.value not in names or any(a.kind == "lambda" for a in node.args):
        return
    example = [bind(a, {}) for a in node.args]
    for label, arg in arguments().items():
        for at in range(len(example)):
            args = tuple(arg if at == place else other for place, other in enumerate(example))
            yield f"{label} as argument {at + 1}", args


def told(error: Error) -> str:
    """The failure's text, '' if it is clean."""
    failure = failure_of(error)
    return failure.message if failure.code == 1 or LEAK.search(failure.message) else ""


@pytest.mark.parametrize("family", registry.SCALAR_FAMILIES)
def test_scalars(session: Session, family: str) -> None:
    wrong: list[str] = []
    for entry in registry.SCALAR_FAMILIES[family]:
        for label, args in calls(entry):
            try:
                found = entry.render(args)
            except SqlError:
                continue
            try:
                rows = session.query(f"SELECT typeof({ready(found.sql)}) AS t")
            except Error as error:
                if told(error):
                    wrong.append(f"{entry.name}, {label}: {told(error)}")
                continue
            actual = rows.column(0).to_pylist()[0]
            plain = [re.sub(r'[" ]', "", name) for name in (actual, duckdb_type(found.type))]
            if actual != '"NULL"' and "nothing" not in str(found.type) and plain[0] != plain[1]:
                wrong.append(f"{entry.name}, {label}: {actual} for {found.type}")
    assert wrong == []


def forms(entry: Aggregate, name: str) -> Iterator[str]:
    """The bounded form over two rows and over none, and the streaming one."""
    t = parse_type(name)
    args = (Arg('"x"', t),) * max(1, entry.args_min)
    bound = entry.bind(args, False)
    values = ", ".join(f"(CAST({value} AS {duckdb_type(t)}))" for value in VALUES[name])
    rows = f"(SELECT x, row_number() OVER () AS __row FROM (VALUES {values}) AS v(x)) AS n"
    native = bound.native.replace("{filter}", "")
    yield f"SELECT {native} AS r FROM {rows}"
    yield f"SELECT {native} AS r FROM {rows} WHERE false"
    partials = ", ".join(
        f"{'len' if p.items else ''}({p.sql.replace('{filter}', '')}) AS p{at}"
        for at, p in enumerate(bound.partials)
    )
    final = bound.final(tuple(f'"p{at}"' for at in range(len(bound.partials))))
    yield f"SELECT {final} AS r FROM (SELECT {partials} FROM {rows})"


@pytest.mark.turns(2)
@pytest.mark.parametrize("name", VALUES)
def test_aggregates(session: Session, name: str) -> None:
    wrong: list[str] = []
    for family in registry.AGGREGATE_FAMILIES.values():
        for entry in family:
            try:
                for sql in forms(entry, name):
                    session.query(sql)
            except SqlError:
                continue
            except Error as error:
                wrong.append(f"{entry.name}: {failure_of(error).message}")
    assert wrong == []
