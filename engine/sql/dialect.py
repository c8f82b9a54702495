"""The dialect's lexical rules and expression grammar, on sqlglot's tokenizer and parser."""

from __future__ import annotations

import re
from typing import Any, ClassVar, cast

from sqlglot import exp, parser, tokens
from sqlglot.dialects.dialect import Dialect, NormalizationStrategy
from sqlglot.tokens import TokenType as T

from engine.errors import Code, SqlError
from engine.functions.registry import normalized
from engine.sql.nodes import Call, ColumnsMatching, Duration, JsonPath, MapLiteral, TypeName
from engine.sql.places import identifier, marked, place

# Written unit -> unit of the short form. Here alone the case matters: m minute, M month.
UNITS = {
    name: short
    for short, names in {
        "ns": "nanosecond nanoseconds ns",
        "us": "microsecond microseconds us",
        "ms": "millisecond milliseconds ms",
        "s": "second seconds sec s",
        "m": "minute minutes min m",
        "h": "hour hours h",
        "d": "day days d",
        "w": "week weeks w",
        "M": "month months mon M",
        "q": "quarter quarters q",
        "y": "year years y",
    }.items()
    for name in names.split()
}
_ENDS = frozenset((T.COMMA, T.R_PAREN, T.R_BRACKET))
# Operators that are functions too: and(a, b), like(s, p).
_OPERATOR_CALLS = frozenset((T.AND, T.OR, T.NOT, T.LIKE, T.ILIKE))
_SHORT_INTERVAL = re.compile(r"(\d+)(ns|us|ms|s|m|h|d|w|M|q|y)")
_TEXT_INTERVAL = re.compile(r"\s*(-?\d+)\s*([A-Za-z]+)\s*")

_RESERVED = (
    "AND AS ASC BETWEEN CASE DESC DISTINCT ELSE END EXCEPT FALSE FROM HAVING ILIKE IN INTERSECT "
    "INTERVAL IS JOIN LIKE LIMIT NOT NULL OFFSET ON OR PREWHERE SELECT SETTINGS THEN TRUE UNION "
    "USING WHEN WHERE WITH"
)
_TOKEN_OF = {"AS": T.ALIAS}
# Reserved words that are names where a name or an operand must stand: nothing else begins so there.
# What may go on with the number of an interval: `interval rand() % 100 second`.
_ARITHMETIC = frozenset((T.MOD, T.STAR, T.SLASH, T.PLUS, T.DASH))
_NAME_TOKENS = frozenset((T.ASC, T.DESC, T.END, T.INTERVAL, T.OFFSET, T.SETTINGS, T.THEN))
# Words that end an expression or a source: never an alias unless AS stands before them.
_CLAUSES = """
EMIT SHUFFLE PARTITION GROUP ORDER LEFT RIGHT FULL INNER CROSS ALL ASOF LATEST ANY ARRAY JOIN
SETTINGS FORMAT FINAL OVER FILTER UNION EXCEPT INTERSECT VALUES SELECT REPLACE SEMI ANTI SAMPLE
WINDOW QUALIFY GLOBAL
"""
CLAUSE_WORDS = frozenset(_CLAUSES.split())


def interval(value: exp.Expr, unit: str) -> Duration:
    """An interval node with the unit in its short form."""
    return Duration(this=value, unit=unit)


class Lexer(tokens.Tokenizer):
    """Names in back-ticks or double quotes, texts in single quotes with backslash escapes."""

    IDENTIFIERS: ClassVar = ["`", '"']
    IDENTIFIER_ESCAPES: ClassVar = ["\\"]
    STRING_ESCAPES: ClassVar = ["'", "\\"]
    HEREDOC_STRINGS: ClassVar = ["$"]
    HEREDOC_TAG_IS_IDENTIFIER = True
    HEX_STRINGS: ClassVar = [("0x", ""), ("0X", "")]
    COMMENTS: ClassVar = ["--", ("/*", "*/")]
    COMMANDS: ClassVar[set[T]] = set()
    NUMERIC_ESCAPES: ClassVar = {"x": (16, 2, 2, 0xFF)}
    NUMERIC_ESCAPES_ARE_BYTES = True
    SINGLE_TOKENS: ClassVar = {**tokens.Tokenizer.SINGLE_TOKENS, "$": T.HEREDOC_STRING}
    KEYWORDS: ClassVar = {
        **{word: _TOKEN_OF.get(word) or T[word] for word in _RESERVED.split()},
        "GROUP BY": T.GROUP_BY,
        "ORDER BY": T.ORDER_BY,
        "PARTITION BY": T.PARTITION_BY,
        "==": T.EQ,
        "::": T.DCOLON,
        "||": T.DPIPE,
        ">=": T.GTE,
        "<=": T.LTE,
        "<>": T.NEQ,
        "!=": T.NEQ,
        "->": T.ARROW,
    }


