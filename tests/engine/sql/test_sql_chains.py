"""Long chains of operators, operators as functions, NULL instead of errors."""

from __future__ import annotations

import pytest

from tests.engine.sql.sql_support import World, readings


@pytest.fixture(scope="module")
def world() -> World:
    return readings()


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ("+".join(["n"] * 400), 1600),
        ("+".join(["n"] * 64 + ["value"]), 260.5),
        ("length(" + "||".join(["id"] * 400) + ")", 800),
        (" and ".join(f"n <> {at}" for at in range(100, 500)), True),
        (" or ".join(f"n = {at}" for at in range(4, 400)), True),
        ("+".join(["9223372036854775807"] * 70), 2**64 - 70),
    ],
)
def test_long_chains_run(world: World, chain: str, expected: object) -> None:
    assert world.value(f"select {chain} as x from table(readings) where n = 4") == expected


def test_operators_are_functions_too(world: World) -> None:
    sql = "select and(true, 1 < 2), or(false, n = 4), not(0), like(id, 'k%'), 1 + not(1)"
    (row,) = world.run(f"{sql} from table(readings) where and(n = 4, not (n = 3)) or(false)")
    assert row == (True, True, True, True, 1)


def test_calls_keep_their_text_as_column_name(world: World) -> None:
    assert world.plan("select and(true, not(0)) as a, or(1, 0)").header[1].name == "or(1, 0)"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("to_string(make_date(to_int32('2020'), 1, 40))", "1970-01-01"),
        ("to_string(make_datetime(to_int32('2020'), 1, 2, 3, 4, 5))", "2020-01-02 03:04:05"),
        ("try_base64_decode(to_string(to_int8('5')))", ""),
        ("concat('[', to_string(to_int8('5')), ']')::array(int8)", [5]),
        ("to_int8_or_null(to_string(to_int32('500')))", None),
        ("to_int8_or_zero(to_string(to_int32('5')))", 5),
        ("to_int64('1') + (select max(n) from table(readings))", 5),
        ("format(to_string(to_int8('5')), 1)", "5"),
    ],
)
def test_null_instead_of_errors_over_strict_casts(
    world: World, call: str, expected: object
) -> None:
    assert world.value(f"select {call} as x") == expected


def test_format_is_bounded(world: World) -> None:
    with pytest.raises(Exception, match="16 MiB"):
        world.run("select format(repeat('{0}', 100000), repeat('x', 100000))")


def test_insert_values_may_hold_subqueries(world: World) -> None:
    rows = world.run("insert into readings(n) values ((select max(n) from table(readings)))")
    assert rows == [(4,)]
