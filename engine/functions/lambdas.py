"""Functions that take a lambda: array_map, array_filter, array_fold, map_apply and the like."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import Code, SqlError
from engine.functions.arrays import element, list_sum, numbers
from engine.functions.build import (
    as_condition,
    bad_type,
    constant_text,
    doc,
    given,
    lambda_sql,
    quoted,
    substitute,
    typed,
)
from engine.functions.ordering import extreme_of, key_type, order_key, sorted_list
from engine.functions.table import Arg, Bound, Scalar
from engine.functions.variates import drawn_type
from engine.type_parser import parse_type
from engine.types import (
    BOOL,
    FLOAT64,
    UINT32,
    UINT64,
    DataType,
    array,
    duckdb_type,
    map_of,
    zero_sql,
)


def lambda_types(name: str, others: tuple[Arg, ...]) -> tuple[DataType, ...]:
    """Types of a lambda's parameters, given the other arguments in order.

    Elements of the arrays; key and value of a map; for array_fold the start value, then elements;
    for random_in_type the type it names.
    """
    if name == "random_in_type":
        return (drawn_type(parse_type(constant_text(name, 0, others[0]))),)
    types: list[DataType] = []
    arrays = others[:-1] if name == "array_fold" else others
    if name == "array_fold" and others:
        types.append(others[-1].type)
    for arg in arrays:
        t = arg.type.inner
        if t.name == "map":
            types.extend(t.args)
        elif t.name == "array":
            types.append(t.args[0])
    return tuple(types)


def _over(name: str, args: tuple[Arg, ...], body: str) -> tuple[str, str]:
    """The list to go through and the lambda, for one array or several side by side."""
    fun, arrays = args[0], args[1:]
    if len(fun.lambda_names) != len(arrays):
        message = (
            f"the lambda of {name} takes {len(fun.lambda_names)} value(s) of {len(arrays)} array(s)"
        )
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    if len(arrays) == 1:
        return arrays[0].sql, f"lambda {quoted(fun.lambda_names[0])}: ({body})"
    place = quoted("__z_" + "_".join(fun.lambda_names))
    values = {n: f"{place}[{i + 1}]" for i, n in enumerate(fun.lambda_names)}
    zipped = "list_zip(" + ", ".join(a.sql for a in arrays) + ")"
    return zipped, f"lambda {place}: ({substitute(body, values)})"


def _checked(name: str, args: tuple[Arg, ...]) -> None:
    if not args[0].lambda_names:
        raise bad_type(name, 0, args[0], "a lambda")
    for at, arg in enumerate(args[1:], 1):
        if arg.type.inner.name not in ("array", "nothing"):
            raise bad_type(name, at, arg, "an array")


def _mapped(name: str, args: tuple[Arg, ...]) -> str:
    """The list of the lambda's values."""
    items, fun = _over(name, args, typed(args[0].sql, args[0].type))
    return f"list_transform({items}, {fun})"


def _hits(name: str, args: tuple[Arg, ...]) -> str:
    """The list of booleans, NULL as false."""
    items, fun = _over(name, args, f"coalesce({as_condition(args[0])}, false)")
    return f"list_transform({items}, {fun})"


def _kept(name: str, args: tuple[Arg, ...]) -> str:
    if len(args) == 2:
        items, fun = _over(name, args, f"coalesce({as_condition(args[0])}, false)")
        return f"list_filter({items}, {fun})"
    return f"list_where({args[1].sql}, {_hits(name, args)})"


def _map(args: tuple[Arg, ...]) -> Bound:
    return Bound(_mapped("array_map", args), array(args[0].type))


def _filter(args: tuple[Arg, ...]) -> Bound:
    return Bound(_kept("array_filter", args), args[1].type.inner)


def _exists(args: tuple[Arg, ...]) -> Bound:
    return Bound(f"list_contains({_hits('array_exists', args)}, true)", BOOL)