class ExpressionParser(parser.Parser):
    """Expressions: sqlglot's precedence climbing, with the dialect's operands and postfixes."""

    FUNCTIONS: ClassVar = {}
    FUNCTION_PARSERS: ClassVar = {}
    NO_PAREN_FUNCTIONS: ClassVar = {}
    NO_PAREN_FUNCTION_PARSERS: ClassVar = {}
    ASSIGNMENT: ClassVar = {}
    DISJUNCTION: ClassVar = {T.OR: exp.Or}
    CONJUNCTION: ClassVar = {T.AND: exp.And}
    EQUALITY: ClassVar = {T.EQ: exp.EQ, T.NEQ: exp.NEQ}
    BITWISE: ClassVar = {}
    TERM: ClassVar = {T.DASH: exp.Sub, T.PLUS: exp.Add}
    FACTOR: ClassVar = {T.STAR: exp.Mul, T.SLASH: exp.Div, T.MOD: exp.Mod}
    UNARY_PARSERS: ClassVar = {
        T.PLUS: lambda self: self._parse_unary(),
        T.NOT: lambda self: self.expression(exp.Not(this=self._parse_equality())),
        T.DASH: lambda self: self.expression(exp.Neg(this=self._parse_unary())),
    }
    PRIMARY_PARSERS: ClassVar = {
        key: parser.Parser.PRIMARY_PARSERS[key]
        for key in (T.STRING, T.NUMBER, T.NULL, T.TRUE, T.FALSE, T.STAR)
    } | {T.HEX_STRING: lambda self, token: exp.Literal.number(str(int(token.text or "0", 16)))}
    PLACEHOLDER_PARSERS: ClassVar = {}
    RANGE_PARSERS: ClassVar = {
        key: parser.Parser.RANGE_PARSERS[key] for key in (T.BETWEEN, T.ILIKE, T.IN, T.IS, T.LIKE)
    }
    ID_VAR_TOKENS: ClassVar = {T.VAR}
    TABLE_ALIAS_TOKENS: ClassVar = {T.VAR}
    ALIAS_TOKENS: ClassVar = {T.VAR}

    def fail(self, message: str, code: int = Code.SYNTAX_ERROR) -> Any:
        """Raise SqlError naming the place."""
        token = self._curr or self._prev
        raise SqlError(f"{message} ({place(token)})", code)

    def word(self, *words: str) -> bool:
        """Take these words, in any case, if all of them follow."""
        return bool(self._match_text_seq(*words))

    def maybe(self, *words: str) -> None:
        """Take one of these words if it follows; it changes nothing."""
        if self._curr.text.upper() in words and self._curr.token_type == T.VAR:
            self._advance()

    def expect(self, *words: str) -> None:
        """Take these words or fail."""
        if not self.word(*words):
            self.fail(f"syntax error: expected {' '.join(words)} before {self.here()}")

    def here(self) -> str:
        """The current token, for messages."""
        return f"'{self._curr.text[:40]}'" if self._curr else "the end"

    def take(self, kind: T) -> bool:
        """Take a token of this kind if it follows."""
        return bool(self._match(kind))

    def require(self, node: exp.Expr | None, what: str = "an expression") -> exp.Expr:
        """The node, or a syntax error that says what was expected."""
        if node is None:
            self.fail(f"syntax error: expected {what} before {self.here()}")
        return cast("exp.Expr", node)

    def name(self, what: str = "a name") -> exp.Identifier:
        """A name, plain or quoted; most reserved words only in quotes."""
        if self._match_set((T.VAR, T.IDENTIFIER)) or self._match_set(_NAME_TOKENS):
            return identifier(self._prev)
        return self.fail(f"syntax error: expected {what} before {self.here()}")

    # -- operands ---------------------------------------------------------------------------

    def _parse_disjunction(self) -> exp.Expr | None:
        # A literal alone between commas: long IN lists and VALUES are made of these.
        kind = self._curr.token_type
        if self._next.token_type in _ENDS and (kind is T.NUMBER or kind is T.STRING):
            literal = exp.Literal(this=self._curr.text, is_string=kind is T.STRING)
            self._advance()
            return literal
        return super()._parse_disjunction()

    def _parse_type(
        self, parse_interval: bool = True, fallback_to_identifier: bool = False
    ) -> exp.Expr | None:
        return self._parse_column_ops(self._parse_operand())

    def _parse_column(self) -> exp.Expr | None:
        return self._parse_type()

    def _parse_operand(self) -> exp.Expr | None:
        if self._match(T.L_BRACKET):
            items = self._csv_until(T.R_BRACKET)
            return exp.Array(expressions=items)
        if self._match(T.L_BRACE):
            return self._parse_map()
        if self._match(T.CASE):
            return self._parse_case()
        found = self._parse_interval() or self._parse_primary() or self._parse_function_call()
        if found is not None:
            return found
        if self._match_set((T.VAR, T.IDENTIFIER)) or self._match_set(_NAME_TOKENS):
            return exp.Column(this=identifier(self._prev))
        return None

    def _csv_until(self, end: T) -> list[exp.Expr]:
        items: list[exp.Expr] = []
        while not self._match(end):
            items.append(self.require(self._parse_disjunction()))
            if not self._match(T.COMMA) and self._curr.token_type != end:
                self.fail(f"syntax error: unexpected {self.here()} in a list")
        return items

    def _parse_map(self) -> exp.Expr:
        items: list[exp.Expr] = []
        while not self._match(T.R_BRACE):
            items.append(self.require(self._parse_primary(), "a literal key"))
            if not self._match(T.COLON):
                self.fail(f"syntax error: expected ':' before {self.here()} in a map")
            items.append(self.require(self._parse_disjunction()))
            if not self._match(T.COMMA) and self._curr.token_type != T.R_BRACE:
                self.fail(f"syntax error: unexpected {self.here()} in a map")
        return MapLiteral(expressions=items)

    def _parse_interval(
        self, require_interval: bool = True, parse_function_unit: bool = True
    ) -> Any:
        short = _SHORT_INTERVAL.fullmatch(self._curr.text)
        if short and self._curr.token_type == T.VAR:
            self._advance()
            return interval(exp.Literal.number(short[1]), short[2])
        if self._curr.token_type != T.INTERVAL:
            return None
        index = self._index
        self._advance()
        if self._match(T.STRING):
            text = _TEXT_INTERVAL.fullmatch(self._prev.text)
            if text and (unit := _unit(text[2])):
                return interval(exp.Literal.number(text[1]), unit)
            value: exp.Expr | None = exp.Literal.number(self._prev.text.strip())
        elif self._curr.token_type in (T.NUMBER, T.DASH):
            value = self._parse_unary()
        elif _SHORT_INTERVAL.fullmatch(self._curr.text):
            return self._parse_interval()
        else:
            value = self._parse_paren() or self._parse_function_call() or self._parse_reference()
        unit = _unit(self._curr.text) if value is not None else None
        if value is not None and unit is None and self._curr.token_type in _ARITHMETIC:
            self._retreat(index + 1)
            value = self._parse_term()
            unit = _unit(self._curr.text) if value is not None else None
        if value is None or unit is None:
            self._retreat(index)
            if value is None or self._next.token_type == T.DASH:
                return None  # a column of that name
            self.fail("syntax error: INTERVAL wants a number and a unit")
            return None
        self._advance()
        return interval(value, unit)

    def _parse_reference(self) -> exp.Expr | None:
        if not self._match_set((T.VAR, T.IDENTIFIER)):
            return None
        return exp.Column(this=identifier(self._prev))

    # -- postfixes: .x .1 .* [i] ::type :json.path -------------------------------------------

    def _parse_column_ops(self, this: exp.Expr | None) -> exp.Expr | None:
        if this is None:
            return None
        while True:
            kind = self._curr.token_type
            if kind == T.DOT:
                this = self._parse_dot(this)
            elif kind == T.L_BRACKET:
                self._advance()
                index = self.require(self._parse_disjunction())
                if not self._match(T.R_BRACKET):
                    self.fail(f"syntax error: expected ']' before {self.here()}")
                this = exp.Bracket(this=this, expressions=[index])
            elif kind == T.DCOLON:
                self._advance()
                this = exp.Cast(this=this, to=self._parse_types())
            elif kind == T.COLON and self._is_json_path(this):
                self._advance()
                this = self._parse_json_path(this)
            else:
                return this

    def _parse_dot(self, this: exp.Expr) -> exp.Expr:
        self._advance()
        token = self._curr
        if token.token_type == T.STAR:
            self._advance()
            star = exp.Star(except_=self._star_names("EXCEPT"), replace=self._star_replacements())
            return exp.Column(this=star, table=exp.Identifier(this=this.name, quoted=True))
        if token.token_type == T.NUMBER:
            self._advance()
            for part in token.text.split("."):
                this = exp.Dot(this=this, expression=exp.Literal.number(part))
            return this
        if not token or not (token.text[:1].isalnum() or token.text[:1] in '_`"'):
            self.fail(f"syntax error: expected a name before {self.here()}")
        if token.token_type == T.STRING:
            self.fail("syntax error: expected a name after '.'")
        self._advance()
        field = identifier(token)
        if isinstance(this, exp.Column) and not this.args.get("table"):
            return exp.Column(this=field, table=this.this)
        return exp.Dot(this=this, expression=field)

    def _is_json_path(self, this: exp.Expr) -> bool:
        follows = self._next.token_type in (T.VAR, T.IDENTIFIER)
        return follows and isinstance(this, exp.Column | exp.Dot | exp.Bracket)

    def _parse_json_path(self, this: exp.Expr) -> exp.Expr:
        steps: list[str | int] = [self._json_key()]
        while True:
            if self._match(T.DOT):
                steps.append(self._json_key())
            elif self._match(T.L_BRACKET):
                if not self._match_set((T.NUMBER, T.STRING)):
                    self.fail("syntax error: a JSON path wants a number or a text in brackets")
                literal = self._prev
                is_text = literal.token_type == T.STRING
                steps.append(literal.text if is_text else int(literal.text))
                if not self._match(T.R_BRACKET):
                    self.fail(f"syntax error: expected ']' before {self.here()}")
            else:
                return JsonPath(this=this, steps=tuple(steps))

    def _json_key(self) -> str:
        token = self._curr
        if not token or token.token_type in (T.STRING, T.L_PAREN, T.R_PAREN, T.COMMA):
            self.fail(f"syntax error: expected a JSON key before {self.here()}")
        self._advance()
        return token.text

    # -- types --------------------------------------------------------------------------------

    def _parse_types(self, *_: Any, **__: Any) -> Any:
        """A type name with its arguments, taken as text; `type_parser` reads it later."""
        start = self._curr
        if not self._match_set((T.VAR, T.IDENTIFIER, T.INTERVAL)):
            self.fail(f"syntax error: expected a type before {self.here()}", Code.SYNTAX_ERROR)
        end = self._prev
        depth = 0
        while self._curr.token_type == T.L_PAREN or depth:
            if not self._curr:
                self.fail("syntax error: a type name is not closed")
            depth += {T.L_PAREN: 1, T.R_PAREN: -1}.get(self._curr.token_type, 0)
            self._advance()
            end = self._prev
        return TypeName(this=self._find_sql(start, end))

    # -- calls --------------------------------------------------------------------------------

    def _parse_function_call(self, *_: Any, **__: Any) -> exp.Expr | None:
        if self._next.token_type != T.L_PAREN:
            return None
        if self._curr.token_type != T.VAR and self._curr.token_type not in _OPERATOR_CALLS:
            return None
        first = self._curr
        name = normalized(first.text)
        self._advance(2)
        if name == "cast":
            return self._parse_cast_call()
        if name == "columns" and self._curr.token_type == T.STRING:
            pattern = self._curr.text
            self._advance()
            self._match_r_paren()
            return ColumnsMatching(this=pattern)
        distinct = self._match(T.DISTINCT)
        arguments = self._call_arguments()
        parameters: list[exp.Expr] = []
        if self._curr.token_type == T.L_PAREN:  # quantile(0.9)(x): parameters stand last here
            self._advance()
            distinct = self._match(T.DISTINCT) or distinct
            parameters, arguments = arguments, self._call_arguments()
        call = marked(Call(this=name, expressions=arguments + parameters), first)
        if parameters:
            call.set("parameters", len(parameters))
        if distinct:
            call.set("distinct", True)
        self._parse_call_suffix(call)
        return call

    def _call_arguments(self) -> list[exp.Expr]:
        arguments: list[exp.Expr] = []
        while not self._match(T.R_PAREN):
            arguments.append(self.require(self._parse_lambda()))
            if not self._match(T.COMMA) and self._curr.token_type != T.R_PAREN:
                self.fail(f"syntax error: expected ')' before {self.here()}")
        return arguments

    def _parse_call_suffix(self, call: Call) -> None:
        if self._curr.text.upper() == "FILTER" and self._next.token_type == T.L_PAREN:
            self._advance(2)
            if not self._match(T.WHERE):
                self.fail("syntax error: FILTER wants (WHERE condition)")
            call.set("filter", self.require(self._parse_disjunction()))
            self._match_r_paren()
        if self._curr.text.upper() == "OVER" and self._next.token_type == T.L_PAREN:
            self._advance(2)
            keys = self._parse_csv(self._parse_disjunction) if self._match(T.PARTITION_BY) else []
            if not self._match(T.R_PAREN):
                self.fail("OVER takes PARTITION BY alone", Code.NOT_IMPLEMENTED)
            call.set("over", keys)
            call.set("is_over", True)

    def _parse_cast_call(self) -> exp.Expr:
        this = self.require(self._parse_disjunction())
        if self._match(T.COMMA):
            if not self._match(T.STRING):
                self.fail("syntax error: cast(x, 'type') wants the type as a text")
            to: exp.Expr = TypeName(this=self._prev.text)
        elif self._match(T.ALIAS):
            to = self._parse_types()
        else:
            to = self.fail(f"syntax error: expected AS before {self.here()}")
        self._match_r_paren()
        return exp.Cast(this=this, to=to)

    def _parse_lambda(self, alias: bool = False) -> exp.Expr | None:
        index = self._index
        names: list[exp.Expr] = []
        if self._match(T.L_PAREN):
            while self._match(T.VAR):
                names.append(exp.Identifier(this=self._prev.text, quoted=False))
                if not self._match(T.COMMA):
                    break
            if not (names and self._match(T.R_PAREN) and self._match(T.ARROW)):
                self._retreat(index)
                names = []
        elif self._curr.token_type == T.VAR and self._next.token_type == T.ARROW:
            names = [exp.Identifier(this=self._curr.text, quoted=False)]
            self._advance(2)
        if names:
            return exp.Lambda(this=self.require(self._parse_disjunction()), expressions=names)
        query = self._parse_select() if self._curr.token_type in (T.SELECT, T.WITH) else None
        return query or self._parse_alias(self._parse_disjunction(), explicit=True)

    # -- aliases and stars ----------------------------------------------------------------------

    def _parse_alias(self, this: exp.Expr | None, explicit: bool = False) -> exp.Expr | None:
        if this is None:
            return None
        if self._match(T.ALIAS):
            return exp.Alias(this=this, alias=self.name("an alias"))
        if explicit or self._curr.token_type not in (T.VAR, T.IDENTIFIER):
            return this
        if self._curr.token_type == T.VAR and self._curr.text.upper() in CLAUSE_WORDS:
            return this
        return exp.Alias(this=this, alias=self.name("an alias"))

    def _parse_star_ops(self) -> exp.Expr | None:
        return exp.Star(except_=self._star_names("EXCEPT"), replace=self._star_replacements())

    def _star_names(self, word: str) -> list[exp.Expr] | None:
        # `* EXCEPT (a, b)` against `SELECT * ... EXCEPT SELECT`: a name must follow.
        if self._curr.text.upper() != word or self._next.token_type not in (
            T.L_PAREN,
            T.VAR,
            T.IDENTIFIER,
        ):
            return None
        index = self._index
        self._advance()
        if not self._match(T.L_PAREN):
            return [self.name()]
        if self._curr.token_type in (T.SELECT, T.WITH):
            self._retreat(index)
            return None
        names: list[exp.Expr] = [self.name()]
        while self._match(T.COMMA):
            names.append(self.name())
        self._match_r_paren()
        return names

    def _star_replacements(self) -> list[exp.Expr] | None:
        if not (self._curr.text.upper() == "REPLACE" and self._next.token_type == T.L_PAREN):
            return None
        self._advance(2)
        items = self._parse_csv(lambda: self._parse_alias(self._parse_disjunction(), explicit=True))
        self._match_r_paren()
        if not all(isinstance(item, exp.Alias) for item in items):
            self.fail("syntax error: REPLACE wants (expression AS column, ...)")
        return items


def _unit(text: str) -> str | None:
    return UNITS.get(text) or UNITS.get(text.lower())


class Tailrace(Dialect):
    """The dialect as sqlglot knows dialects."""

    NORMALIZATION_STRATEGY = NormalizationStrategy.CASE_SENSITIVE
    NORMALIZE_FUNCTIONS: bool | str = False
    NULL_ORDERING = "nulls_are_last"
    IDENTIFIERS_CAN_START_WITH_DIGIT = True
    NUMBERS_CAN_BE_UNDERSCORE_SEPARATED = True
    INDEX_OFFSET = 0

    Tokenizer = Lexer
    Parser = ExpressionParser
