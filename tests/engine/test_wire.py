"""Frames of the engine's socket arrive whole and in order, however their bytes are cut."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from engine import wire

Frame = tuple[int, int, bytes, bytes]
FRAMES = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        st.integers(0, 20),
        st.binary(max_size=20),
        st.binary(max_size=40),
    ),
    min_size=1,
    max_size=6,
)


class Sender:
    """What a connection writes to."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False


async def encoded(frames: list[Frame]) -> bytes:
    connection, sender = wire.FrameConnection(lambda *_: None, lambda _: None), Sender()
    connection.connection_made(sender)  # type: ignore[arg-type]
    for frame in frames:
        connection.send(*frame)
    await asyncio.sleep(0)
    return sender.written


@given(FRAMES, st.data())
@settings(max_examples=100, deadline=None)
def test_frames_arrive_whole_however_they_are_cut(frames: list[Frame], data: st.DataObject) -> None:
    sent = asyncio.run(encoded(frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    got: list[Frame] = []

    async def receive() -> None:
        connection = wire.FrameConnection(
            lambda request, kind, meta, body: got.append((request, kind, bytes(meta), bytes(body))),
            lambda _: None,
        )
        for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
            connection.data_received(sent[begin:end])

    asyncio.run(receive())
    assert got == frames


async def test_an_error_that_is_kept_does_not_end_the_connection() -> None:
    """Its traceback keeps the frames of the call stack below which it was raised."""
    sent: list[Frame] = [(at, 1, b"\xc0", b"body") for at in range(3)]
    got: list[Frame] = []
    errors: list[ValueError] = []

    def fail() -> None:
        raise ValueError

    def on_frame(request: int, kind: int, meta: memoryview, body: memoryview) -> None:
        try:
            fail()
        except ValueError as error:
            errors.append(error)
        got.append((request, kind, bytes(meta), bytes(body)))

    connection = wire.FrameConnection(on_frame, lambda _: None)
    for frame in sent:
        connection.data_received(await encoded([frame]))
    assert got == sent
    assert len(errors) == len(sent)
