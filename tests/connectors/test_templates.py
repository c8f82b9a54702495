"""Templates of sinks: what they become, and what is refused when a sink is made."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.row_json import ObjectWriter, decode_rows
from connectors.template import Template
from engine.errors import UserError
from engine.protocol import ResultColumn

NAMES = ("device", "n", "_tp_time", "größe")


def rendered(text: str, *values: object) -> str:
    raw = [msgspec.Raw(msgspec.json.encode(value)) for value in values]
    return Template(text, NAMES, "property 'template'").render(raw)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ .device }}", 'd"1'),
        ("{{.device}} {{  .n\t}}{{.n}}", 'd"1 55'),
        ("at {{ ._tp_time }}", "at 2026-01-01 00:00:00.000"),
        ('{"a":{"b":{{.n}}}}', '{"a":{"b":5}}'),
        ("{{.größe}} }} {", '[1,"x",null] }} {'),
    ],
)
def test_fields_are_replaced(text: str, shown: str) -> None:
    assert rendered(text, 'd"1', 5, "2026-01-01 00:00:00.000", [1, "x", None]) == shown


def test_values_are_json_unless_they_are_texts() -> None:
    for value, shown in ((None, "null"), (True, "true"), (1.5, "1.5"), ({"a": "b"}, '{"a":"b"}')):
        assert rendered("{{ .device }}", value) == shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ .other }}", ["'other'", "device, n, _tp_time"]),
        ("{{ device }}", ["{{ device", "{{ .device }}"]),
        ("{{ .a.b }}", ["{{ .a.b"]),
        ("{{- .device -}}", ["{{- .device"]),
        ("{{ if .n }}x{{ end }}", ["{{ if .n"]),
        ('{{ printf "%d" .n }}', ["printf"]),
        ("{{ . }}", ["{{ ."]),
        ("{{}}", ["{{"]),
        ("a {{ .device", ["{{ .device"]),
        ("{{ .1st }}", ["{{ .1st"]),
        ("x" * 70_000, ["longer than"]),
    ],
)
def test_anything_else_is_refused(text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        Template(text, NAMES, "property 'template'")
    assert (caught.value.code, caught.value.system) == (400, "orbit")
    assert "property 'template'" in caught.value.message
    for word in words:
        assert word in caught.value.message
    assert len(caught.value.message) < 300


def test_the_first_of_two_columns_of_a_name_is_used() -> None:
    template = Template("{{ .a }}", ("a", "a"), "template")
    assert template.render([msgspec.Raw(b"1"), msgspec.Raw(b"2")]) == "1"


@given(st.lists(st.text(alphabet="{} .ab\n", max_size=12), max_size=6))
def test_a_template_is_refused_or_has_no_field_left(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        template = Template(text, ("a", "b"), "template")
    except UserError:
        assert "{{" in text
        return
    shown = template.render([msgspec.Raw(b'"A"'), msgspec.Raw(b'"B"')])
    assert "{{" not in shown
    assert ("{{" in text) == (shown != text)


@given(
    st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True),
    st.data(),
)
def test_a_row_is_an_object_with_the_columns_names(names: list[str], data: st.DataObject) -> None:
    value = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5)
    rows = data.draw(
        st.lists(st.lists(value, min_size=len(names), max_size=len(names)), max_size=3)
    )
    write = ObjectWriter([ResultColumn(name, "x") for name in names]).write
    for row, raw in zip(rows, decode_rows(msgspec.json.encode(rows)), strict=True):
        written = msgspec.json.decode(write([*raw, msgspec.Raw(b"7")]))
        assert list(written.items()) == list(zip(names, row, strict=True))