def _all(args: tuple[Arg, ...]) -> Bound:
    return Bound(f"(NOT list_contains({_hits('array_all', args)}, false))", BOOL)


def _count(args: tuple[Arg, ...]) -> Bound:
    if args[0].lambda_names:
        hits = _hits("array_count", args)
    else:
        one = Arg('"__x"', element(args))
        hits = f'list_transform({args[0].sql}, lambda "__x": {as_condition(one)})'
    return Bound(f"CAST(len(list_filter({hits}, lambda __h: __h)) AS UBIGINT)", UINT64)


def _first(name: str, at: str) -> Callable[[tuple[Arg, ...]], Bound]:
    def render(args: tuple[Arg, ...]) -> Bound:
        t = element(args[1:])
        return Bound(typed(f"coalesce(({_kept(name, args)})[{at}], {zero_sql(t)})", t), t)

    return render


def _first_index(args: tuple[Arg, ...]) -> Bound:
    sql = f"coalesce(list_position({_hits('array_first_index', args)}, true), 0)"
    return Bound(f"CAST({sql} AS UINTEGER)", UINT32)


def _last_index(args: tuple[Arg, ...]) -> Bound:
    hits = _hits("array_last_index", args)
    back = f"list_position(list_reverse({hits}), true)"
    return Bound(f"CAST(coalesce(len({hits}) + 1 - {back}, 0) AS UINTEGER)", UINT32)


def _values(name: str, args: tuple[Arg, ...]) -> tuple[str, DataType]:
    """The list to aggregate: the lambda's values, or the array itself without a lambda."""
    if args[0].lambda_names:
        return _mapped(name, args), args[0].type
    if args[0].type.inner.name != "array":
        raise bad_type(name, 0, args[0], "an array or a lambda")
    return args[0].sql, element(args)


def _sum(args: tuple[Arg, ...]) -> Bound:
    sql, t = list_sum(*_values("array_sum", args))
    return Bound(sql, t)


def _avg(args: tuple[Arg, ...]) -> Bound:
    sql, t = _values("array_avg", args)
    found = numbers("array_avg", (Arg(sql, array(t)),))
    return Bound(f"coalesce(list_avg({found}), 'nan'::DOUBLE)", FLOAT64)


def _extreme(name: str, function: str) -> Callable[[tuple[Arg, ...]], Bound]:
    def render(args: tuple[Arg, ...]) -> Bound:
        sql, t = _values(name, args)
        return Bound(typed(f"coalesce({extreme_of(sql, t, function)}, {zero_sql(t)})", t), t)

    return render


def _sorted(name: str, order: str) -> Callable[[tuple[Arg, ...]], Bound]:
    """Sorted by the lambda's value; equal values keep their order."""

    def render(args: tuple[Arg, ...]) -> Bound:
        if not args[0].lambda_names:
            t = args[0].type.inner
            if t.args[0].name == "nothing":
                return Bound(args[0].sql, t)
            return Bound(sorted_list(args[0].sql, t.args[0], order), t)
        key = Arg(order_key(args[0].sql, args[0].type), key_type(args[0].type))
        held = Arg(key.sql, key.type, lambda_names=args[0].lambda_names)
        items, keys = args[1].sql, _mapped(name, (held, *args[1:]))
        return Bound(f"list_select({items}, list_grade_up({keys}, '{order}'))", args[1].type.inner)

    return render


