"""What calls of the client raise.

ClientError
├── Unreachable   no answer, or none to the end
├── ApiError      the server refused
├── QueryFailed   a query that had begun did not finish
└── NotInstalled  a result was asked for in the form of a package that is not there
"""

from __future__ import annotations


class ClientError(Exception):
    """Anything that went wrong; the text is one sentence for a person."""


class Unreachable(ClientError):
    """No answer: connection refused, cut or timed out; the outcome of a write is unknown."""


class ApiError(ClientError):
    """The server refused: HTTP status, its own code, seconds to wait when it named them. Of a
    statement also where the error stands, from 1 (0 = not known), and what was probably meant."""

    line = 0
    column = 0
    hint = ""

    def __init__(self, status: int, code: int, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


class QueryFailed(ClientError):
    """A query ended otherwise than by finishing: `status` failed or canceled, with its code."""

    def __init__(self, status: str, code: int, message: str) -> None:
        super().__init__(message or f"The query was {status}.")
        self.status = status
        self.code = code
        self.message = message


class NotInstalled(ClientError, ImportError):
    """A package that gives results their form is not installed; the text names it."""
