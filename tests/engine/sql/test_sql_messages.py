"""What a user reads when a statement is refused: the place, the rule, the nearest known name."""

from __future__ import annotations

import pytest
from sql_support import World

from engine.errors import SqlError


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("selec v from s", "syntax error: unexpected 'selec' (line 1, column 1)"),
        ("select v\nfrom s wher v > 1", "column 13"),
        ("select cuont(v) from s", "did you mean count?"),
        ("select lowr('A')", "did you mean lower?"),
        ("select * from tumbel(s, 1s)", "did you mean tumble?"),
        ("select v from s settings seekto = 'earliest'", "did you mean seek_to?"),
        ("select valu from s2", "did you mean value?"),
        ("select v as k, k as v from s where v > 0", "alias k is defined by itself"),
    ],
)
def test_the_message_names_the_place_or_the_nearest_name(sql: str, message: str) -> None:
    world = World()
    world.create("create stream s(v int32)")
    world.create("create stream s2(value int32)")
    with pytest.raises(SqlError) as caught:
        world.planner.plan(sql)
    assert message in caught.value.message


def test_nothing_is_suggested_that_is_not_alike() -> None:
    with pytest.raises(SqlError) as caught:
        World().planner.plan("select zzzzqq(1)")
    assert "did you mean" not in caught.value.message