def _fold(args: tuple[Arg, ...]) -> Bound:
    """array_fold((acc, x) -> ..., arr, start)."""
    fun, start = args[0], args[-1]
    arrays = args[1:-1]
    if len(fun.lambda_names) != len(arrays) + 1:
        message = (
            f"the lambda of array_fold takes {len(arrays) + 1} values: the result so far first"
        )
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    storage = duckdb_type(fun.type)
    body = f"CAST({fun.sql} AS {storage})"
    initial = f"CAST({start.sql} AS {storage})"
    if len(arrays) == 1:
        held = Arg(body, fun.type, lambda_names=fun.lambda_names)
        sql = f"list_reduce({arrays[0].sql}, {lambda_sql(held)}, {initial})"
        return Bound(sql, fun.type)
    result, *names = fun.lambda_names
    place = quoted("__z_" + "_".join(names))
    body = substitute(body, {n: f"{place}[{i + 1}]" for i, n in enumerate(names)})
    zipped = "list_zip(" + ", ".join(a.sql for a in arrays) + ")"
    return Bound(
        f"list_reduce({zipped}, lambda {quoted(result)}, {place}: ({body}), {initial})", fun.type
    )


def _map_lambda(name: str, args: tuple[Arg, ...], body: str) -> str:
    if len(args) != 2:
        message = f"function {name} takes a lambda and a map"
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    fun, source = args
    if source.type.inner.name != "map":
        raise bad_type(name, 1, source, "a map")
    if len(fun.lambda_names) != 2:
        raise SqlError(f"the lambda of {name} takes a key and a value", Code.NUMBER_OF_ARGUMENTS)
    key, value = fun.lambda_names
    return "lambda __e: (" + substitute(body, {key: "__e.key", value: "__e.value"}) + ")"


def _map_filter(args: tuple[Arg, ...]) -> Bound:
    fun = _map_lambda("map_filter", args, as_condition(args[0]))
    sql = f"map_from_entries(list_filter(map_entries({args[1].sql}), {fun}))"
    return Bound(sql, args[1].type.inner)


def _map_apply(args: tuple[Arg, ...]) -> Bound:
    """The lambda gives a (key, value) tuple."""
    t = args[0].type.inner
    if t.name != "tuple" or len(t.args) != 2:
        raise bad_type("map_apply", 0, args[0], "a lambda that gives (key, value)")
    first, second = t.field_names
    body = substitute(args[0].sql, {})
    fun = _map_lambda("map_apply", args, body)
    entries = f"list_transform(map_entries({args[1].sql}), {fun})"
    shaped = (
        f"list_transform({entries}, lambda __t: struct_pack(key := "
        f"struct_extract(__t, '{first}'), value := struct_extract(__t, '{second}')))"
    )
    return Bound(f"map_from_entries({shaped})", map_of(t.args[0], t.args[1]))


def _map_test(name: str, expected: str) -> Callable[[tuple[Arg, ...]], Bound]:
    def render(args: tuple[Arg, ...]) -> Bound:
        fun = _map_lambda(name, args, as_condition(args[0]))
        hits = f"list_transform(map_entries({args[1].sql}), {fun})"
        sql = f"list_contains({hits}, {expected})"
        return Bound(sql if expected == "true" else f"(NOT {sql})", BOOL)

    return render


def _entry(
    name: str, render: Callable[[tuple[Arg, ...]], Bound], summary: str, *example: str
) -> Scalar:
    """An entry with a lambda first (it checks its own arguments)."""

    def checked(args: tuple[Arg, ...]) -> Bound:
        if not name.startswith("map_") and name != "array_fold":
            _checked(name, args)
        return render(args)

    about = doc(summary, (example[0], example[1]))
    params = "lambda map" if name.startswith("map_") else "lambda array array*"
    params = "lambda array array* any" if name == "array_fold" else params
    return Scalar(
        name, 2, 10, checked, summary=about.summary, examples=about.examples, params=params
    )


def _either(
    name: str, render: Callable[[tuple[Arg, ...]], Bound], summary: str, *example: str
) -> Scalar:
    """An entry that also works on the elements themselves."""

    def checked(args: tuple[Arg, ...]) -> Bound:
        if args[0].lambda_names:
            _checked(name, args)
        elif given(args, 1):
            raise bad_type(name, 0, args[0], "a lambda")
        elif args[0].type.inner.name != "array":
            raise bad_type(name, 0, args[0], "an array")
        return render(args)

    about = doc(summary, (example[0], example[1]))
    params = "array | lambda array array*"
    return Scalar(
        name, 1, 10, checked, summary=about.summary, examples=about.examples, params=params
    )


