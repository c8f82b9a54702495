"""Which parts of the official Python client tests have used: lists them, records the calls."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import swagger_client.timeplus
import timeplus
from timeplus import dbapi

# Methods of an object that its user calls without naming them.
UNNAMED = frozenset(("__init__", "__iter__", "__next__", "__enter__", "__exit__"))

# Which test module uses which classes and functions; each proves it when it ends.
PARTS = {
    "test_timeplus_client": (
        "Environment Stream Query View Topology Connection Cursor TimeplusAPIError "
        "dbapi.connect dbapi.apply_parameters dbapi.escape"
    ),
    "test_timeplus_dialect": "TimeplusDialect TimeplusTypeCompiler",
    "test_timeplus_definitions": (
        "ExternalStream Schema Dashboard UDF ExternalStreamsV1beta2Api ExternalTablesV1beta2Api "
        "SchemasV1beta2Api DashboardsV1beta2Api SavedQueriesV1beta2Api UDFsV1beta2Api"
    ),
    "test_timeplus_objects": (
        "Source Sink Alert SourcesV1beta2Api SinksV1beta2Api AlertsV1beta2Api "
        "StreamsV1beta2Api ViewsV1beta2Api QueriesV1beta2Api TopologyV1beta2Api MetricsV1beta2Api "
        "APIKeysV1beta2Api InvitationsV1beta2Api WorkspaceV1beta2Api WorkspacesV1beta2Api "
        "SubscriptionV1beta2Api LicenseV1beta2Api MiscApi"
    ),
}

# What cannot succeed against any server, or not against one that follows the contract, or not
# without a service beside it. Each is called by a test that expects just this.
REFUSED = {
    "Source.update": "sends the id as the body and the body as the id",
    "Sink.update": "sends the id as the body and the body as the id",
    "SourcesV1beta2Api.v1beta2_source_kafka_topics_post": "names topics only of a running Kafka",
    "Cursor.executemany": "always raises: executemany is not supported",
    "UDFsV1beta2Api.v1beta2_udfs_name_put": "takes no name: sends {name} itself in the path",
    "SchemasV1beta2Api.v1beta2_schemas_name_put": "takes no name: sends {name} itself in the path",
    "WorkspacesV1beta2Api.destroy_post": "not in the contract: a workspace is deleted by its name",
    "LicenseV1beta2Api.v1beta2_licenses_get": "not in the contract: there are no licences",
    "LicenseV1beta2Api.v1beta2_licenses_post": "not in the contract: there are no licences",
    "LicenseV1beta2Api.v1beta2_licenses_id_get": "not in the contract: there are no licences",
    "LicenseV1beta2Api.v1beta2_licenses_id_delete": "not in the contract: there are no licences",
}

# Names that nothing can be called on.
PLAIN = {
    "Type": "an enumeration; test_timeplus_client makes a column of each member",
    "TimeplusSQLCompiler": "adds nothing to its base; test_timeplus_dialect compiles with it",
    "dbapi.check_closed": "a decorator that ran when the package was imported",
    "dbapi.check_result": "a decorator that ran when the package was imported",
    **dict.fromkeys(
        [
            "Error",
            "Warning",
            "InterfaceError",
            "DatabaseError",
            "InternalError",
            "OperationalError",
            "ProgrammingError",
            "IntegrityError",
            "DataError",
            "NotSupportedError",
        ],
        "a name of PEP 249; test_timeplus_client raises Error, the client raises no other",
    ),
}


def _modules() -> Iterator[ModuleType]:
    for package in (timeplus, swagger_client.timeplus):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def _classes() -> Iterator[type]:
    for module in _modules():
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == module.__name__:
                yield value


def _functions() -> Iterator[str]:
    for name, value in vars(dbapi).items():
        if inspect.isfunction(value) and value.__module__ == dbapi.__name__:
            yield name


def _methods(owner: type) -> Iterator[str]:
    """The generated twins of each operation (`..._with_http_info`) are what the others call."""
    for name, value in vars(owner).items():
        shown = name in UNNAMED or not name.startswith("_")
        called = inspect.isfunction(value) or isinstance(value, classmethod | property)
        if shown and called and not name.endswith("_with_http_info"):
            yield name


def everything() -> dict[str, set[str]]:
    """What a user of the client can call: of each class and function the names of its calls."""
    calls = {
        owner.__name__: {f"{owner.__name__}.{name}" for name in _methods(owner)}
        for owner in _classes()
        if not issubclass(owner, type(timeplus.Type.Bool))
    }
    named = {owner: made for owner, made in calls.items() if made}
    bare = {owner: {owner} for owner in (*(calls.keys() - named.keys()), "Type")}
    return named | bare | {f"dbapi.{name}": {f"dbapi.{name}"} for name in _functions()}


def expected(module: str) -> set[str]:
    """The calls that a test module must make with success."""
    calls = everything()
    return set().union(*(calls[part] for part in PARTS[module].split())) - REFUSED.keys()


@contextlib.contextmanager
def recording() -> Iterator[set[str]]:
    """The names of all calls that returned, as they are made."""
    made: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        for owner in _classes():
            for name in _methods(owner):
                label = f"{owner.__name__}.{name}"
                patch.setattr(owner, name, _recorded(vars(owner)[name], label, made))
        for name in _functions():
            function = _returning(getattr(dbapi, name), f"dbapi.{name}", made)
            patch.setattr(dbapi, name, function)
        yield made


def check(made: set[str], request: pytest.FixtureRequest) -> None:
    """Fail with the names of the calls that this module owes, if all of its tests ran."""
    tests = {name for name in vars(request.module) if name.startswith("test_")}
    items = [item for item in request.session.items if item.path == request.path]
    if tests - {getattr(item, "originalname", item.name) for item in items}:
        pytest.skip("only some of the tests of this module were asked for")
    missing = expected(request.path.stem) - made
    assert not missing, f"never called with success: {sorted(missing)}"


def _recorded(member: Any, label: str, made: set[str]) -> Any:
    if isinstance(member, property):
        assert member.fget is not None
        return property(_returning(member.fget, label, made))
    if isinstance(member, classmethod):
        return classmethod(_returning(member.__func__, label, made))
    return _returning(member, label, made)


def _returning(function: Callable[..., Any], label: str, made: set[str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        result = function(*args, **named)
        made.add(label)
        return result

    return call
