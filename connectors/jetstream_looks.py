"""Looking at the streams and consumers of JetStream, which changes nothing there."""

from __future__ import annotations

from collections.abc import Awaitable
from itertools import zip_longest
from typing import Any, Final, TypeVar

from engine.errors import UserError

# Streams or consumers that are looked through: 20 answers of the server's 256.
NAMES_MAX: Final = 5_000

T = TypeVar("T")


async def stream_of(connection: Any, name: str, subject: str) -> Any:
    """The stream of that name, else the one that has the subject. UserError when there is none, or
    when it never has such a subject."""
    from nats.js.errors import NotFoundError

    context = connection.jetstream()
    try:
        found = name or await _told(context.find_stream_name_by_subject(subject))
        stream = await _told(context.stream_info(found))
    except NotFoundError:
        what = f"no stream {name!r}" if name else f"no stream with the subject {subject!r}"
        raise _failure(f"JetStream has {what}; create it.") from None
    config = stream.config
    takes = [] if config.mirror or config.sources else config.subjects or []
    if subject and takes and not any(overlap(subject, each) for each in takes):
        raise _failure(
            f"The stream {found} has no subject {subject!r}; it has {', '.join(takes[:10])}."
        )
    return stream


async def consumer_of(connection: Any, stream: str, name: str) -> Any:
    """The consumer; None without one. UserError for one that cannot be read by asking."""
    from nats.js.errors import NotFoundError

    try:
        found = await _told(connection.jetstream().consumer_info(stream, name))
    except NotFoundError:
        return None
    if found.config.deliver_subject:
        raise _failure(f"The consumer {name} of {stream} is a push consumer; name a pull consumer.")
    return found


async def streams(connection: Any) -> list[Any]:
    """All streams, as far as NAMES_MAX."""
    context = connection.jetstream()
    found: list[Any] = []
    while len(found) < NAMES_MAX:
        page = await _told(context.streams_info(offset=len(found)))
        if not page:
            break
        found += page
    return found


async def consumers(connection: Any, stream: str) -> list[str]:
    """Names of the pull consumers of a stream, as far as NAMES_MAX."""
    from nats.js.errors import NotFoundError

    context = connection.jetstream()
    found: list[Any] = []
    try:
        while len(found) < NAMES_MAX:
            page = await _told(context.consumers_info(stream, offset=len(found)))
            if not page:
                break
            found += page
    except NotFoundError:
        return []
    return [each.name for each in found if not each.config.deliver_subject]


def overlap(one: str, other: str) -> bool:
    """Whether there is a subject that both name; both may have wildcards."""
    for a, b in zip_longest(one.split("."), other.split(".")):
        if a is None or b is None:
            return False
        if ">" in (a, b):
            return True
        if a != b and "*" not in (a, b):
            return False
    return True


async def _told(answer: Awaitable[T]) -> T:
    """The answer; UserError when there is none that can be used, NotFoundError as it is."""
    from nats.errors import Error
    from nats.js.errors import NotFoundError, ServiceUnavailableError

    try:
        return await answer
    except NotFoundError:
        raise
    except ServiceUnavailableError:
        raise _failure("The server has no JetStream, or not for this user.") from None
    except TimeoutError:
        raise _failure(
            "JetStream does not answer; the user may lack the right to $JS.API or _INBOX."
        ) from None
    except (Error, OSError, ValueError, KeyError) as error:
        reason = getattr(error, "description", None) or str(error) or type(error).__name__
        raise _failure(f"JetStream: {reason.rstrip('.')}.") from None


def _failure(message: str) -> UserError:
    return UserError(message, 400, "orbit")
