"""Calls, imports and handlers that belong in one place only."""

from __future__ import annotations

import ast
from functools import lru_cache

import pytest

from tests.tidy.sources import Source, dotted, imports, product

# Prefix of a dotted name -> where it may be used.
CALLS: dict[str, tuple[str, ...]] = {
    "time.time": ("engine/clock.py",),
    "time.time_ns": ("engine/clock.py",),
    "time.monotonic": ("engine/clock.py",),
    "datetime.now": ("engine/clock.py",),
    "datetime.utcnow": ("engine/clock.py",),
    "datetime.today": ("engine/clock.py",),
    "date.today": ("engine/clock.py",),
    "datetime.datetime.now": ("engine/clock.py",),
    "datetime.datetime.utcnow": ("engine/clock.py",),
    "datetime.date.today": ("engine/clock.py",),
    "random": ("engine/clock.py",),
    "np.random": (),
    "numpy.random": (),
    "uuid.uuid1": ("engine/clock.py",),
    "uuid.uuid4": ("engine/clock.py",),
    "os.urandom": (),
    # The function process empties its own; the start says how many threads libraries of C get.
    "os.environ": (
        "controlplane/settings.py",
        "engine/launch.py",
        "engine/udf/function_process.py",
    ),
    "os.getenv": ("controlplane/settings.py",),
    "print": ("controlplane/cli.py", "controlplane/commands"),
    "eval": (),
    "exec": ("engine/udf/function_process.py",),  # users' functions, in their own process
}

# A generator of its own, seeded by the clock's `seed`, is as repeatable as the clock.
SEEDED = ("random.Random",)

# Module -> where it may be imported.
IMPORTS: dict[str, tuple[str, ...]] = {
    "duckdb": ("engine/duck.py",),
    "sqlalchemy": ("controlplane/db",),
    "alembic": ("controlplane/db",),
    # Keys and salts need the system's generator; no seeded clock may stand in for it.
    "secrets": (
        "controlplane/auth.py",
        "controlplane/services/secrets.py",
        "controlplane/services/access.py",
    ),
    "pickle": ("engine/udf/function_process.py",),  # states of its own functions
    "multiprocessing": (),
}

# `connectors` know these of the engine and nothing else.
CONNECTOR_LEAVES = (
    *("batch", "calls", "clock", "dead_letter", "errors", "limits", "protocol", "remote"),
    *("source_appends", "table_calls"),
    "external_objects",
    "secret_settings",
)

# Supervised loops where any error must be turned into a state: file -> how many.
BROAD_HANDLERS: dict[str, int] = {
    "connectors/call_service.py": 1,  # a call's failure is its answer
    "engine/desk.py": 1,  # the same
    "connectors/host.py": 1,  # a request's failure is that request's answer
    "connectors/kafka_unpacking.py": 1,  # raised behind the records before what cannot be unpacked
    "connectors/delivery.py": 1,  # one row's failure is its dead letter
    "connectors/supervised.py": 1,  # one connector's failure is its status, not the process's
    "controlplane/commands/ingest.py": 1,  # the reader thread's error is raised by the main thread
    "controlplane/front.py": 1,  # the last frame: everything becomes an error body
    "engine/bounded.py": 1,  # whatever a bounded query raises is its reader's last frame
    "engine/checkpointing.py": 1,  # one query's checkpoint is not the others'
    "engine/flow.py": 1,  # a step outside of any query must not end the flow
    "engine/catchup.py": 1,  # one query's failure is not the others'
    "engine/lives.py": 1,  # a failed build gives back what it took
    "engine/replay.py": 1,  # a failing step ends its query alone
    "engine/handover.py": 1,  # a failure is handed to its caller
    "engine/host.py": 1,  # a request's failure is that request's answer
    "engine/derived.py": 1,  # what a rule meets refuses its append and no other
    "engine/ingestor.py": 3,  # one bad body must not end the decoding thread
    "engine/log/commitlog.py": 1,  # one listener's error is not the others'
    "engine/log/writer.py": 4,  # the only writer must outlive any action
    "engine/maintenance.py": 1,  # background work is tried again after a while
    "engine/running.py": 6,  # one query's failure is not the others'
    "engine/storage.py": 1,  # one listener's error is not the others'
    "engine/timeseries/apis.py": 1,  # whoever waits for the streams is answered
    "engine/udf/function_process.py": 1,  # whatever a user's function raises is its failure
    "engine/worker_main.py": 1,  # whatever a statement raises is that statement's failure
}

BUILTINS = ("print", "eval", "exec")


@lru_cache(maxsize=1)
def nodes() -> tuple[tuple[Source, tuple[ast.AST, ...]], ...]:
    """All nodes of each file: a walk takes longer than a rule does with what it finds."""
    return tuple((source, tuple(ast.walk(source.tree))) for source in product())


@lru_cache(maxsize=1)
def uses() -> tuple[tuple[Source, str, int], ...]:
    """Dotted names that files use, the longest of each chain, with lines."""
    found: list[tuple[Source, str, int]] = []
    for source, walked in nodes():
        inner = {id(n.value) for n in walked if isinstance(n, ast.Attribute)}
        for node in walked:
            if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner:
                name = dotted(node)
                if name:
                    found.append((source, name, node.lineno))
    return tuple(found)


@lru_cache(maxsize=1)
def imported() -> tuple[tuple[Source, str, int], ...]:
    """Modules and names that files import, with lines."""
    return tuple((s, name, line) for s in product() for name, line in imports(s.tree))


@lru_cache
def names_of(source: Source) -> frozenset[str]:
    """Names that a file imports, as it calls them."""
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return frozenset(found)


def below(name: str, banned: str) -> bool:
    """Whether a dotted name is the banned one or a part of it."""
    return name == banned or name.startswith(banned + ".")


@pytest.mark.parametrize("banned", CALLS)
def test_calls_stay_in_their_place(banned: str) -> None:
    found = [
        f"{source.path}:{line} {name}"
        for source, name, line in uses()
        if below(name, banned) and name not in SEEDED and not source.within(*CALLS[banned])
        if banned in BUILTINS or name.split(".")[0] in names_of(source)
    ]
    assert found == []


@pytest.mark.parametrize("banned", IMPORTS)
def test_imports_stay_in_their_place(banned: str) -> None:
    found = {
        f"{source.path}:{line}"
        for source, name, line in imported()
        if below(name, banned) and not source.within(*IMPORTS[banned])
    }
    assert found == set()


def test_connectors_know_only_the_leaves_of_the_engine() -> None:
    found = {
        f"{source.path}:{line} {name}"
        for source, name, line in imported()
        if source.within("connectors")
        and name.startswith("engine.")
        and name.split(".")[1] not in CONNECTOR_LEAVES
    }
    assert found == set()


def broad(node: ast.AST) -> bool:
    """A handler that catches everything."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    # One that always raises again hides nothing.
    last = node.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    return any(k is None or dotted(k) in ("Exception", "BaseException") for k in kinds)


def test_broad_handlers_are_on_the_list() -> None:
    found: dict[str, int] = {}
    for source, walked in nodes():
        count = sum(broad(node) for node in walked)
        if count:
            found[source.path] = count
    assert found == BROAD_HANDLERS


def test_nothing_is_left_for_later() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK", "raise " + "NotImplemented")
    found = [
        f"{source.path}:{number}"
        for source in product()
        for number, line in enumerate(source.text.splitlines(), 1)
        if any(word in line for word in words)
    ]
    assert found == []
