"""Maps and tuples."""

from __future__ import annotations

from functools import reduce

from engine.errors import Code, SqlError
from engine.functions.arrays import list_sum
from engine.functions.build import bad_type, doc, fn, given, literal, special, typed
from engine.functions.comparing import held_in
from engine.functions.logic import common, in_type
from engine.functions.render import struct_sql
from engine.functions.table import Arg, Bound, Scalar
from engine.type_promotion import supertype
from engine.types import BOOL, UINT64, DataType, array, map_of, not_nullable, tuple_of, zero_sql


def _from_lists(keys: str, values: str, t: DataType) -> str:
    """A map of two lists; the first of equal keys counts, missing values are zeros."""
    zipped = f"list_zip({keys}, {values})"
    first = "list_filter(__m, lambda __e, __i: __i = 1 OR NOT list_contains(" + (
        "list_transform(list_slice(__m, 1, __i - 1), lambda __f: __f[1]), __e[1]))"
    )
    # Checking for equal keys is needed only when there are some.
    unique = f"CASE WHEN list_unique({keys}) = len({keys}) THEN __m ELSE {first} END"
    return typed(f"list_transform([{zipped}], lambda __m: map_from_entries({unique}))[1]", t)


def _map_cast(args: tuple[Arg, ...]) -> Bound:
    """map_cast(k, v, ...) or map_cast(keys, values)."""
    lists = len(args) == 2 and all(a.type.inner.name == "array" for a in args)
    if lists:
        keys, values = args
        t = map_of(not_nullable(keys.type.inner.args[0]), values.type.inner.args[0])
        return Bound(_from_lists(keys.sql, values.sql, t), t)
    if len(args) % 2:
        raise SqlError("map_cast takes keys and values in turn", Code.NUMBER_OF_ARGUMENTS)
    if not args:
        nothing = DataType("nothing")
        return Bound("MAP {}", map_of(nothing, nothing))
    key, value = common(args[::2]), common(args[1::2])
    t = map_of(not_nullable(key), value)
    keys = "[" + ", ".join(in_type(a, key) for a in args[::2]) + "]"
    values = "[" + ", ".join(in_type(a, value) for a in args[1::2]) + "]"
    constant = {a.constant for a in args[::2]}
    if len(constant) == len(args) // 2 and all(isinstance(c, str | int) for c in constant):
        return Bound(typed(f"map({keys}, {values})", t), t)
    return Bound(_from_lists(keys, values, t), t)


def _key(args: tuple[Arg, ...]) -> str:
    return held_in(args[0].type.inner.args[0], args[1])


def map_element(args: tuple[Arg, ...]) -> Bound:
    """`m[k]`: the zero of the value type when the key is missing."""
    t = args[0].type.inner.args[1]
    return Bound(
        typed(f"coalesce(map_extract_value({args[0].sql}, {_key(args)}), {zero_sql(t)})", t), t
    )


def _keys(args: tuple[Arg, ...]) -> DataType:
    return array(args[0].type.inner.args[0])


def _values(args: tuple[Arg, ...]) -> DataType:
    return array(args[0].type.inner.args[1])


def _tuple(args: tuple[Arg, ...]) -> Bound:
    t = tuple_of(tuple(a.type for a in args))
    parts = tuple(typed(a.sql, a.type) for a in args)
    return Bound(struct_sql(t.field_names, parts), t)


def _named_tuple(args: tuple[Arg, ...]) -> Bound:
    """named_tuple('a', 1, 'b', 2)."""
    names = [a.constant for a in args[::2]]
    if len(args) % 2 or not all(isinstance(n, str) for n in names):
        raise bad_type("named_tuple", 0, args[0], "a constant name before each value")
    fields = tuple(str(n) for n in names)
    t = tuple_of(tuple(a.type for a in args[1::2]), fields)
    return Bound(struct_sql(fields, tuple(typed(a.sql, a.type) for a in args[1::2])), t)


def tuple_element(args: tuple[Arg, ...]) -> Bound:
    """`t.1`, `t.name`: index from 1 or a field's name, a literal."""
    t, key = args[0].type.inner, args[1].constant
    names = t.field_names
    at = names.index(key) if isinstance(key, str) and key in names else None
    if isinstance(key, int) and not isinstance(key, bool) and 1 <= key <= len(names):
        at = key - 1
    if at is None and given(args, 2):
        return Bound(args[2].sql, args[2].type)
    if at is None:
        message = f"{t} has no element {key!r}; elements are {', '.join(names)}"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    return Bound(f"struct_extract({args[0].sql}, {literal(names[at])})", t.args[at])


