"""``where``: conditions that the parameters of a variation must meet, as ``gap > 1.5 * speed`` or ``sky == 'clear' or gap < 30 m``.

Comparisons of numbers in SI and of quoted words, with + - * /, min, max, abs, and, or, not. A number may carry a unit, a parameter
its ``$``. Nothing else is read, so a file cannot run anything. A division by zero leaves a condition unmet.
"""

from __future__ import annotations

import ast
import functools
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from drivesim.scenarios.checks.messages import Finding, ScenarioError
from drivesim.scenarios.language.units import UNITS, UnitError, parse_any, shown
from drivesim.scenarios.language.values import PlainValue, complain, suggestion

Value = float | str

_MOST_CHARACTERS = 400
_UNITS = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
#: Quoted words stay as they are; numbers with a unit are turned into SI, parameters lose their ``$``.
_PARTS = re.compile(
    rf"(?P<word>'[^']*'|\"[^\"]*\")|(?P<number>(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>{_UNITS})(?![\w/²^])|\$(?=[A-Za-z_])"
)
_LOOSE_UNIT = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)\s*([A-Za-z°%][\w/²^]*)")
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., float]] = {"min": min, "max": max, "abs": abs}
_KINDS = {"number": "a number", "word": "a word", "truth": "a condition"}


class ConstraintText(PlainValue):
    """A condition on parameters, kept as it was written."""

    def validate(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.strip():
            raise complain("DS033", f"{shown(value)} is no condition. Write a comparison, as gap > 1.5 * speed.")
        try:
            kind_of(value, None)
        except ValueError as error:
            raise complain("DS033", str(error)) from None
        return " ".join(value.split())

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "examples": ["gap > 1.5 * speed"]}


def names_in(text: str) -> tuple[str, ...]:
    """The parameters that a condition speaks of, in the order of the text."""
    found = [node.id for node in ast.walk(_tree(text)) if isinstance(node, ast.Name) and node.id not in _FUNCTIONS]
    return tuple(dict.fromkeys(found))


def kind_of(text: str, words: Mapping[str, bool] | None) -> None:
    """Raise ValueError, in words, for what is no condition; ``words`` says which parameters are words, None: any may be there."""
    if _kind(_tree(text), words) != "truth":
        raise ValueError(f"'{text}' is a value, not a condition. Compare it, as {text} > 0.")


def is_met(text: str, values: Mapping[str, Value]) -> bool:
    """Whether the values of a variation meet a condition."""
    try:
        return bool(_value(_tree(text), values))
    except ZeroDivisionError:
        return False


