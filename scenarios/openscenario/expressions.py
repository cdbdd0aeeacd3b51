"""Parameters and expressions of OpenSCENARIO: ``$speed`` and ``${$speed_kph / 3.6}``, as in its section on expressions."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drivesim.errors import InputError
from drivesim.scenarios.language.values import suggestion
from drivesim.scenarios.openscenario.document import Element

_REFERENCE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "round": lambda value: math.floor(value + 0.5), "floor": math.floor, "ceil": math.ceil, "sqrt": math.sqrt,
    "pow": math.pow, "abs": abs, "min": min, "max": max, "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "asin": math.asin, "acos": math.acos, "atan": math.atan, "sign": lambda value: float((value > 0) - (value < 0)),
}  # fmt: skip
_CONSTANTS = {"pi": math.pi, "PI": math.pi, "e": math.e}
_MOST_CHARACTERS = 2000


@dataclass(frozen=True)
class Parameters:
    """Values of declared parameters by name, as text with nothing left to resolve."""

    values: Mapping[str, str] = field(default_factory=dict)

    def text(self, element: Element, name: str, default: str | None = None) -> str:
        """An attribute with its parameters filled in. Raises InputError where it is missing or names an unknown one."""
        written = element.attributes.get(name, default)
        if written is None:
            raise InputError(f"{element.where}: <{element.tag}> has no attribute '{name}'.")
        return self.resolve(written, f'{element.where}: <{element.tag} {name}="{written}">')

    def number(self, element: Element, name: str, default: float | None = None) -> float:
        """An attribute as a finite number."""
        text = self.text(element, name, None if default is None else str(default))
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f'{element.where}: <{element.tag} {name}="{text}"> is not a finite number.')
        return value

    def flag(self, element: Element, name: str, default: bool = False) -> bool:
        """An attribute as true or false."""
        text = self.text(element, name, str(default)).lower()
        if text not in ("true", "false", "1", "0"):
            raise InputError(f'{element.where}: <{element.tag} {name}="{text}"> is neither true nor false.')
        return text in ("true", "1")

    def resolve(self, written: str, where: str) -> str:
        """A text with ``$name`` or ``${expression}`` filled in."""
        text = written.strip()
        if text.startswith("${"):
            if not text.endswith("}"):
                raise InputError(f"{where}: the expression has no closing brace.")
            return _plain(self._evaluate(text[2:-1], where))
        if text.startswith("$"):
            return self._value(text[1:], where)
        return text

    def extended(self, declarations: Element | None, given: Mapping[str, str]) -> Parameters:
        """With declared parameters added; ``given`` values replace the declared ones of the same name."""
        values = dict(self.values)
        for declared in declarations.all("ParameterDeclaration") if declarations is not None else ():
            declared.take()
            name = declared.attributes.get("name", "")
            if not name:
                raise InputError(f"{declared.where}: <ParameterDeclaration> has no name.")
            current = Parameters(values)
            values[name] = given[name] if name in given else current.text(declared, "value")
        return Parameters(values)

    def _value(self, name: str, where: str) -> str:
        if name not in self.values:
            near = suggestion(name, self.values)
            known = f"Did you mean '${near}'?" if near else f"Declared are: {', '.join(self.values) or 'none'}."
            raise InputError(f"{where}: parameter '${name}' is not declared. {known}")
        return self.values[name]

    def _evaluate(self, text: str, where: str) -> float | bool:
        if len(text) > _MOST_CHARACTERS:
            raise InputError(f"{where}: the expression is longer than {_MOST_CHARACTERS} characters.")
        filled = _REFERENCE.sub(lambda found: f"({self._value(found[1], where)})", text)
        try:
            return _value_of(ast.parse(filled.strip(), mode="eval").body)
        except (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError) as error:
            raise InputError(f"{where}: '{filled.strip()}' cannot be computed ({error}).") from None


def _value_of(node: ast.expr) -> float | bool:
    match node:
        case ast.Constant(value=bool() | int() | float()):
            return node.value  # type: ignore[return-value]
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.Name(id="true" | "false"):
            return node.id == "true"
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value_of(inner)
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return +_value_of(inner)
        case ast.BinOp(left=left, op=kind, right=right) if type(kind) in _OPERATORS:
            base, other = float(_value_of(left)), float(_value_of(right))
            if isinstance(kind, ast.Pow) and abs(other) > 64.0:
                raise ValueError("an exponent beyond 64")
            return float(_OPERATORS[type(kind)](base, other))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return float(_FUNCTIONS[name](*(float(_value_of(argument)) for argument in arguments)))
    raise ValueError(f"'{ast.unparse(node)}' is no part of OpenSCENARIO's expressions")


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(float(value))