def _tuple_length(args: tuple[Arg, ...]) -> Bound:
    return Bound(f"CAST({len(args[0].type.inner.args)} AS UBIGINT)", UINT64)


def _tuple_concat(args: tuple[Arg, ...]) -> Bound:
    parts: list[str] = []
    types: list[DataType] = []
    for arg in args:
        t = arg.type.inner
        parts += [f"struct_extract({arg.sql}, {literal(n)})" for n in t.field_names]
        types += t.args
    result = tuple_of(tuple(types))
    return Bound(struct_sql(result.field_names, tuple(parts)), result)


def _tuple_to_array(args: tuple[Arg, ...]) -> Bound:
    t = args[0].type.inner
    element = reduce(supertype, t.args)
    parts = ", ".join(
        typed(f"struct_extract({args[0].sql}, {literal(n)})", element) for n in t.field_names
    )
    return Bound(f"[{parts}]", array(element))


def _map_add(args: tuple[Arg, ...]) -> Bound:
    """Values of equal keys added."""
    t = args[0].type.inner
    _, value = list_sum("[]", t.args[1])
    result = map_of(t.args[0], value)
    keys = "list_distinct(flatten([" + ", ".join(f"map_keys({a.sql})" for a in args) + "]))"
    found = ", ".join(f"coalesce(map_extract_value({a.sql}, __k), 0)" for a in args)
    total, _ = list_sum(f"[{found}]", t.args[1])
    entries = f"lambda __k: struct_pack(key := __k, value := {total})"
    return Bound(
        typed(f"map_from_entries(list_transform(list_sort({keys}), {entries}))", result), result
    )


def _map_update(args: tuple[Arg, ...]) -> Bound:
    t = common(args)
    return Bound(typed(f"map_concat({args[0].sql}, {args[1].sql})", t), t)


SCALARS: tuple[Scalar, ...] = (
    special(
        "map_cast",
        "any*",
        _map_cast,
        doc(
            "A map of keys and values in turn, or of two arrays.",
            ("map_cast('a', 1, 'b', 2)", '{"a": 1, "b": 2}'),
            ("map_cast(['a', 'b'], [1, 2])", '{"a": 1, "b": 2}'),
        ),
        ("map", "map_from_arrays"),
    ),
    special(
        "map_element",
        "map any",
        map_element,
        doc("The value of a key, zero if missing.", ("map_element({'a': 1}, 'b')", "0")),
    ),
    fn("map_keys", "map", "map_keys($1)", _keys, doc("The keys.", ("map_keys({'a': 1})", '["a"]'))),
    fn(
        "map_values",
        "map",
        "map_values($1)",
        _values,
        doc("The values.", ("map_values({'a': 1})", "[1]")),
    ),
    fn(
        "map_contains",
        "map any",
        lambda a: f"list_contains(map_keys({a[0].sql}), {_key(a)})",
        BOOL,
        doc("Whether a key exists.", ("map_contains({'a': 1}, 'a')", "true")),
        ("map_contains_key",),
    ),
    special(
        "map_add",
        "map map+",
        _map_add,
        doc("Values of equal keys added.", ("map_add({'a': 1}, {'a': 2})", '{"a": 3}')),
    ),
    special(
        "map_update",
        "map map",
        _map_update,
        doc("The first map changed by the second.", ("map_update({'a': 1}, {'a': 2})", '{"a": 2}')),
        ("map_concat",),
    ),
    special(
        "tuple_cast",
        "any+",
        _tuple,
        doc("A tuple of the arguments.", ("tuple_cast(1, 'a')", '[1, "a"]')),
        ("tuple",),
    ),
    special(
        "named_tuple",
        "any any+",
        _named_tuple,
        doc("A tuple with named elements.", ("named_tuple('x', 1)", '{"x": 1}')),
    ),
    special(
        "tuple_element",
        "tuple any any?",
        tuple_element,
        doc(
            "An element by index or name; the third argument where there is none.",
            ("tuple_element((1, 'a'), 2)", '"a"'),
            ("tuple_element((1, 'a'), 3, 'none')", '"none"'),
        ),
        ("untuple_element",),
    ),
    special(
        "tuple_length",
        "tuple",
        _tuple_length,
        doc("How many elements.", ("tuple_length((1, 'a'))", "2")),
    ),
    special(
        "tuple_concat",
        "tuple tuple+",
        _tuple_concat,
        doc("Tuples one after the other.", ("tuple_concat((1, 2), (3, 4))", "[1, 2, 3, 4]")),
    ),
    special(
        "tuple_to_array",
        "tuple",
        _tuple_to_array,
        doc("The elements as an array.", ("tuple_to_array((1, 2))", "[1, 2]")),
    ),
)
