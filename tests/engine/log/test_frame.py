"""Frames: what was written is found again, what was harmed never passes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.log import frame

SALT = 0x1234ABCD
Bodies = st.lists(st.binary(max_size=200), min_size=1, max_size=6)


def written(bodies: list[bytes]) -> bytes:
    return b"".join(frame.encode(frame.COMMIT, i + 1, b, SALT) for i, b in enumerate(bodies))


def scanned(data: bytes) -> list[frame.Frame | frame.Gap]:
    return list(frame.scan(memoryview(data), 0, SALT))


def found(data: bytes) -> list[bytes]:
    return [bytes(f.body) for f in scanned(data) if isinstance(f, frame.Frame)]


@given(Bodies, st.integers(0, 3000))
def test_frames_are_read_back_before_a_zeroed_rest(bodies: list[bytes], zeros: int) -> None:
    items = scanned(written(bodies) + bytes(zeros))
    assert [bytes(f.body) for f in items if isinstance(f, frame.Frame)] == bodies
    assert not any(isinstance(item, frame.Gap) for item in items)


@settings(max_examples=40)
@given(Bodies)
def test_a_cut_anywhere_leaves_whole_frames_only(bodies: list[bytes]) -> None:
    data = written(bodies)
    for cut in range(len(data)):
        got = found(data[:cut])
        assert got == bodies[: len(got)]
        whole = sum(len(written(bodies[: i + 1])) <= cut for i in range(len(bodies)))
        assert len(got) >= whole


@given(Bodies, st.data())
def test_a_flipped_bit_takes_its_frame_and_no_other(
    bodies: list[bytes], data: st.DataObject
) -> None:
    whole = bytearray(written(bodies))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << (bit % 8)
    got = found(bytes(whole))
    hurt = next(i for i in range(len(bodies)) if len(written(bodies[: i + 1])) > bit // 8)
    # Padding belongs to no frame: a flip there harms nothing.
    assert got in (bodies, bodies[:hurt] + bodies[hurt + 1 :])


def test_bytes_that_a_user_stored_never_pass_for_a_frame() -> None:
    inner = frame.encode(frame.COMMIT, 9, b"forged row", SALT ^ 1)
    outer = bytearray(written([bytes(8) + inner, b"next"]))
    outer[4] ^= 0xFF  # the outer frame is damaged, so its inside is searched
    assert found(bytes(outer)) == [b"next"]


def test_a_frame_of_another_segment_is_not_read() -> None:
    assert found(frame.encode(frame.COMMIT, 1, b"x", SALT + 1)) == []
