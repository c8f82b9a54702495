"""The exception tree of Tailrace, with stable codes and hints.

TailraceError
├── UserError                 the request is at fault (HTTP 400)
│   ├── SqlError              parsing, binding, planning; carries the dialect's error code
│   ├── IngestError           a body that cannot be stored; names row and column
│   ├── NotFound              unknown object (HTTP 404 on a path, 400 inside SQL)
│   ├── AlreadyExists         code 57
│   └── TooLarge              a limit of the request was passed (HTTP 413)
├── Overloaded                back-pressure (HTTP 429, Retry-After)
├── StorageFull               writes refused: no room or read-only log (HTTP 507, code 243)
├── QueryFailed               a query that failed after its start; code and message reach its reader
└── EngineUnavailable         the engine process is starting, restarting or gone

Every error has `code` (the engine's number, see docs/errors.md), `message` (one sentence that names
the object, the rule and the way out) and `system` (`proton`, `neutron` or `orbit`). It crosses the
socket as these three and its class name.
"""

from __future__ import annotations


class TailraceError(Exception):
    """Root of the tree. `message` never holds secrets, host paths or internals."""

    default_code = 1
    system = "proton"

    def __init__(self, message: str, code: int | None = None, system: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        if system is not None:
            self.system = system


class UserError(TailraceError):
    """The request is at fault; nothing of it was stored or changed.

    `place`: where in the statement, '' = not known; it becomes the end of the message. `column`:
    the column whose declaration is at fault.
    """

    default_code = 36
    place = ""
    column = ""


class SqlError(UserError):
    """A statement that cannot be parsed, bound or planned."""

    default_code = 62


class IngestError(UserError):
    """A body that cannot be stored whole; the message names the first bad row and column."""

    default_code = 117


class NotFound(UserError):
    """An object that does not exist in this workspace."""

    default_code = 60


class AlreadyExists(UserError):
    """A name that is taken."""

    default_code = 57


class TooLarge(UserError):
    """A request beyond a size limit; the message names the limit and its setting."""

    default_code = 36


class Overloaded(TailraceError):
    """Back-pressure: try again after `retry_after_seconds`."""

    default_code = 202
    retry_after_seconds = 1


class StorageFull(TailraceError):
    """Writes are refused until there is room again."""

    default_code = 243
    retry_after_seconds = 10


class QueryFailed(TailraceError):
    """A query ended with an error after it had started."""

    default_code = 1


class EngineUnavailable(TailraceError):
    """The engine process cannot be reached now."""

    default_code = 503
    retry_after_seconds = 1


BY_NAME: dict[str, type[TailraceError]] = {
    cls.__name__: cls
    for cls in (
        TailraceError,
        UserError,
        SqlError,
        IngestError,
        NotFound,
        AlreadyExists,
        TooLarge,
        Overloaded,
        StorageFull,
        QueryFailed,
        EngineUnavailable,
    )
}


class Code:
    """Engine error numbers by name; the list users see is docs/errors.md."""

    CANNOT_PARSE_TEXT = 6
    DUPLICATE_COLUMN = 15
    NO_SUCH_COLUMN_IN_STREAM = 16
    NUMBER_OF_COLUMNS = 20
    CANNOT_PARSE_INPUT = 27
    BAD_ARGUMENTS = 36
    NUMBER_OF_ARGUMENTS = 42
    ILLEGAL_TYPE_OF_ARGUMENT = 43
    UNKNOWN_FUNCTION = 46
    UNKNOWN_IDENTIFIER = 47
    NOT_IMPLEMENTED = 48
    UNKNOWN_TYPE = 50
    TYPE_MISMATCH = 53
    STREAM_ALREADY_EXISTS = 57
    UNKNOWN_STREAM = 60
    SYNTAX_ERROR = 62
    ARGUMENT_OUT_OF_BOUND = 69
    INCORRECT_QUERY = 80
    UNKNOWN_DATABASE = 81
    UNKNOWN_SETTING = 115
    INCORRECT_DATA = 117
    ILLEGAL_DIVISION = 153
    TIMEOUT = 159
    BAD_TYPE_OF_FIELD = 169
    UNEXPECTED_EXPRESSION = 183
    ILLEGAL_AGGREGATION = 184
    SET_SIZE_LIMIT = 191
    TOO_MANY_QUERIES = 202
    NETWORK_ERROR = 210
    NOT_AN_AGGREGATE = 215
    MEMORY_LIMIT = 241
    NO_ROOM = 243
    NO_COMMON_TYPE = 386
    CANCELLED = 394
    INVALID_JOIN_ON = 403
    SLOW_CONSUMER = 429
    ACCESS_DENIED = 497
    ENGINE_RESTARTED = 503
    AUTHENTICATION_FAILED = 516
    HAVE_DEPENDENT_OBJECTS = 630
    WINDOW_COLUMN_NOT_REFERENCED = 2002
    RESOURCE_NOT_FOUND = 2003
    FUNCTION_FAILED = 2533
    AGGREGATE_FUNCTION_NOT_APPLICABLE = 2534
