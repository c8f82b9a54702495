"""Arrow's compute functions; made at import by pyarrow, so no checker can know their names."""

from __future__ import annotations

from typing import Any

import pyarrow.compute

pc: Any = pyarrow.compute
