"""Makes entries from table rows: counts and types checked, templates filled, results cast."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.errors import Code, SqlError
from engine.functions.table import MISSING, Arg, Bound, Example, Scalar
from engine.types import BOOL, STRING, DataType, duckdb_type, nullable

SQL_CHARS_MAX = 1 << 20  # of one expression: nesting may double its text at every level
VALUE_BYTES_MAX = 16 << 20  # no function makes a longer value (architecture.md, section 1)

Sql = str | Callable[[tuple[Arg, ...]], str]
Result = DataType | Callable[[tuple[Arg, ...]], DataType]

_SIMPLE = re.compile(r"[A-Za-z_0-9.]+|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_SLOT = re.compile(r"\$(\d|\*)")
_TEXT_LIKE = frozenset(("json", "uuid", "ipv4", "ipv6", "enum8", "enum16"))


@dataclass(frozen=True, slots=True)
class Doc:
    """What the reference page says of an entry."""

    summary: str
    examples: tuple[Example, ...]


def doc(summary: str, *examples: tuple[str, str]) -> Doc:
    """A summary and (dialect SQL, JSON text of its value) pairs."""
    return Doc(summary, tuple(Example(sql, value) for sql, value in examples))


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of arguments: which types belong and how the SQL of one is prepared."""

    words: str
    accepts: Callable[[DataType], bool]
    prepare: Callable[[Arg], str]


def _plain(arg: Arg) -> str:
    return arg.sql


def as_number(arg: Arg) -> str:
    """SQL of a numeric DuckDB type: bools become 0 and 1. Integers above 64 bits are HUGEINT, and
    what that does not hold ends the query with code 69."""
    inner = arg.type.inner
    if inner.name == "bool":
        return f"CAST({arg.sql} AS UTINYINT)"
    if inner.is_wide_integer:
        refusal = "error('code 69: a number of more than 127 bits is too large for this function')"
        missing = f"CASE WHEN {wrapped(arg.sql)} IS NOT NULL THEN {refusal} END"
        return f"coalesce(TRY_CAST({arg.sql} AS HUGEINT), CAST({missing} AS HUGEINT))"
    if inner.name == "decimal" and inner.precision > 38:
        return f"CAST({arg.sql} AS DOUBLE)"
    if isinstance(arg.constant, int | float):
        return f"CAST({arg.sql} AS {duckdb_type(inner)})"
    return arg.sql


def as_float(arg: Arg) -> str:
    """SQL of type DOUBLE of a numeric argument."""
    return arg.sql if arg.type.inner.name == "float64" else f"CAST({arg.sql} AS DOUBLE)"


def as_bigint(arg: Arg) -> str:
    """SQL of type BIGINT of an integer argument; what does not fit ends the query with code 69."""
    return f"CAST({as_number(arg)} AS BIGINT)"


def as_exact(arg: Arg) -> str:
    """As `as_number`, but integers above 64 bits stay texts, for functions that know them."""
    return arg.sql if arg.type.is_wide_integer else as_number(arg)


def as_condition(arg: Arg) -> str:
    """SQL of type BOOLEAN of a bool or number: not zero is true."""
    if arg.type.is_wide_integer:
        return f"({wrapped(arg.sql)} <> '0')"
    return arg.sql if arg.type.inner.name in ("bool", "nothing") else f"({as_number(arg)} <> 0)"


def lambda_sql(arg: Arg) -> str:
    """A lambda in DuckDB's spelling."""
    names = ", ".join(quoted(name) for name in arg.lambda_names)
    return f"lambda {names}: ({arg.sql})"


def _is_number(t: DataType) -> bool:
    return t.is_numeric or t.inner.name == "bool"


def _is_integer(t: DataType) -> bool:
    return t.is_integer or t.inner.name == "bool"


def _is_text(t: DataType) -> bool:
    return t.is_string or t.inner.name in _TEXT_LIKE


def _is_empty(t: DataType) -> bool:
    return t.inner.args[0].name == "nothing"


KINDS = {
    "any": Kind("a value", lambda t: True, _plain),
    "number": Kind("a number", _is_number, as_number),
    "exact": Kind("a number", _is_number, as_exact),
    "whole": Kind("an integer", _is_integer, as_exact),
    "float": Kind("a number", _is_number, as_float),
    "integer": Kind("an integer", _is_integer, as_number),
    "bigint": Kind("an integer", _is_integer, as_bigint),
    "condition": Kind("a condition", _is_number, as_condition),
    "text": Kind("a string", _is_text, _plain),
    "time": Kind("a datetime", lambda t: t.is_time, _plain),
    "date": Kind("a date or datetime", lambda t: t.is_temporal, _plain),
    "interval": Kind("an interval", lambda t: t.is_interval, _plain),
    "array": Kind("an array", lambda t: t.inner.name == "array", _plain),
    "texts": Kind(
        "an array of strings",
        lambda t: t.inner.name == "array" and (_is_text(t.inner.args[0]) or _is_empty(t)),
        lambda arg: f"CAST({arg.sql} AS VARCHAR[])",
    ),
    "map": Kind("a map", lambda t: t.inner.name == "map", _plain),
    "tuple": Kind("a tuple", lambda t: t.inner.name == "tuple", _plain),
    "lambda": Kind("a lambda", lambda t: True, lambda_sql),
    "either": Kind("a value or a lambda", lambda t: True, _plain),
}


