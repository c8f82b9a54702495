"""What roles and keys may do: groups, roles, and one table of operation -> permission."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from controlplane import problems

GROUPS: Final = (
    "stream", "view", "query", "savedquery", "source", "sink", "alert", "dashboard", "external",
    "schema", "udf", "key", "user", "workspace",
)  # fmt: skip
ALL: Final = frozenset(f"{verb}:{group}" for verb in ("read", "write") for group in GROUPS)
PERMISSION: Final = re.compile(r"(read|write):([a-z]+|\*)")

# As a key's `permissions` write them; `expand` makes them single permissions.
ROLES: Final[dict[str, tuple[str, ...]]] = {
    "admin": ("read:*", "write:*"),
    "writer": (
        "read:*", "write:dashboard", "write:key", "write:query", "write:savedquery", "write:stream",
    ),
    "read_only": ("read:*", "write:key", "write:query"),
}  # fmt: skip
ROLE_ALIASES: Final = {"reader": "read_only"}

# Every operation of the API; one that is not here is refused. write:query is to run statements,
# whose class decides further (`Principal.statement_classes`); so does the owner of an object.
OPERATIONS: Final[dict[str, str]] = {
    "listStreams": "read:stream",
    "createStream": "write:stream",
    "getStream": "read:stream",
    "updateStream": "write:stream",
    "deleteStream": "write:stream",
    "ingestStream": "write:stream",
    "ingestProton": "write:stream",
    "ingestTimeplusd": "write:stream",
    "getStreamStats": "read:stream",
    "listViews": "read:view",
    "createView": "write:view",
    "getView": "read:view",
    "updateView": "write:view",
    "deleteView": "write:view",
    "getViewStats": "read:view",
    "listMaterializedViews": "read:view",
    "getMaterializedView": "read:view",
    "deleteMaterializedView": "write:view",
    "pauseMaterializedView": "write:view",
    "resumeMaterializedView": "write:view",
    "recoverMaterializedView": "write:view",
    "getMaterializedViewStats": "read:view",
    "listQueries": "read:query",
    "createQuery": "write:query",
    "getQuery": "read:query",
    "deleteQuery": "write:query",
    "cancelQuery": "write:query",
    "getQueryPipeline": "read:query",
    "executeDDL": "write:query",
    "execute": "write:query",
    "formatSQL": "read:query",
    "analyzeSQL": "read:query",
    "listSavedQueries": "read:savedquery",
    "createSavedQuery": "write:savedquery",
    "getSavedQuery": "read:savedquery",
    "updateSavedQuery": "write:savedquery",
    "deleteSavedQuery": "write:savedquery",
    "listSources": "read:source",
    "createSource": "write:source",
    "getSource": "read:source",
    "updateSource": "write:source",
    "patchSource": "write:source",
    "deleteSource": "write:source",
    "startSource": "write:source",
    "stopSource": "write:source",
    "replaySourceLetters": "write:source",
    "checkSource": "write:source",
    "suggestForSource": "write:source",
    "getSourceStats": "read:source",
    "getSourceLogs": "read:source",
    "previewSource": "write:source",
    "inferSource": "read:source",
    "matchSource": "read:source",
    "listKafkaTopics": "write:source",
    "listSinks": "read:sink",
    "createSink": "write:sink",
    "getSink": "read:sink",
    "updateSink": "write:sink",
    "patchSink": "write:sink",
    "deleteSink": "write:sink",
    "startSink": "write:sink",
    "stopSink": "write:sink",
    "replaySinkLetters": "write:sink",
    "checkSink": "write:sink",
    "sendTestRow": "write:sink",
    "suggestForSink": "write:sink",
    "getSinkStats": "read:sink",
    "getSinkLogs": "read:sink",
    "listAlerts": "read:alert",
    "createAlert": "write:alert",
    "testAlert": "write:alert",
    "sendTestMessage": "write:alert",
    "getAlert": "read:alert",
    "updateAlert": "write:alert",
    "deleteAlert": "write:alert",
    "resolveAlert": "write:alert",
    "startAlert": "write:alert",
    "stopAlert": "write:alert",
    "listDashboards": "read:dashboard",
    "createDashboard": "write:dashboard",
    "getDashboard": "read:dashboard",
    "updateDashboard": "write:dashboard",
    "deleteDashboard": "write:dashboard",
    "listExternalStreams": "read:external",
    "createExternalStream": "write:external",
    "previewExternalStream": "write:external",
    "getExternalStream": "read:external",
    "deleteExternalStream": "write:external",
    "getExternalStreamStats": "read:external",
    "listExternalTables": "read:external",
    "createExternalTable": "write:external",
    "getExternalTable": "read:external",
    "deleteExternalTable": "write:external",
    "listSchemas": "read:schema",
    "createSchema": "write:schema",
    "getSchema": "read:schema",
    "updateSchema": "write:schema",
    "deleteSchema": "write:schema",
    "listUDFs": "read:udf",
    "createUDF": "write:udf",
    "getUDF": "read:udf",
    "updateUDF": "write:udf",
    "deleteUDF": "write:udf",
    "listAPIKeys": "read:key",
    "createAPIKey": "write:key",
    "deleteAPIKey": "write:key",
    "listRoles": "read:user",
    "listUsers": "read:user",
    "createUser": "write:user",
    "getUser": "read:user",
    "updateUser": "write:user",
    "deleteUser": "write:user",
    "listInvitations": "read:user",
    "createInvitation": "write:user",
    "deleteInvitation": "write:user",
    "getSession": "read:user",
    "logout": "read:user",
    "listAudit": "read:workspace",
    "getWorkspace": "read:workspace",
    "updateWorkspace": "write:workspace",
    "listWorkspaces": "read:workspace",
    "createWorkspace": "write:workspace",
    "deleteWorkspace": "write:workspace",
    "listDatabases": "read:workspace",
    "getSubscription": "read:workspace",
    "getTopology": "read:workspace",
    "getTopologyRates": "read:workspace",
    "diagnoseQuery": "read:query",
    "diagnoseMaterializedView": "read:view",
    "getCatalog": "read:query",
    "listConnectorTypes": "read:source",
    "getGlobalMetrics": "read:workspace",
    "getInfo": "read:workspace",
    "getMetrics": "read:workspace",
    "getWorkspaceMetrics": "read:workspace",
    "getSystem": "read:workspace",
    "getPermissions": "read:user",
}
# What a writer of the Kronicle API did who made or changed a channel together with its rows.
DEFINED_BY_WRITER: Final = "kronicleWriteChannel"
# Operations of the time-series APIs that change definitions, people or what was stored, for the
# audit trail; what they need is at their handlers. New rows are counted by metrics.
SERIES_CHANGES: Final = frozenset({
    "kronicleLogin", "kronicleChangePassword", "kronicleCreateUser", "kronicleUpdateUser",
    "kronicleDeleteUser", "kronicleCreate", "kronicleReplace", "kronicleReplaceOne",
    "kronicleMerge", "kronicleDelete", "kronicleDeleteRows", "kronicleClone",
    "kronicleDeleteMany", "timedbUpdateValues", DEFINED_BY_WRITER,
})  # fmt: skip
# Operations that a permission alone does not give: the caller's role must be admin too. A writer's
# write:stream is for rows, not for definitions.
ADMIN_OPERATIONS: Final = frozenset({
    "createStream", "updateStream", "deleteStream",
    "listInvitations", "createInvitation", "deleteInvitation", "listAudit",
    "listWorkspaces", "createWorkspace", "deleteWorkspace", "getSystem",
})  # fmt: skip
# What needs no credentials, or has them in its body.
OPEN_OPERATIONS: Final = frozenset({
    "getHealth", "getReadiness", "getDocs", "getDocsAsset", "getOpenAPI", "getRedoc", "login",
    "firstRun", "getBootstrap", "getConsole", "getConsoleFile", "getConsoleHealth",
})  # fmt: skip
# A definition in SQL may be of any of these, so that all are needed to run one.
SQL_DEFINITIONS: Final = ("stream", "view", "external", "schema", "udf")


def expand(permissions: Iterable[str]) -> frozenset[str]:
    """Single permissions of what a key or a role lists; unknown texts give nothing."""
    found: set[str] = set()
    for permission in permissions:
        verb, _, group = permission.partition(":")
        found |= {f"{verb}:{one}" for one in GROUPS} if group == "*" else {permission}
    return frozenset(found) & ALL


def compact(permissions: frozenset[str]) -> list[str]:
    """The shortest list that `expand` makes into `permissions`, sorted."""
    shown: list[str] = []
    for verb in ("read", "write"):
        mine = {permission for permission in permissions if permission.startswith(verb + ":")}
        shown += [f"{verb}:*"] if len(mine) == len(GROUPS) else sorted(mine)
    return shown


def role_permissions(role: str) -> frozenset[str]:
    """What a role may do; nothing for one that does not exist."""
    return _EXPANDED.get(role, frozenset())


_EXPANDED: Final = {role: expand(listed) for role, listed in ROLES.items()}


def normal_role(role: str) -> str:
    """The role's own name; 400 for an unknown one."""
    role = ROLE_ALIASES.get(role, role)
    if role not in ROLES:
        raise problems.bad_request(f"The role '{role[:64]}' is not one of {', '.join(ROLES)}.")
    return role


def narrowed(asked: list[str] | None, owners: frozenset[str]) -> frozenset[str]:
    """What a new key may do: all that its owner may, or the part asked for. 400 beyond it."""
    if asked is None:
        return owners
    if not asked:
        raise problems.bad_request(
            "permissions must not be empty; leave it out for all that its owner may do."
        )
    for permission in asked:
        found = PERMISSION.fullmatch(permission)
        if found is None or found[2] not in (*GROUPS, "*"):
            raise problems.bad_request(
                f"The permission '{permission[:64]}' is not read:GROUP or write:GROUP with a group "
                f"of {', '.join(GROUPS)} or *."
            )
        if not expand([permission]) <= owners:
            raise problems.bad_request(
                f"The permission '{permission}' is beyond what the maker of this key may do."
            )
    return expand(asked)
