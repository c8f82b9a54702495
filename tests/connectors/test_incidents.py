"""The state machine of alerts: each change once, whatever comes in whatever order."""

from __future__ import annotations

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from connectors import incidents
from connectors.incidents import Instance


def row(*values: object) -> tuple[msgspec.Raw, ...]:
    return tuple(msgspec.Raw(msgspec.json.encode(value)) for value in values)


def test_a_trigger_a_resolve_and_what_is_told() -> None:
    calm = Instance()
    fired = incidents.observed(calm, 0, row("d1", 5), 1000, "i1")
    assert (fired.id, fired.status) == ("i1", "triggered")
    assert incidents.observed(fired, 0, row("d2", 6), 2000, "i2") is fired
    over = incidents.observed(fired, 1, row("d1", 1), 3000, "i3")
    assert (over.id, over.status) == ("i1", "resolved")
    assert incidents.observed(over, 1, row("d1", 1), 4000, "i4") is over
    assert [(m.timestamp, m.type) for m in over.timeline] == [
        (1000, "triggered"),
        (3000, "resolved"),
    ]
    told = [(m.type, m.incident, b",".join(map(bytes, m.row))) for m in over.pending]
    assert told == [("triggered", "i1", b'"d1",5'), ("resolved", "i1", b'"d1",1')]


def test_a_manual_resolve_sends_nothing_and_opens_the_way() -> None:
    fired = incidents.observed(Instance(), 0, row(1), 1000, "i1")
    over = incidents.resolved_by_hand(fired, 2000)
    assert (over.id, over.status, over.pending) == ("i1", "resolved", fired.pending)
    assert [m.type for m in over.timeline] == ["triggered", "resolved"]
    assert incidents.resolved_by_hand(over, 3000) is over
    assert incidents.observed(over, 0, row(1), 4000, "i2").id == "i2"


def test_a_long_row_is_cut_to_what_can_be_kept() -> None:
    long = incidents.observed(Instance(), 0, row("x" * 200_000, 7, ["y"] * 50_000), 1, "i")
    text, number, array = long.pending[0].row
    assert bytes(number) == b"7"
    for value in (text, array):
        assert 1_000 < len(bytes(value)) < 20_000
        assert msgspec.json.decode(bytes(value), type=str).endswith("…")


class Machine(RuleBasedStateMachine):
    """Against a model of two words: what it is, and how often it changed."""

    def __init__(self) -> None:
        super().__init__()
        self.state = Instance()
        self.triggered = False
        self.changes: list[tuple[int, str]] = []
        self.told: list[tuple[str, str]] = []
        self.now = 0

    @rule(query=st.sampled_from([0, 1]))
    def row_comes(self, query: int) -> None:
        """A row of one of the two queries."""
        self.now += 1
        before = self.state
        after = incidents.observed(before, query, row(self.now), self.now, f"i{self.now}")
        if self.triggered == (query == 1):
            self.triggered = query == 0
            kind = "triggered" if query == 0 else "resolved"
            self.changes.append((self.now, kind))
            assert len(after.pending) == len(before.pending) + 1
            assert after.pending[-1].incident == after.id
        else:
            assert after is before
        self.state = after

    @rule()
    def hand(self) -> None:
        """A manual resolve."""
        self.now += 1
        after = incidents.resolved_by_hand(self.state, self.now)
        assert after.pending == self.state.pending
        if self.triggered:
            self.triggered = False
            self.changes.append((self.now, "resolved"))
        self.state = after

    @rule()
    def sent(self) -> None:
        """The oldest message was sent."""
        if self.state.pending:
            message = self.state.pending[0]
            self.told.append((message.incident, message.type))
            self.state = incidents.without(self.state, message, (0,))
            assert incidents.without(self.state, message, (0,)) is self.state

    @rule()
    def restart(self) -> None:
        """What is saved is what was."""
        self.state = incidents.decode(incidents.encode(self.state))

    @invariant()
    def is_as_the_model(self) -> None:
        """State, timeline and messages."""
        assert self.state.status == ("triggered" if self.triggered else "resolved")
        timeline = [(moment.timestamp, moment.type) for moment in self.state.timeline]
        assert timeline == self.changes[-100:]
        told = self.told + [(m.incident, m.type) for m in self.state.pending]
        assert len(told) == len(set(told))


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestMachine = Machine.TestCase