@dataclass(frozen=True, slots=True)
class Params:
    """Parsed parameter list: kinds, how many are required, whether the last repeats."""

    kinds: tuple[str, ...]
    required: int
    repeats: bool

    @property
    def args_max(self) -> int:
        """Largest count allowed."""
        return 1000 if self.repeats else len(self.kinds)

    def kind(self, at: int) -> str:
        """Kind of the argument at a position."""
        return self.kinds[min(at, len(self.kinds) - 1)]


def parse_params(text: str) -> Params:
    """`number integer? any*`: kinds in order, `?` optional, `*` none or more, `+` one or more."""
    words = text.split()
    kinds = tuple(word.rstrip("?*+") for word in words)
    required = sum(1 for word in words if word[-1] not in "?*")
    return Params(kinds, required, bool(words) and words[-1][-1] in "*+")


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"


def wrapped(sql: str) -> str:
    """SQL that may stand beside any operator."""
    return sql if _SIMPLE.fullmatch(sql) else f"({sql})"


def fill(template: str, parts: tuple[str, ...]) -> str:
    """Put argument SQL into `$1`, `$2`, ... and all of it, comma separated, into `$*`."""

    def slot(match: re.Match[str]) -> str:
        which = match.group(1)
        return ", ".join(parts) if which == "*" else wrapped(parts[int(which) - 1])

    return _SLOT.sub(slot, template)


def bad_type(name: str, at: int, arg: Arg, expected: str) -> SqlError:
    """Error 43: the argument at a position (from 0) has a type that the function does not take."""
    message = f"argument {at + 1} of function {name} must be {expected}, not {arg.type}"
    return SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)


def check_count(name: str, params: Params, args: tuple[Arg, ...]) -> None:
    """Raise SqlError 42 unless the number of arguments fits."""
    if params.required <= len(args) <= params.args_max:
        return
    least, most = params.required, params.args_max
    wants = str(least) if least == most else f"{least} to {most}"
    wants = f"at least {least}" if params.repeats else wants
    message = f"function {name} takes {wants} argument(s), not {len(args)}"
    raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)


def prepare(name: str, params: Params, args: tuple[Arg, ...]) -> tuple[str, ...]:
    """Check counts and types and give the SQL of each argument, prepared for its kind."""
    check_count(name, params, args)
    parts: list[str] = []
    for at, arg in enumerate(args):
        word = params.kind(at)
        kind = KINDS[word]
        if word != "either" and (word == "lambda") != bool(arg.lambda_names):
            raise bad_type(name, at, arg, kind.words)
        if arg.type.inner.name != "nothing" and not kind.accepts(arg.type):
            raise bad_type(name, at, arg, kind.words)
        parts.append(kind.prepare(arg))
    return tuple(parts)


def lifted(result: DataType, args: tuple[Arg, ...]) -> DataType:
    """`result`, nullable if any argument is."""
    return nullable(result) if any(a.type.is_nullable for a in args) else result


def fitting(name: str, sql: str) -> str:
    """The SQL; SqlError 36 when nesting made it too large."""
    if len(sql) > SQL_CHARS_MAX:
        message = f"the expression is too large at function {name}; compute parts in a subquery"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    return sql


def typed(sql: str, t: DataType) -> str:
    """SQL of exactly the storage type of `t`; a cast to the same type costs nothing."""
    return sql if t.inner in (BOOL, STRING) else f"CAST({sql} AS {duckdb_type(t)})"


_ANY = ("any", "either", "condition", "lambda", "text")  # kinds whose entries know NULL


def _is_null(arg: Arg) -> bool:
    """Whether it is the literal NULL, whose type says nothing about the result's."""
    return arg.type.inner.name == "nothing" and not arg.lambda_names


def fn(
    name: str, params: str, sql: Sql, result: Result, about: Doc, aliases: tuple[str, ...] = ()
) -> Scalar:
    """An entry whose SQL is a template and whose NULLs go through.

    `sql`: a template, or a function of the prepared arguments. The result is cast to its type.
    """
    shape = parse_params(params)

    def render(args: tuple[Arg, ...]) -> Bound:
        parts = prepare(name, shape, args)
        if any(_is_null(a) and shape.kind(at) != "any" for at, a in enumerate(args)):
            return Bound("NULL", nullable(DataType("nothing")))
        if isinstance(sql, str):
            text = fill(sql, parts)
        else:
            text = sql(tuple(replace(a, sql=p) for a, p in zip(args, parts, strict=True)))
        found = result if isinstance(result, DataType) else result(args)
        found = lifted(found, tuple(a for a in args if not a.lambda_names))
        return Bound(fitting(name, typed(text, found)), found)

    return Scalar(
        name,
        shape.required,
        shape.args_max,
        render,
        aliases,
        summary=about.summary,
        examples=about.examples,
        params=params,
        returns=str(result) if isinstance(result, DataType) else "",
    )


