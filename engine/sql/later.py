"""Statements of the dialect that this version does not run, and the way out where there is one."""

from __future__ import annotations

_REMOVE = "write DELETE FROM name WHERE condition"
_COMMIT = "each INSERT is stored whole or not at all by itself"
_ROLES = "the role of a user is set by PATCH /users/{name}"
_COPY = "copy the data folder while the server is stopped"
_VIEW = "CREATE OR REPLACE VIEW puts another query into a view"

# First words of statements.
STATEMENTS = {
    "ATTACH": "",
    "DETACH": "",
    "EXCHANGE": "RENAME STREAM a TO b gives one stream another name",
    "BACKUP": _COPY,
    "RESTORE": _COPY,
    "OPTIMIZE": "small files are joined by themselves",
    "REPLACE": _VIEW,
    "UPDATE": "a stream only grows: INSERT the new state as a row",
    "GRANT": _ROLES,
    "REVOKE": _ROLES,
    "SET": "write SETTINGS name = value at the end of the statement that it is for",
    "BEGIN": _COMMIT,
    "COMMIT": _COMMIT,
    "ROLLBACK": _COMMIT,
}
# What follows CREATE.
CREATED = {
    "DATABASE": "there is one database, default; a workspace keeps its streams apart",
    "DICTIONARY": "join with table() of a stream",
    "SCHEMA": "",
    "ALERT": "",
    "TASK": "",
    "USER": "users are created by POST /users",
    "ROLE": "",
    "INPUT": "",
}
# What follows ALTER STREAM name.
ALTERED = {
    "ADD": "columns can be added, dropped and renamed",
    "DROP": "columns can be added, dropped and renamed",
    "RENAME": "RENAME STREAM a TO b renames a stream, RENAME COLUMN a TO b a column",
    "MODIFY": "TTL, SETTING and COMMENT can be modified; a column of another type is a new one",
    "DELETE": _REMOVE,
}


def not_supported(what: str, way_out: str) -> str:
    """The message of a refusal with code 48."""
    return f"{what} is not supported" + (f": {way_out}" if way_out else "")
