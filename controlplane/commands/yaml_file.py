"""Definitions as YAML: written so that small changes make small differences, read strictly."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import yaml

from controlplane.commands.entries import SECTIONS, VERSION, Definitions, Entry, said

BYTES_MAX: Final = 64 << 20
# Sections whose objects are told apart by their names; of the others several may share one.
UNIQUE: Final = frozenset(SECTIONS) - {"alerts", "saved_queries", "dashboards"}


class BadFile(ValueError):
    """A file that cannot be used; the text says where and why."""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stand as they are; nothing is folded and nothing refers back."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(str, _text)


class _Loader(yaml.SafeLoader):
    """Plain words are texts unless they are numbers, true, false or null: `on` and dates are not
    turned into something else."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping; BadFile for a key that stands twice."""
        found: set[Any] = set()
        for key, _ in node.value:
            name = getattr(key, "value", "")
            if str(name) in found:
                line = key.start_mark.line + 1
                raise BadFile(f"line {line}: the key {name!r} stands twice")
            found.add(str(name))
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", "n~\0"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(f"^(?:{_pattern})$"),
        ["" if c == "\0" else c for c in _first],
    )


def dump(value: object) -> str:
    """A value as YAML."""
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 20, indent=2
    )


def text_of(definitions: Definitions) -> str:
    """The whole file."""
    return "# Definitions of a Tailrace workspace; `tailrace apply` puts them into one.\n" + dump(
        said(definitions)
    )


def mapping(text: str) -> dict[str, Any]:
    """A YAML (or JSON) object; BadFile."""
    content = _content(text)
    if not isinstance(content, dict):
        raise BadFile("it is not a mapping of fields to values")
    return content


def read(text: str) -> Definitions:
    """The definitions of a file; BadFile names the place."""
    content = _content(text)
    if not isinstance(content, dict):
        raise BadFile("it is not a mapping with sections such as streams and views")
    if content.get("version") != VERSION:
        raise BadFile(f"it begins with 'version: {VERSION}', which is missing or another number")
    try:
        definitions = msgspec.convert(content, Definitions)
    except msgspec.ValidationError as error:
        raise BadFile(_place(str(error), content)) from None
    for section in UNIQUE:
        entries: list[Entry] = getattr(definitions, section)
        names = [entry.name for entry in entries]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise BadFile(f"the {SECTIONS[section]} '{twice}' stands twice")
    return definitions


def _content(text: str) -> Any:
    if len(text) > BYTES_MAX:
        raise BadFile(f"it is larger than {BYTES_MAX >> 20} MiB")
    try:
        return yaml.load(text, Loader=_Loader)  # the loader is a safe one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise BadFile(f"{where}it is not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, BadFile):
            raise
        raise BadFile(f"it is not YAML: {' '.join(str(error).split())}") from None


def _place(message: str, content: dict[Any, Any]) -> str:
    """A refusal with the object's name in place of its number: `$.streams[0]`."""
    reason, _, path = message.partition(" - at `")
    found = re.match(r"\$\.(\w+)\[(\d+)\](.*)`", path)
    if not found:
        return f"{reason} ({path.rstrip('`')})" if path else reason
    named: Any = content[found[1]][int(found[2])]
    name = named.get("name", f"number {int(found[2]) + 1}") if isinstance(named, dict) else ""
    field = f", field {found[3].lstrip('.')}" if found[3] else ""
    return f"{SECTIONS.get(found[1], found[1])} '{name}'{field}: {reason}"