def special(
    name: str,
    params: str,
    render: Callable[[tuple[Arg, ...]], Bound],
    about: Doc,
    aliases: tuple[str, ...] = (),
) -> Scalar:
    """An entry with its own rule for the result's type and NULLs; counts and types are checked.

    `render` gets the arguments as bound, not prepared.
    """
    shape = parse_params(params)

    def checked(args: tuple[Arg, ...]) -> Bound:
        prepare(name, shape, args)
        if any(_is_null(a) and shape.kind(at) not in _ANY for at, a in enumerate(args)):
            return Bound("NULL", nullable(DataType("nothing")))
        bound = render(args)
        fitting(name, bound.sql)
        return bound

    return Scalar(
        name,
        shape.required,
        shape.args_max,
        checked,
        aliases,
        summary=about.summary,
        examples=about.examples,
        params=params,
    )


def volatile(entry: Scalar) -> Scalar:
    """The entry, marked as giving other values for equal arguments."""
    return replace(entry, volatile=True)


def same(args: tuple[Arg, ...]) -> DataType:
    """Result rule: the type of the first argument, without nullable."""
    return args[0].type.inner


def constant_text(name: str, at: int, arg: Arg) -> str:
    """The value of an argument that must be a string literal; else SqlError 43."""
    if isinstance(arg.constant, str):
        return arg.constant
    raise bad_type(name, at, arg, "a constant string")


def constant_int(name: str, at: int, arg: Arg) -> int:
    """The value of an argument that must be an integer literal; else SqlError 43."""
    if isinstance(arg.constant, int) and not isinstance(arg.constant, bool):
        return arg.constant
    raise bad_type(name, at, arg, "a constant integer")


def given(args: tuple[Arg, ...], at: int) -> bool:
    """Whether there is an argument at a position (from 0)."""
    return len(args) > at


def is_constant(arg: Arg) -> bool:
    """Whether the argument is a literal."""
    return arg.constant is not MISSING


_NAMES = re.compile(r"'(?:[^']|'')*'|\"((?:[^\"]|\"\")*)\"")


def substitute(sql: str, values: dict[str, str]) -> str:
    """Replace quoted identifiers by SQL, leaving string literals alone."""

    def put(match: re.Match[str]) -> str:
        name = match.group(1)
        found = None if name is None else values.get(name.replace('""', '"'))
        return match.group(0) if found is None else found

    return _NAMES.sub(put, sql)


def tried(sql: Callable[..., str], *args: str) -> str:
    """NULL instead of an error of `sql`, which is called with SQL of its operands.

    DuckDB refuses TRY over functions with effects (`error`, which strict casts use) and over
    subqueries. Such operands are computed outside, and what they raise is raised.
    """
    plain = sql(*args)
    if "error(" not in plain and "(SELECT " not in plain:
        return f"TRY({plain})"
    fields = ", ".join(f"a{at} := {arg}" for at, arg in enumerate(args))
    inner = sql(*(f"__try.a{at}" for at in range(len(args))))
    return f"list_transform([struct_pack({fields})], lambda __try: TRY({inner}))[1]"


def let(name: str, value: str, sql: str) -> str:
    """SQL in which a name stands for a value, which is computed once."""
    return f"list_transform([{value}], lambda {name}: {sql})[1]"


def bounded(count: str, unit_bytes: str = "1", most: int = VALUE_BYTES_MAX) -> str:
    """SQL of a length, at least 0. More than `most` bytes in all end the query with code 69: a
    shorter value than was asked for would be a wrong one."""
    n = f"CAST({count} AS BIGINT)"
    refusal = f"error('code 69: a value above {most >> 20} MiB is not made; ask for less')"
    too_many = f"{n} > {most} // {unit_bytes}"
    return f"CASE WHEN {too_many} THEN CAST({refusal} AS BIGINT) ELSE greatest(0, {n}) END"


def no_longer(text: str, most: int, words: str, measure: str = "strlen") -> str:
    """SQL of the text itself; a longer one ends the query with code 69.

    A guard around the whole call would not do: DuckDB computes what is constant in both branches of
    a CASE while it plans, where nothing bounds it.
    """
    refusal = f"CAST(error({literal('code 69: ' + words)}) AS VARCHAR)"
    return f"(CASE WHEN {measure}({wrapped(text)}) > {most} THEN {refusal} ELSE {text} END)"


def up_to(measure: str, most: int, words: str, sql: str) -> str:
    """SQL that is computed only where `measure` (its SQL) is at most `most`; else code 69."""
    return f"CASE WHEN {measure} > {most} THEN error({literal('code 69: ' + words)}) ELSE {sql} END"
