"""Parameters and example bodies of the time-series APIs that their handlers do not declare."""

from __future__ import annotations

from typing import Any, Final

CHANNEL: Final = "5b1f0f6e-3c7a-4f0e-9d52-0a9f6f2f4a11"
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer"}
_SWITCH: Final = {"type": "boolean"}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_BY_COLUMN: Final = {"type": "object", "additionalProperties": _TEXT}
# Name -> schema, example; those with a schema of _BY_COLUMN are sent as `min[COLUMN]=1`.
KRONICLE: Final[dict[str, tuple[dict[str, Any], Any]]] = {
    "name": (_TEXT, "lab"),
    "tag_key": (_TEXT, "room"),
    "tag_value": (_TEXT, "12"),
    "tags": (_TEXTS, ["room:12"]),
    "metadata": (_TEXT, "site:north"),
    "from_date": (_TEXT, "2025-01-01T00:00:00Z"),
    "to_date": (_TEXT, "2025-02-01T00:00:00Z"),
    "min": (_BY_COLUMN, {"temperature": "20"}),
    "max": (_BY_COLUMN, {"temperature": "30"}),
    "col": (_BY_COLUMN, {"state": "ok"}),
    "any": (_BY_COLUMN, {"state": "ok,warm"}),
    "has": (_BY_COLUMN, {"flags": "a,b"}),
    "sort": (_TEXT, "-time"),
    "limit": (_NUMBER, 100),
    "offset": (_NUMBER, 0),
    "columns": (_TEXT, "temperature"),
    "skip_received": (_SWITCH, True),
    "strict": (_SWITCH, False),
    "force": (_SWITCH, False),
}
LIST: Final = ("name", "tag_key", "tag_value", "tags", "metadata")
ROWS: Final = (
    "from_date", "to_date", "min", "max", "col", "any", "has", "sort", "limit", "offset",
    "columns", "skip_received", "strict",
)  # fmt: skip
# Undeclared query parameters by operation.
PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    **{f"kronicle{group}Channels": LIST for group in ("Api", "Data", "Setup")},
    **{f"kronicle{group}Rows": ROWS for group in ("Api", "Data", "Setup")},
    **{f"kronicle{group}Columns": ROWS for group in ("Api", "Data", "Setup")},
    "kronicleDeleteRows": ROWS,
    "kronicleDelete": ("force",),
    "kronicleWrite": ("strict",),
    "kronicleDataAppendRows": ("strict",),
    "kronicleSetupAppendRows": ("strict",),
}
# Of declared ones that no operation of v1beta2 has.
EXAMPLES: Final[dict[str, Any]] = {
    "all_versions": "false",
    "email": "ann@example.com",
    "end_known": "2025-01-03T00:00:00Z",
    "end_valid": "2025-01-02T00:00:00Z",
    "label_key": "site",
    "labels": '{"site": "north"}',
    "mode": "flat",
    "offset": 0,
    "orcid": "0000-0002-1825-0097",
    "series_id": "1",
    "start_known": "2025-01-01T00:00:00Z",
    "start_valid": "2025-01-01T00:00:00Z",
    "unit": "MW",
    "versions": "false",
}
NAMES: Final = {"Kronicle": "lab", "TimeDB": "wind_power"}
# Query parameters that a handler takes as they are and refuses itself when they are missing.
NEEDED: Final = {"timedbLabels": "label_key"}
_CHANNEL: Final[dict[str, Any]] = {
    "channel_id": CHANNEL,
    "channel_schema": {"time": "datetime", "temperature": "float"},
    "channel_name": "lab",
    "tags": {"room": "12"},
}
_ROWS: Final = {"rows": [{"time": "2025-01-01T00:00:00Z", "temperature": 21.5}]}
_VALUE: Final = {"valid_time": "2025-01-01T12:00:00Z", "value": 12.5}
_RUN: Final[dict[str, Any]] = {
    "run_start_time": "2025-01-01T00:00:00Z",
    "value_rows": [{**_VALUE, "value_key": "wind_power"}],
}
_PASSWORD: Final = "correct horse"
BODIES: Final[dict[str, Any]] = {
    "kronicleLogin": {"login": "admin", "password": _PASSWORD},
    "kronicleChangePassword": {
        "login": "admin",
        "password": _PASSWORD,
        "new_password": f"{_PASSWORD} battery",
        "confirm_password": f"{_PASSWORD} battery",
    },
    "kronicleWrite": {**_CHANNEL, **_ROWS},
    "kronicleDataAppendRows": _ROWS,
    "kronicleSetupAppendRows": _ROWS,
    "kronicleCreate": _CHANNEL,
    "kronicleReplace": _CHANNEL,
    "kronicleReplaceOne": _CHANNEL,
    "kronicleMerge": {"tags": {"room": "13"}},
    "kronicleClone": {"channel_name": "lab_copy"},
    "kronicleDeleteMany": {"channel_ids": [CHANNEL]},
    "kronicleCreateUser": {"name": "ann", "email": "ann@example.com", "password": _PASSWORD},
    "kronicleUpdateUser": {"name": "ann", "orcid": "0000-0002-1825-0097"},
    "kronicleDeleteUser": {"name": "ann"},
    "timedbCreateSeries": {"name": "wind_power", "unit": "MW", "labels": {"site": "north"}},
    "timedbUpload": _RUN,
    "timedbCreateRun": _RUN,
    "timedbInsertValues": {"name": "wind_power", "data": [_VALUE]},
    "timedbUpdateValues": {
        "updates": [{**_VALUE, "series_id": 1, "annotation": "meter was off"}],
    },
    "sendOpenSynapticFacts": {
        "facts": [
            {
                "id": "SENSOR_NODE_01",
                "s": "ONLINE",
                "t": 1712000500,
                "s1_id": "TEMP",
                "s1_s": "OK",
                "s1_u": "Cel",
                "s1_v": 22.5,
            }
        ]
    },
}
