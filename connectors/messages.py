"""What the messages of remote systems hold: the property that says it, and their format."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from engine.source_appends import SourceFormat

DataType = Annotated[
    Literal["json", "text"],
    msgspec.Meta(
        title="Data type",
        description="json: the keys of each message fill the columns of that name; text: the "
        "message fills the column raw.",
    ),
]

FORMATS: Final[dict[str, SourceFormat]] = {"json": "streaming", "text": "lines"}
