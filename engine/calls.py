"""Outside calls: a step stops where it needs an answer and goes on when the answer is in.

The steps of a query that makes such calls run on a stack of their own (a greenlet of the flow
thread), so that a call may stand at any depth of an operator while no thread waits for it.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal, Protocol

import greenlet
import msgspec

from engine.errors import Code, QueryFailed
from engine.external_objects import External

Kind = Literal["remote", "python", "table", "stream"]
# Arguments or results of one call as text; larger batches are cut before they are sent.
CALL_BYTES_MAX: Final = 8 << 20
# A call that names no deadline of its own; EXECUTION_TIMEOUT of a remote function sets another.
TIMEOUT_MS_DEFAULT: Final = 10_000
TIMEOUT_MS_MAX: Final = 600_000
# AGGREGATE_FUNCTION_THROW of the dialect; a stopping engine has the same number.
AGGREGATE_FAILED: Final = 503
# What lies in an external table could not be read or written.
TABLE_FAILED: Final = Code.FUNCTION_FAILED


class Remote(msgspec.Struct, frozen=True, array_like=True):
    """Where a remote function is; `auth_key` is never shown, logged or named in an error."""

    url: str
    auth_method: str = "none"
    auth_header: str = ""
    auth_key: str = ""

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"


class Request(msgspec.Struct, frozen=True, array_like=True):
    """One call. `method`: what of the function is called (`engine.udf.outside`). `body`: its
    arguments as JSON. `where`: of a remote function; `source`: of a Python function. Of an external
    table (`engine.table_calls`) `function` is the name, and `external` says where it is."""

    kind: Kind
    function: str
    method: str
    body: bytes
    timeout_ms: int = TIMEOUT_MS_DEFAULT
    where: Remote | None = None
    source: str = ""
    aggregate: bool = False
    external: External | None = None


class Answer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What came back: the result as JSON, or why there is none, as a sentence and a code."""

    body: bytes = b""
    failure: str = ""
    code: int = 0


Done = Callable[[Any], None]
GiveUp = Callable[[], None]


class Caller(Protocol):
    """Who carries calls out of the engine."""

    def send(self, request: Request, done: Done) -> GiveUp:
        """Begin a call; `done(answer)` follows once, from any thread, within its deadline, unless
        what is returned is called before: then nobody waits for the answer any more."""
        ...


def refused(request: Request, why: str) -> Answer:
    """The answer of a call that failed. `why`: without a secret."""
    if request.kind == "table":
        return Answer(failure=f"External table {request.function}: {why}.", code=TABLE_FAILED)
    if request.kind == "stream":
        failure = f"External stream {request.function}: {why}."
        return Answer(failure=failure, code=Code.NETWORK_ERROR)
    code = Code.FUNCTION_FAILED if not request.aggregate else AGGREGATE_FAILED
    return Answer(failure=f"Function {request.function} failed: {why}.", code=code)


class _Step(greenlet.greenlet):
    """A step under way. For the flow thread."""

    calls: Calls


