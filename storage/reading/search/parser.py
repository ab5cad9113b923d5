"""Reading an expression, by Python's own parser: nothing of it is ever evaluated.

What the language does not have is refused with its position. Values of the expression are in no error.
"""

from __future__ import annotations

import ast
import datetime as dt
import math
import warnings
from typing import Any as Anything
from typing import NoReturn

from trialstore.dialects.errors import ValueRejected, nearest
from trialstore.storage.status import Status
from trialstore.storage.values.checks import to_utc
from trialstore.storage.values.encoding import is_storable, python_value

from .tree import OWN, PREFIXES, All, Any, Atom, Comparison, Field, Node, Not, Operand, there

LONGEST = 100_000
"""Characters of an expression."""
MOST_TERMS = 500
"""Values that an expression may compare fields with."""
_LAYOUT = "\n\r\t "
_COMPARISONS: dict[type[ast.cmpop], Comparison] = {
    ast.Eq: "==",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_MIRRORED: dict[Comparison, Comparison] = {"==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_HOLDS = {"text": "text", "number": "numbers", "time": "times"}
_EXAMPLE = 'Write one like: status == "SUCCEEDED" and result.seconds < 1.5'
_FALSE = (Operand(number=0.0), Operand(words=""), Operand(words="{}", kind="j"), Operand(words="[]", kind="j"))
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


def parse(text: Anything, what: str = "where") -> Node:
    """The tree of an expression; of nothing (None, or only blanks) one that is always true.

    Raises ValueRejected for what is no expression of the language, with the position.
    """
    plain = _checked(text, what)
    return _Parser(plain, what).condition() if plain.strip() else All(())


def parse_field(text: Anything, what: str) -> Field:
    """The field that a text names. Raises ValueRejected for what names none."""
    plain = _checked(text, what)
    return _Parser(plain, what).field_alone()


def _checked(text: Anything, what: str) -> str:
    if text is None:
        return ""
    plain = python_value(text)
    if type(plain) is not str:
        raise ValueRejected(f"{what} is of type {type(text).__name__}.", f"Give text. {_EXAMPLE}")
    if len(plain) > LONGEST:
        raise ValueRejected(f"{what} has {len(plain):,} characters.", f"At most {LONGEST:,} are read.")
    for place, char in enumerate(plain):
        if not (char.isprintable() or char in _LAYOUT):
            raise ValueRejected(
                f"{what}, {_place(plain, place)}: the character {char!a} does not print.",
                "Inside of quotes it can be written as an escape.",
            )
    return plain


def _place(text: str, place: int) -> str:
    """Where a character is, for people: lines and columns count from 1."""
    line = text.count("\n", 0, place) + 1
    column = place - (text.rfind("\n", 0, place) + 1) + 1
    return f"line {line}, column {column}" if "\n" in text.strip() else f"column {column}"


class _Parser:
    """Makes a tree out of the one that Python's parser makes."""

    def __init__(self, text: str, what: str) -> None:
        # Python takes blanks at the beginning for an indentation.
        self._text = text.strip(_LAYOUT)
        self._before = len(text) - len(text.lstrip(_LAYOUT))
        self._whole = text
        self._what = what
        self._terms = 0

    def condition(self) -> Node:
        try:
            return self._node(self._parsed())
        except RecursionError:
            raise self._error(None, "it is nested too deep", "Search in several steps.") from None

    def field_alone(self) -> Field:
        if not self._text:
            raise ValueRejected(f"{self._what} is empty.", f"Name a field. {nearest('', _all_fields())}")
        found = self._field(self._parsed())
        if found is None:
            raise self._error(None, "this is no field", "Name one as result.seconds or ts_start.")
        return found

    def _parsed(self) -> ast.expr:
        # In parentheses, an expression may have line breaks.
        problem = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes that Python will not have for ever
                return ast.parse(f"(\n{self._text}\n)", mode="eval").body
        except SyntaxError as exc:
            problem = exc
        except (ValueError, RecursionError, MemoryError):
            raise self._error(None, "it is nested too deep, or has a number that is too long", _EXAMPLE) from None
        hint = _EXAMPLE
        if "==" in (problem.msg or "") or "'='" in (problem.msg or ""):
            hint = "Two values are compared by ==."
        line, column = (problem.lineno or 2) - 2, max((problem.offset or 1) - 1, 0)
        lines = self._text.split("\n")
        place = len(self._text)
        if 0 <= line < len(lines):
            place = sum(len(each) + 1 for each in lines[:line]) + min(column, len(lines[line]))
        where = _place(self._whole, place + self._before)
        raise ValueRejected(f"{self._what}, {where}: Python's syntax does not allow this.", hint) from None

    def _error(self, node: ast.AST | None, problem: str, hint: str) -> ValueRejected:
        if node is None:
            return ValueRejected(f"{self._what}: {problem}.", hint)
        lines = self._text.split("\n")
        line = getattr(node, "lineno", 2) - 2
        # Python counts bytes.
        column = len(
            lines[line].encode("utf-8", "surrogatepass")[: getattr(node, "col_offset", 0)].decode(errors="ignore")
        )
        place = sum(len(each) + 1 for each in lines[:line]) + column + self._before
        return ValueRejected(f"{self._what}, {_place(self._whole, place)}: {problem}.", hint)

    # --- conditions ---------------------------------------------------------------------------------------------------

    def _node(self, node: ast.expr) -> Node:
        if isinstance(node, ast.BoolOp):
            parts = tuple(map(self._node, node.values))
            return All(parts) if isinstance(node.op, ast.And) else Any(parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return Not(self._node(node.operand))
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
            raise self._error(node, "conditions are not combined by & and |", "Write 'and', 'or' and 'not'.")
        field = self._field(node)
        if field is None:
            self._refuse(node)
        self._count(node, 1)
        return All((there(field), Not(Atom(field, "==", _FALSE))))

    def _refuse(self, node: ast.expr) -> NoReturn:
        names = {
            ast.Call: "calls are not allowed",
            ast.Lambda: "functions are not allowed",
            ast.IfExp: "'if' is not allowed",
            ast.JoinedStr: "an f-string is no value",
            ast.BinOp: "values are not computed",
            ast.UnaryOp: "values are not computed",
            ast.NamedExpr: "values are not given names",
            ast.Constant: "a value alone is no condition",
        }
        raise self._error(node, names.get(type(node), "this is no condition"), _EXAMPLE)

    def _comparison(self, node: ast.Compare) -> Node:
        sides = [node.left, *node.comparators]
        parts = [
            self._compare(node, left, operation, right)
            for left, operation, right in zip(sides, node.ops, sides[1:], strict=False)
        ]
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _compare(self, node: ast.Compare, left: ast.expr, operation: ast.cmpop, right: ast.expr) -> Node:
        first, second = self._field(left), self._field(right)
        if first is not None and second is not None:
            raise self._error(right, "two fields are compared", "Compare a field with a value.")
        field, value = (first, right) if first is not None else (second, left)
        if field is None:
            for side in (left, right):
                if not _is_value(side):
                    self._refuse(side)
            raise self._error(node, "no field is compared", _EXAMPLE)
        if isinstance(operation, (ast.In, ast.NotIn)):
            found = self._is_in(field, value) if first is not None else self._contains(value, field)
            return found if isinstance(operation, ast.In) else All((there(field), Not(found)))
        if isinstance(value, ast.Constant) and value.value is None:
            return self._is_none(field, operation, value)
        if isinstance(operation, (ast.Is, ast.IsNot)):
            raise self._error(value, "'is' is for None alone", "Compare values by == or !=.")
        operand = self._operand(field, value)
        if isinstance(operation, ast.NotEq):
            return All((there(field), Not(Atom(field, "==", (operand,)))))
        comparison = _COMPARISONS[type(operation)]
        if operand.kind is not None and comparison != "==":
            raise self._error(value, "text with a NUL or half a surrogate pair has no order", "Compare it by ==.")
        return Atom(field, comparison if first is not None else _MIRRORED[comparison], (operand,))

    def _is_none(self, field: Field, operation: ast.cmpop, value: ast.expr) -> Node:
        self._count(value, 1)
        if isinstance(operation, (ast.Is, ast.Eq)):
            return Not(there(field))
        if isinstance(operation, (ast.IsNot, ast.NotEq)):
            return there(field)
        raise self._error(value, "None is neither less nor greater", "Write 'is None' or 'is not None'.")

    def _is_in(self, field: Field, values: ast.expr) -> Node:
        if not isinstance(values, (ast.List, ast.Tuple, ast.Set)):
            raise self._error(values, "'in' needs a list of values here", 'As in: status in ["FAILED", "TIMED_OUT"]')
        nothing = [item for item in values.elts if isinstance(item, ast.Constant) and item.value is None]
        operands = dict.fromkeys(self._operand(field, item) for item in values.elts if item not in nothing)
        found = Atom(field, "==", tuple(operands))
        return Any((Not(there(field)), found)) if nothing else found

    def _contains(self, part: ast.expr, field: Field) -> Atom:
        if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
            raise self._error(part, "only text can be in a field", 'As in: "timeout" in result.message')
        if field.kind not in ("text", "any"):
            raise self._error(part, f"{field} holds {_HOLDS[field.kind]}, which contain no text", "Compare it.")
        self._count(part, 1)
        if not is_storable(part.value):
            raise self._error(part, "text with a NUL or half a surrogate pair is in no other", "Compare it by ==.")
        return Atom(field, "contains", (Operand(words=part.value),))

    # --- values -------------------------------------------------------------------------------------------------------

    def _operand(self, field: Field, node: ast.expr) -> Operand:
        self._count(node, 1)
        value = self._value(node)
        kind = field.kind
        if kind == "time":
            return self._time(field, node, value)
        wrong = isinstance(value, str) != (kind == "text")
        if kind != "any" and wrong:
            given = "text" if isinstance(value, str) else "a number"
            raise self._error(
                node, f"{field} holds {_HOLDS[kind]}, and is compared with {given}", "Compare like types."
            )
        if not isinstance(value, str):
            return Operand(number=value)
        if field.source == "status" and value not in Status.__members__:
            raise self._error(node, "this is no status", nearest(value, Status.__members__))
        if is_storable(value):
            return Operand(words=value)
        return Operand(words=value.encode("unicode_escape").decode("ascii"), kind="e")

    def _time(self, field: Field, node: ast.expr, value: str | float) -> Operand:
        problem = self._error(
            node, f"{field} holds times, and this is none", 'Write it as in: ts_start >= "2025-01-31 12:00" (UTC)'
        )
        if not isinstance(value, str):
            raise problem
        try:
            moment = dt.datetime.fromisoformat(value.strip().removesuffix("Z"))
        except ValueError:
            raise problem from None
        moment = to_utc(moment if moment.tzinfo else moment.replace(tzinfo=dt.timezone.utc), self._what)
        return Operand(number=float((moment - _EPOCH) // dt.timedelta(microseconds=1)))

    def _value(self, node: ast.expr) -> str | float:
        """A text, or a number: True is 1, False is 0."""
        sign = 1.0
        inner = node
        while isinstance(inner, ast.UnaryOp) and isinstance(inner.op, (ast.USub, ast.UAdd)):
            sign = -sign if isinstance(inner.op, ast.USub) else sign
            inner = inner.operand
        value = inner.value if isinstance(inner, ast.Constant) else None
        if isinstance(value, str) and inner is node:
            return value
        if not isinstance(value, (int, float)):
            if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
                raise self._error(node, "a list is compared", "Write 'in' before a list.")
            if isinstance(inner, ast.Constant):
                raise self._error(node, "a value of this type cannot be compared", "Give a number, text, or None.")
            self._refuse(node)
        try:
            number = sign * float(value)
        except OverflowError:
            number = math.inf
        if math.isinf(number):
            raise self._error(node, "the number is too large", "Numbers are compared as 64-bit floats.")
        return number

    def _count(self, node: ast.expr, terms: int) -> None:
        self._terms += terms
        if self._terms > MOST_TERMS:
            raise self._error(
                node,
                f"there are more than {MOST_TERMS} comparisons (each value of a list is one)",
                "Search in several steps.",
            )

    # --- fields -------------------------------------------------------------------------------------------------------

    def _field(self, node: ast.expr) -> Field | None:
        """The field that is named; None for what is no name. Raises ValueRejected for names of nothing."""
        if isinstance(node, ast.Name):
            if node.id in OWN:
                return Field(node.id)
            if node.id in PREFIXES:
                raise self._error(node, f"{node.id!r} needs a name", f'Write {node.id}.NAME, or {node.id}["any name"].')
            raise self._error(node, f"there is no field {node.id[:100]!r}", nearest(node.id, _all_fields()))
        if isinstance(node, ast.Attribute):
            return self._named(node, node.value, node.attr)
        if isinstance(node, ast.Subscript):
            name = node.slice.value if isinstance(node.slice, ast.Constant) else None
            if not isinstance(name, str):
                raise self._error(node, "the name in brackets is no text", 'Write it as in: config["any name"]')
            return self._named(node, node.value, name)
        return None

    def _named(self, node: ast.expr, source: ast.expr, name: str) -> Field:
        if isinstance(source, (ast.Attribute, ast.Subscript)):
            raise self._error(node, "a field has one name", 'A name with a dot stands in brackets: config["a.b"]')
        if not isinstance(source, ast.Name):
            self._refuse(source)
        if source.id in OWN:
            raise self._error(node, f"{source.id} has no fields of its own", f"Write {source.id} alone.")
        if source.id not in PREFIXES:
            raise self._error(node, f"there is no field {source.id[:100]!r}", nearest(source.id, _all_fields()))
        if not name or not is_storable(name):
            raise self._error(node, "no value can have this name", "Give the name of a value.")
        return Field(source.id, name)


def _is_value(node: ast.expr) -> bool:
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(inner, (ast.Constant, ast.List, ast.Tuple, ast.Set))


def _all_fields() -> list[str]:
    return [*OWN, *PREFIXES]
