"""What has to be done so that a workspace has what a file says; nothing is done here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec

from controlplane.commands import yaml_file
from controlplane.commands.entries import SECTIONS, VERSION, Definitions, Entry, in_order, said
from controlplane.commands.kinds import KINDS, Existing, Kind, sorted_keys
from controlplane.commands.stream_text import CannotChange

if TYPE_CHECKING:
    from controlplane.client import Client

E = TypeVar("E", bound=Entry)

# What the server shows in place of a secret; given back, it keeps the stored one.
MASK: Final = "******"
# Names of fields that are not shown, whether the server has masked a value of theirs or not.
_SECRET: Final = re.compile(
    "password|passwd|secret|token|credential|api_?key|private_key|auth_params|key_value|webhook",
    re.IGNORECASE,
)

# The server itself waits some seconds for an engine before it answers so.
STARTING: Final = 429
NOT_UNDERSTOOD: Final = 400
AWAKE_TRIES: Final = 5

# Kinds whose objects SQL names: they share one space of names.
SHARED: Final = ("streams", "external_streams", "external_tables", "views")

Action = Literal["create", "change", "keep", "refuse"]


class Step(msgspec.Struct, frozen=True):
    """What one object needs: `reason` says why a step is refused."""

    action: Action
    kind: Kind[Any]
    new: Entry
    old: Existing[Any] | None = None
    reason: str = ""

    @property
    def title(self) -> str:
        """Kind and name."""
        return f"{SECTIONS[self.kind.section]} {self.new.name}"

    def take(self, client: Client) -> None:
        """Do it; ClientError when the server refuses."""
        if self.action == "create":
            self.kind.create(client, self.new)
        elif self.action == "change" and self.old is not None:
            self.kind.change(client, self.old, self.new)

    def difference(self) -> list[str]:
        """Lines of the YAML that go (`-`) and that come (`+`) with a change; secrets are masked."""
        assert self.old is not None
        before = self.old.entry
        after = _masked(said(self.new), [p for p, v in _leaves(before) if v == MASK])
        old = yaml_file.dump(said(before)).splitlines()
        new = yaml_file.dump(after).splitlines()
        lines = list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]
        return [line for line in lines if not line.startswith("@@")]


class Plan(msgspec.Struct, frozen=True):
    """Steps in an order in which each finds what it needs, and what the file does not name.

    `unsent` counts the secrets of the file that stand where the server has one, and that it cannot
    be asked about.
    """

    steps: list[Step]
    left: list[str]
    unsent: int


def workspace(client: Client) -> Definitions:
    """All definitions of a workspace, each kind in its order."""
    awake(client)
    found: dict[str, Any] = {}
    for kind in KINDS:
        entries = sorted(
            (each.entry for each in kind.read(client)),
            key=lambda entry: (entry.name, msgspec.json.encode(entry)),
        )
        found[kind.section] = in_order(entries)
    return Definitions(version=VERSION, **found)


def awake(client: Client) -> None:
    """Wait for the engine of a workspace that nobody has asked for a while; ClientError."""
    from controlplane.client import ApiError

    for _ in range(AWAKE_TRIES):
        try:
            client.queries.format("select 1")
            return
        except ApiError as error:
            if error.status != STARTING:
                raise
    client.queries.format("select 1")


def plan(client: Client, wanted: Definitions, *, send_secrets: bool) -> Plan:
    """Compare; ClientError when the workspace cannot be read."""
    awake(client)
    steps: list[Step] = []
    left: list[str] = []
    unsent = 0
    found = {kind.section: kind.read(client) for kind in KINDS}
    taken = _taken(found)
    for kind in KINDS:
        there = found[kind.section]
        entries: list[Entry] = in_order(getattr(wanted, kind.section))
        pairs, others = _paired(entries, there)
        left += [f"{SECTIONS[kind.section]} {each.entry.name}" for each in others]
        for new, old in pairs:
            other = taken.setdefault(new.name, kind.section) if kind.section in SHARED else ""
            if other not in ("", kind.section):
                reason = f"there is {a_kind(other)} of this name, and only one object can have it"
                steps.append(Step("refuse", kind, new, old, reason))
                continue
            hidden, step = _step(client, kind, new, old, send_secrets=send_secrets)
            unsent += hidden
            steps.append(step)
    return Plan(steps, left, unsent)


def _taken(found: dict[str, list[Existing[Any]]]) -> dict[str, str]:
    """Names that only one object can have, with the kind that has each."""
    return {each.entry.name: section for section in SHARED for each in found[section]}


def a_kind(section: str) -> str:
    """A kind with its article."""
    word = SECTIONS[section]
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _paired(
    entries: list[E], there: list[Existing[E]]
) -> tuple[list[tuple[E, Existing[E] | None]], list[Existing[E]]]:
    """Entries with the objects of their names; of several of one name equal ones go together."""
    left = list(there)
    found: dict[int, Existing[E]] = {}
    for alike in (_equal, _namesakes):
        for at, entry in enumerate(entries):
            same = next((each for each in left if at not in found and alike(each, entry)), None)
            if same is not None:
                left.remove(same)
                found[at] = same
    return [(entry, found.get(at)) for at, entry in enumerate(entries)], left


def _equal(old: Existing[Any], new: Entry) -> bool:
    return old.entry == new


def _namesakes(old: Existing[Any], new: Entry) -> bool:
    return old.entry.name == new.name


def _step(
    client: Client, kind: Kind[Any], new: Entry, old: Existing[Any] | None, *, send_secrets: bool
) -> tuple[int, Step]:
    """Secrets that were not compared, and the step of one entry."""
    new = _sorted(new)
    try:
        if old is None:
            _refuse_masks(new, set())
            _canonical(client, kind, new)
            return 0, Step("create", kind, new)
        new = kind.adopt(old, new)
        hidden, compared = _compared(new, old.entry)
        if compared != old.entry:
            new, compared = (_canonical(client, kind, each) for each in (new, compared))
        if compared == old.entry and not (send_secrets and hidden):
            return hidden, Step("keep", kind, new, old)
        _refuse_masks(new, {path for path, value in _leaves(old.entry) if value == MASK})
        kind.refuse(old, new)
        return 0, Step("change", kind, new, old)
    except CannotChange as error:
        return 0, Step("refuse", kind, new, old, str(error))


def _canonical(client: Client, kind: Kind[Any], entry: Entry) -> Entry:
    """The entry as the server would show it; CannotChange when it does not understand it."""
    from controlplane.client import ApiError

    try:
        return kind.canonical(client, entry)
    except ApiError as error:
        if error.status != NOT_UNDERSTOOD:
            raise
        raise CannotChange(str(error).rstrip(".")) from None


def _refuse_masks(new: Entry, stored: set[str]) -> None:
    """CannotChange for a mask without a stored value that it could keep."""
    for path, value in _leaves(new):
        if value == MASK and path not in stored:
            raise CannotChange(
                f"its field {path} is {MASK}, and there is no stored value to keep: write the "
                "secret into the file"
            )


def _compared(new: Entry, old: Entry) -> tuple[int, Entry]:
    """How many secrets stand where the server shows a mask, and the entry with masks there."""
    masks = {path for path, value in _leaves(old) if value == MASK}
    hidden = [path for path, value in _leaves(new) if path in masks and value != MASK]
    if not hidden:
        return 0, new
    fields: dict[str, Any] = msgspec.to_builtins(new)
    return len(hidden), msgspec.convert(_with_masks(fields, hidden), type(new))


def _with_masks(value: Any, paths: list[str], prefix: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _with_masks(each, paths, f"{prefix}{key}.") for key, each in value.items()}
    return MASK if prefix.rstrip(".") in paths else value


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths and values of what is in no list."""
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{prefix}{key}.")
    else:
        yield prefix.rstrip("."), value


def _sorted(entry: E) -> E:
    """With free properties in the order of an export."""
    fields: dict[str, Any] = msgspec.to_builtins(entry)
    for name in ("properties", "panels"):
        if name in fields:
            fields[name] = sorted_keys(fields[name])
    return msgspec.convert(fields, type(entry))


def _masked(value: Any, paths: list[str], prefix: str = "") -> Any:
    """As it may be shown: a secret of the file is `******`, as one of the server is."""
    if isinstance(value, dict):
        return {key: _masked(each, paths, f"{prefix}{key}.") for key, each in value.items()}
    path = prefix.rstrip(".")
    secret = path in paths or ("." in path and _SECRET.search(path.rpartition(".")[2]))
    return MASK if secret and value else value