def filled_in(text: str, values: Mapping[str, Value]) -> str:
    """The condition with the parameters of ``values`` replaced by what they are."""

    class Filled(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return ast.Constant(values[node.id]) if node.id in values else node

    return ast.unparse(Filled().visit(ast.parse(_plain(text), mode="eval").body))


def where_with(where: Sequence[str], values: Mapping[str, Value], vary: Collection[str]) -> list[str]:
    """The conditions that are left when parameters of ``vary`` are fixed to ``values``.

    Raises ScenarioError for values that contradict one.
    """
    left = []
    for index, text in enumerate(where):
        if any(name in vary and name not in values for name in names_in(text)):
            left.append(filled_in(text, values))
        elif not is_met(text, values):
            said = ", ".join(f"{name} = {shown(values[name])}" for name in names_in(text))
            found = Finding(code="DS034", text=f"{said} contradicts '{text}'.", location=("where", index))
            raise ScenarioError([found.problem()])
    return left


@functools.lru_cache(maxsize=512)
def _tree(text: str) -> ast.expr:
    """The expression. Raises ValueError, in words, where there is none."""
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"a condition of {len(text)} characters is too long. Use at most {_MOST_CHARACTERS}.")
    try:
        return ast.parse(_plain(text), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        loose = next((m[1] for m in _LOOSE_UNIT.finditer(text) if m[1] not in UNITS), None)
        hint = f" '{loose}' is not a unit." if loose else " '==' compares, words are quoted." if "=" in text else ""
        raise ValueError(f"'{text}' cannot be read.{hint} Write a comparison, as gap > 1.5 * speed.") from None


def _plain(text: str) -> str:
    """The text as an expression of plain numbers in SI and bare names."""

    def replaced(found: re.Match[str]) -> str:
        if found["word"]:
            return found["word"]
        if not found["number"]:
            return ""
        try:
            return repr(parse_any(f"{found['number']} {found['unit']}")[0])
        except UnitError as error:
            raise ValueError(str(error)) from None

    return " ".join(_PARTS.sub(replaced, text).split())


def _kind(node: ast.expr, words: Mapping[str, bool] | None) -> str:
    """Whether an expression is a number, a word or a truth (``any`` where the parameters are not known)."""
    match node:
        case ast.Constant(value=bool()):
            raise ValueError("true and false are no conditions. Write a comparison, as gap > 1.5 * speed.")
        case ast.Constant(value=int() | float()):
            return "number"
        case ast.Constant(value=str()):
            return "word"
        case ast.Name(id=name):
            if words is None:
                return "any"
            if name not in words:
                near = suggestion(name, words)
                hint = f" Did you mean '{near}'?" if near else " Words are quoted, as sky == 'clear'."
                raise ValueError(f"'{name}' is not in 'vary' (has: {', '.join(words) or 'nothing'}).{hint}")
            return "word" if words[name] else "number"
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
            return _all_of("number", (inner,), words, node)
        case ast.BinOp(left=left, right=right, op=op) if type(op) in _OPERATORS:
            return _all_of("number", (left, right), words, node)
        case ast.Call(func=ast.Name(id=name), args=inner, keywords=[]) if name in _FUNCTIONS:
            if (len(inner) != 1 and name == "abs") or (len(inner) < 2 and name != "abs"):
                raise ValueError(
                    f"'{ast.unparse(node)}': {name} takes {'one value' if name == 'abs' else 'two values or more'}."
                )
            return _all_of("number", tuple(inner), words, node)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _all_of("truth", (inner,), words, node)
        case ast.BoolOp(values=inner):
            return _all_of("truth", tuple(inner), words, node)
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARISONS for op in ops):
            return _compared(node, (left, *others), ops, words)
    raise ValueError(
        f"'{ast.unparse(node)}' is no part of a condition. Use comparisons, + - * /, min, max, abs, and, or, not."
    )


def _all_of(wanted: str, parts: Sequence[ast.expr], words: Mapping[str, bool] | None, node: ast.expr) -> str:
    for part in parts:
        found = _kind(part, words)
        if found not in (wanted, "any") or (found == "any" and wanted == "truth"):
            is_now = "a value" if found == "any" else _KINDS[found]
            raise ValueError(f"'{ast.unparse(part)}' is {is_now} where '{ast.unparse(node)}' needs {_KINDS[wanted]}.")
    return wanted


def _compared(
    node: ast.expr, sides: Sequence[ast.expr], ops: Sequence[ast.cmpop], words: Mapping[str, bool] | None
) -> str:
    kinds = [_kind(side, words) for side in sides]
    if "truth" in kinds:
        raise ValueError(f"'{ast.unparse(node)}' compares a condition. Join conditions by 'and', 'or'.")
    if {"number", "word"} <= set(kinds):
        raise ValueError(f"'{ast.unparse(node)}' compares a number with a word.")
    if "word" in kinds and any(not isinstance(op, ast.Eq | ast.NotEq) for op in ops):
        raise ValueError(f"'{ast.unparse(node)}': words are equal (==) or not (!=), never less or more.")
    return "truth"


def _value(node: ast.expr, values: Mapping[str, Value]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return not _value(inner, values)
        case ast.UnaryOp(op=op, operand=inner):
            return -_value(inner, values) if isinstance(op, ast.USub) else _value(inner, values)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id=name), args=inner):
            return _FUNCTIONS[name](*(_value(one, values) for one in inner))
        case ast.BoolOp(op=op, values=inner):
            join = all if isinstance(op, ast.And) else any
            return join(_value(one, values) for one in inner)
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [_value(side, values) for side in (left, *others)]
            return all(_COMPARISONS[type(op)](a, b) for op, a, b in zip(ops, sides, sides[1:], strict=False))
    raise ValueError(f"'{ast.unparse(node)}' is no part of a condition")
