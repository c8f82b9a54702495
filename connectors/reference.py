"""Produces the tables of properties on the pages docs/connectors, from the types' JSON Schema.

`python -m connectors.reference` writes them anew, between the lines that mark them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from connectors import registry

PAGES: Final = Path(__file__).parents[1] / "docs" / "connectors"
_BLOCK: Final = re.compile(
    r"(<!-- properties: (source|sink) (\w+) -->\n)(.*?)(<!-- end of properties -->)", re.S
)


def table(kind: str, name: str) -> str:
    """The properties of a type as a Markdown table; those of `tls` as `tls.disable` and so on."""
    spec = registry.source(name) if kind == "source" else registry.sink(name)
    lines = ["| property | default | meaning |", "|---|---|---|"]
    lines += _rows(registry.describe(spec).schema, "")
    return "\n".join(lines) + "\n"


def _rows(schema: dict[str, Any], prefix: str) -> list[str]:
    required = schema.get("required", [])
    lines: list[str] = []
    # What must be given comes first.
    for name, given in sorted(schema["properties"].items(), key=lambda p: p[0] not in required):
        if "properties" in given:
            lines += _rows(given, f"{prefix}{name}.")
            continue
        default = "required" if name in required else _default(given)
        lines.append(f"| `{prefix}{name}` | {default} | {_meaning(given)} |")
    return lines


def _default(given: dict[str, Any]) -> str:
    default = given.get("default")
    if default is None or default in ("", [], {}):
        return "none"
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default)}`"


def _meaning(given: dict[str, Any]) -> str:
    """What it says of itself, then what it may be."""
    parts = [given.get("description", "").rstrip(".")]
    if given.get("writeOnly"):
        parts.append("secret")
    if "enum" in given:
        parts.append("one of " + ", ".join(f"`{value}`" for value in given["enum"]))
    low, high = given.get("minimum"), given.get("maximum")
    if low is not None and high is not None:
        parts.append(f"from {low:,} to {high:,}")
    return "; ".join(part for part in parts if part).replace("|", "\\|")


def renewed(page: str) -> str:
    """A page with its tables as they are to be."""
    return _BLOCK.sub(
        lambda found: found[1] + "\n" + table(found[2], found[3]) + "\n" + found[5], page
    )


def described(page: str) -> set[tuple[str, str]]:
    """Kind and name of the types whose table a page has."""
    return {(found[2], found[3]) for found in _BLOCK.finditer(page)}


def main() -> None:
    """Write all pages anew."""
    for path in sorted(PAGES.glob("*.md")):
        page = path.read_text("utf-8")
        path.write_text(renewed(page), "utf-8")


if __name__ == "__main__":
    main()
