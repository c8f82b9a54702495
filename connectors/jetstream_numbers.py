"""The numbers of a JetStream message, which stand in its subject for the answer."""

from __future__ import annotations

from typing import Any, Final

# $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer's>.<time>.<pending>; a longer
# form, with domain and account, is left to the library, of which all metadata cost five times more.
_TOKENS: Final = 9
_IN_STREAM: Final = 5
_OF_CONSUMER: Final = 6


def in_stream(message: Any) -> int:
    """The place of the message in its stream: the same however often it comes."""
    tokens = message.reply.split(".")
    if len(tokens) == _TOKENS:
        return int(tokens[_IN_STREAM])
    return int(message.metadata.sequence.stream)


def of_consumer(message: Any) -> int:
    """How many messages the consumer had given with it: a repeated one has a new number."""
    tokens = message.reply.split(".")
    if len(tokens) == _TOKENS:
        return int(tokens[_OF_CONSUMER])
    return int(message.metadata.sequence.consumer)
