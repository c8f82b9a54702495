"""What is new in answers: whatever they hold, and wherever a life of the source ends."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import json_parts, pull_answers
from connectors.json_parts import BadJson, parts
from connectors.pull_answers import Newest, Reading, Unreadable, cursor_text, new

CURSOR = Reading(cursor=("n",))
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
_VALUES = st.recursive(
    _SCALARS, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=5
)


def numbers(events: list[bytes]) -> list[int]:
    """The cursors of events."""
    return [msgspec.json.decode(event)["n"] for event in events]


def one(body: bytes, reading: Reading, newest: Newest, stop: int) -> tuple[list[bytes], Newest]:
    """What a life stores of an answer that is killed before its piece `stop`."""
    pieces, _ = new(body, reading, newest, Newest())
    stored: list[bytes] = []
    for piece in pieces[:stop]:
        stored += piece.events
        newest = msgspec.json.decode(msgspec.json.encode(piece.newest), type=Newest)
    return stored, newest


@given(
    st.lists(st.integers(-99, 99), unique=True),
    st.lists(st.integers(0, 3), max_size=8),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_kills_between_any_two_pieces_lose_and_double_nothing(
    cursors: list[int], stops: list[int], chance: Any, as_text: bool
) -> None:
    """The answers come in any order and overlap; later ones have more."""
    stored: list[bytes] = []
    newest = Newest()
    rising = sorted(cursors)
    with patch.multiple(pull_answers, PIECE_EVENTS_MAX=2, _SORTED_AT_A_TIME=3):
        for stop in [*stops, 99, 99]:
            seen = rising[: chance.randint(0, len(rising))] if stop < 99 else list(rising)
            chance.shuffle(seen)
            events = [{"n": f"{n}" if as_text else n} for n in seen]
            more, newest = one(msgspec.json.encode(events), CURSOR, newest, stop)
            stored += more
    assert [int(n) for n in numbers(stored)] == rising


def test_events_with_one_cursor_are_not_taken_for_stored_before_all_are() -> None:
    body = msgspec.json.encode([{"n": n, "at": at} for at, n in enumerate((1, 2, 2, 2, 3))])
    with patch.object(pull_answers, "PIECE_EVENTS_MAX", 2):
        first, newest = one(body, CURSOR, Newest(), 1)
        assert (numbers(first), newest.cursor) == ([1, 2], 1)
        again, newest = one(body, CURSOR, newest, 9)
        assert (numbers(again), newest.cursor) == ([2, 2, 2, 3], 3)


@settings(max_examples=40)
@given(_VALUES, st.lists(_VALUES, max_size=5), st.sampled_from(["", "\n", " \t"]), st.booleans())
def test_parts_of_an_array_are_its_elements(
    other: Any, elements: list[Any], space: str, within: bool
) -> None:
    text = f",{space}".join(msgspec.json.encode(each).decode() for each in elements)
    array = f"{space}[{space}{text}{space}]{space}"
    if within:
        before = msgspec.json.encode(other).decode()
        array = f'{{"x":{before},{space}"a"{space}:{{"b":{array}}}}}'
    found = list(parts(array.encode(), ("a", "b") if within else ()))
    assert [part.text for part in found] == [msgspec.json.encode(each) for each in elements]
    assert [part.value() for part in found] == elements


@pytest.mark.parametrize("path", [(), ("a", "b")])
def test_a_text_that_is_cut_anywhere_is_no_json(path: tuple[str, ...]) -> None:
    whole = b'[{"n":[1,"\xc3\xbc"]},2]' if not path else b'{"x":{},"a":{"b":[{"n":1},2]'
    assert len(list(parts(whole + b"}}" * bool(path), path))) == 2
    for end in range(1, len(whole) - bool(path)):
        with pytest.raises(BadJson):
            list(parts(whole[:end], path))


@pytest.mark.parametrize(
    "body",
    [
        b"[1][2]", b"[1 2]", b"3", b'{"a":1}\n{"a":', b'{"a" 1}', b"[1,",
        b'{"n":1}\n{"n":%s}' % (b"1" * 5_000),
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable, match="no JSON"):
        new(body, CURSOR, Newest(), Newest())


@pytest.mark.parametrize("etag", ['"ü"', f'"{"x" * 1_025}"', '"\x7f"'])
def test_validators_that_cannot_be_sent_back_are_left_out(etag: str) -> None:
    _, newest = new(b"[{}]", Reading(), Newest(), Newest(etag=etag, modified="m"))
    assert (newest.etag, newest.modified, newest.events) == ("", "", 1)


def test_what_has_no_cursor_is_given_up_and_first() -> None:
    body = b'[{"n":1},{"n":true},{"n":1e999},{"n":""},{"n":null},3,{"n":"%s"},{"n":"\\ud800"}]'
    body %= b"x" * 1_025
    ((piece,), newest) = new(body, CURSOR, Newest(), Newest())
    assert list(piece.refused) == [0, 1, 2, 3, 4, 5, 6]
    assert (piece.events[7], newest.cursor) == (b'{"n":1}', 1)


def test_a_cursor_is_sent_as_it_came() -> None:
    for cursor in ("0012", "a b", 7, 1.5, 10**30):
        assert cursor_text(CURSOR, Newest(cursor=cursor)) == str(cursor)
    assert cursor_text(Reading(cursor=("n",), start="s"), Newest()) == "s"


def test_a_large_answer_leaves_the_other_threads_their_turns() -> None:
    """Counted in turns: no single step of the reading is a large part of it."""
    body = msgspec.json.encode([{"n": n % 977, "text": "x" * 60} for n in range(80_000)])
    assert len(body) > 6 << 20
    assert len(body) // 20 >= json_parts._DECODED_AT_A_TIME
    done = threading.Event()
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    turns = 0
    try:
        thread = threading.Thread(
            target=lambda: (new(body, CURSOR, Newest(), Newest()), done.set())
        )
        thread.start()
        while not done.is_set():
            turns += 1
            time.sleep(0)
        thread.join()
    finally:
        sys.setswitchinterval(before)
    assert turns > 100