class Calls:
    """The outside calls of one query; for the flow thread, but for what `Caller.send` calls.

    `run` does the work of a step. While a call is under way `waiting` is true, nothing else of the
    query may run, and what `run` is given meanwhile is done afterwards: one append that goes on at
    most. `wake` is called from any thread when `resume` has something to do.
    """

    def __init__(
        self, caller: Caller, wake: Callable[[], None], timer: Callable[[], float]
    ) -> None:
        self._caller = caller
        self._wake = wake
        self._timer = timer
        self._waited = 0.0
        self._step: _Step | None = None
        self._later: deque[Callable[[], None]] = deque()
        self._answer: list[Any] = []
        self._give_up: GiveUp | None = None  # of the call that the step waits for
        self._recorded: deque[Answer] | None = None
        self._at_rest: list[Callable[[], None]] = []
        self._taken: list[Answer] = []

    @property
    def waiting(self) -> bool:
        """Whether a step waits for an answer."""
        return self._step is not None

    @property
    def ready(self) -> bool:
        """Whether the answer is in."""
        return self._step is not None and bool(self._answer)

    def run(self, action: Callable[[], None]) -> None:
        """Do the work of a step, or a part of it until an answer is needed."""
        self._later.append(action)
        if self._step is None:
            self._go_on()

    def resume(self) -> None:
        """Go on with a step whose answer is in."""
        step = self._step
        if step is not None and self._answer:
            self._switch(step)
            self._go_on()

    def _go_on(self) -> None:
        while self._step is None and self._later:
            step = _Step(self._later.popleft())
            step.calls = self
            self._step = step
            self._switch(step)

    def _switch(self, step: _Step) -> None:
        try:
            step.switch()
        finally:
            self._after(step)

    def _after(self, step: _Step) -> None:
        if not step.dead:
            return
        self._step = None
        if not self._later:
            waiting, self._at_rest = self._at_rest, []
            for action in waiting:
                action()

    def when_at_rest(self, action: Callable[[], None]) -> None:
        """Call it between steps: now, or when the step under way is done."""
        if self._step is None:
            action()
        else:
            self._at_rest.append(action)

    def abandon(self) -> None:
        """The query ends: the step under way is given up, and with it its call."""
        self._later.clear()
        give_up, self._give_up = self._give_up, None
        if give_up is not None:
            give_up()
        step, self._step = self._step, None
        if step is not None and not step.dead:
            with contextlib.suppress(greenlet.error):  # it is of a thread that has ended
                step.throw(greenlet.GreenletExit)
        waiting, self._at_rest = self._at_rest, []
        for action in waiting:
            action()

    # -- records ------------------------------------------------------------------------------

    def replay(self, answers: tuple[Answer, ...] | None) -> None:
        """The step that follows takes these answers and asks nobody; None: it asks again."""
        self._recorded = None if answers is None else deque(answers)

    def taken(self) -> tuple[Answer, ...]:
        """The answers of the step that ends here."""
        taken, self._taken = tuple(self._taken), []
        return taken

    def waited(self) -> float:
        """Seconds that steps waited since the last call."""
        waited, self._waited = self._waited, 0.0
        return waited

    # -- inside of a step ---------------------------------------------------------------------

    def ask(self, request: Request) -> Answer:
        """The answer of a call, recorded or new."""
        if self._recorded is not None:
            if not self._recorded:
                message = "the recorded steps lack an answer of an outside call; start it anew."
                raise QueryFailed(message, Code.RESOURCE_NOT_FOUND)
            answer = self._recorded.popleft()
        else:
            answer = self.suspend(partial(self._send, request))
            self._give_up = None
        self._taken.append(answer)
        return answer

    def _send(self, request: Request, done: Done) -> None:
        self._give_up = self._caller.send(request, done)

    def suspend(self, begin: Callable[[Done], None]) -> Any:
        """Stop the step under way until what `begin` was given is called; what that was given."""
        # No variable of the stack that stops here holds its greenlet: the last reference goes when
        # the step is given up, and a step that nobody can go on with ends then.
        assert self._step is not None and in_step(), "only inside of a step"
        parent = self._step.parent
        assert parent is not None, "a step has one"
        here: list[Any] = []
        self._answer = here

        def done(value: Any) -> None:
            if not here:
                here.append(value)
                self._wake()

        began = self._timer()
        begin(done)
        while not here:
            parent.switch()
        self._waited += self._timer() - began
        return here[0]


def ask(request: Request) -> Answer:
    """The answer of an outside call; only inside of a step that `Calls.run` does."""
    return _calls().ask(request)


def in_step() -> bool:
    """Whether this runs in a step that may make outside calls."""
    return isinstance(greenlet.getcurrent(), _Step)


def until(begin: Callable[[Done], None]) -> None:
    """Stop the step under way until what `begin` was given is called."""
    _calls().suspend(begin)


def _calls() -> Calls:
    step = greenlet.getcurrent()
    assert isinstance(step, _Step), "only inside of a step"
    return step.calls