SCALARS = (
    _entry(
        "array_map",
        _map,
        "The lambda's value of every element.",
        "array_map(x -> x + 1, [1, 2])",
        "[2, 3]",
    ),
    _entry(
        "array_filter",
        _filter,
        "Elements for which the lambda holds.",
        "array_filter(x -> x > 1, [1, 2])",
        "[2]",
    ),
    _entry(
        "array_exists",
        _exists,
        "Whether it holds for one element.",
        "array_exists(x -> x > 1, [1, 2])",
        "true",
    ),
    _entry(
        "array_all",
        _all,
        "Whether it holds for all elements.",
        "array_all(x -> x > 1, [1, 2])",
        "false",
    ),
    _entry(
        "array_first",
        _first("array_first", "1"),
        "The first element for which it holds.",
        "array_first(x -> x > 1, [1, 2, 3])",
        "2",
    ),
    _entry(
        "array_last",
        _first("array_last", "-1"),
        "The last element for which it holds.",
        "array_last(x -> x > 1, [1, 2, 3])",
        "3",
    ),
    _entry(
        "array_first_index",
        _first_index,
        "Its index, 0 if none.",
        "array_first_index(x -> x > 1, [1, 2])",
        "2",
    ),
    _entry(
        "array_last_index",
        _last_index,
        "Index of the last for which it holds.",
        "array_last_index(x -> x > 1, [2, 2, 1])",
        "2",
    ),
    _entry(
        "array_fold",
        _fold,
        "Folds an array from a start value.",
        "array_fold((a, x) -> a + x, [1, 2, 3], 10)",
        "16",
    ),
    _either(
        "array_count", _count, "How many elements hold.", "array_count(x -> x > 1, [1, 2, 3])", "2"
    ),
    _either(
        "array_sum",
        _sum,
        "Sum of the elements or of the lambda's values.",
        "array_sum([1, 1, 1])",
        "3",
    ),
    _either(
        "array_avg",
        _avg,
        "Mean of the elements or of the lambda's values.",
        "array_avg([1, 2])",
        "1.5",
    ),
    _either(
        "array_min",
        _extreme("array_min", "min"),
        "Smallest element.",
        "array_min([2, 1])",
        "1",
    ),
    _either(
        "array_max", _extreme("array_max", "max"), "Largest element.", "array_max([2, 1])", "2"
    ),
    _either(
        "array_sort",
        _sorted("array_sort", "ASC"),
        "Sorted, by the lambda's value if given.",
        "array_sort(x -> -x, [1, 3, 2])",
        "[3, 2, 1]",
    ),
    _either(
        "array_reverse_sort",
        _sorted("array_reverse_sort", "DESC"),
        "Sorted downwards.",
        "array_reverse_sort([1, 3, 2])",
        "[3, 2, 1]",
    ),
    _entry(
        "map_filter",
        _map_filter,
        "Pairs for which the lambda holds.",
        "map_filter((k, v) -> v > 1, {'a': 1, 'b': 2})",
        '{"b": 2}',
    ),
    _entry(
        "map_apply",
        _map_apply,
        "The lambda's pair of every pair.",
        "map_apply((k, v) -> (k, v + 1), {'a': 1})",
        '{"a": 2}',
    ),
    _entry(
        "map_exists",
        _map_test("map_exists", "true"),
        "Whether it holds for one pair.",
        "map_exists((k, v) -> v > 1, {'a': 1})",
        "false",
    ),
    _entry(
        "map_all",
        _map_test("map_all", "false"),
        "Whether it holds for all pairs.",
        "map_all((k, v) -> v > 0, {'a': 1})",
        "true",
    ),
)
