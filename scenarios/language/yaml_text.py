"""YAML 1.2 text to a tree of plain values that know their line and column, with limits against hostile files.

The tree is built from ruamel.yaml's event stream, so nothing is constructed before size, depth and number of values are
known to be small: an alias bomb or a thousand brackets end in one message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

from drivesim.scenarios.checks.messages import Problem, ScenarioError

#: Limits of a scenario file; the largest sensible suite stays far below them.
MAX_BYTES = 256 * 1024
MAX_DEPTH = 24
MAX_VALUES = 20_000

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {"": None, "~": None} | {
    spelling: value
    for word, value in (("null", None), ("true", True), ("false", False))
    for spelling in (word, word.title(), word.upper())
}
_SPECIAL = {
    spelling: float(word)
    for word in ("inf", "-inf", "nan")
    for base in (word.lstrip("-"),)
    for sign in ("-" if word.startswith("-") else "",)
    for spelling in (f"{sign}.{base}", f"{sign}.{base.title()}", f"{sign}.{base.upper()}")
} | {"+.inf": float("inf"), ".NaN": float("nan")}


@dataclass(slots=True)
class Node:
    """A value with its place in ``file``: a scalar, a list of nodes or a mapping from key to node.

    ``line`` and ``column`` count from 1; ``keys`` holds the place of each key of a mapping, in the file of its value;
    ``size`` counts the values below, aliases expanded.
    """

    value: Any
    line: int
    column: int
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    size: int = 1
    file: str = ""

    def plain(self) -> Any:
        """The value without places: dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


def read_content(path: str | Path) -> bytes:
    """The bytes of a scenario file. Raises ScenarioError when it is not there, no file, not readable or too large."""
    file = Path(path)
    name = str(path)
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        size = file.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        _fail("DS001", "there is no such file. Check the path, or name a library scenario.", name)
    except IsADirectoryError:
        _fail("DS002", "this is a folder. Name a scenario .yaml file in it.", name)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        _fail("DS002", f"the file cannot be read ({reason.lower()}). Check its name and permissions.", name)
    if size > MAX_BYTES:
        _fail("DS003", too_large(size), name)
    return content


def too_large(size: int) -> str:
    """The message for a file of ``size`` bytes."""
    shown = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size // 1024} KiB"
    return f"{shown} is too large for a scenario file (at most {MAX_BYTES // 1024} KiB). Split the suite."


def decode(content: bytes, name: str) -> str:
    """The text of a scenario file. Raises ScenarioError when it is too large, binary, not UTF-8 or empty."""
    if len(content) > MAX_BYTES:
        _fail("DS003", too_large(len(content)), name)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        _fail("DS005", "the text is UTF-16. Save it as UTF-8.", name)
    if b"\x00" in content:
        _fail("DS004", "this is a binary file, not a YAML text. Give a scenario .yaml file.", name)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        _fail("DS005", f"byte 0x{content[error.start]:02x} is not UTF-8. Save the file as UTF-8.", name, line, column)
    if not text.strip():
        _fail("DS006", "the file is empty. Start from a library scenario: 'drivesim check --library'.", name)
    return text


def parse(text: str, name: str) -> tuple[Node, list[Problem]]:
    """The tree of a YAML text, and the duplicate keys in it. Raises ScenarioError when it is not usable YAML."""
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), start=1):
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent and line.strip() and not line.lstrip().startswith("#"):
            _fail("DS007", "a tab is used for indentation. Use spaces.", name, number, indent.index("\t") + 1)
    try:
        events = YAML(typ="rt", pure=True).parse(text)
        root = _Builder(name, problems).document(events)
    except YAMLError as error:
        code, message = _syntax(error)
        _fail(code, message, name, *_mark(error, text))
    except (ValueError, IndexError, RecursionError) as error:
        _fail("DS007", f"not valid YAML: {error}.", name)
    return root, problems


class _Builder:
    """Builds nodes from events without recursion over the text's own depth beyond MAX_DEPTH."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self.name = name
        self.problems = problems
        self.anchors: dict[str, Node] = {}
        self.values = 0

    def document(self, events: Iterator[Any]) -> Node:
        root: Node | None = None
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent" and root is not None:
                self.fail("DS010", "a second document starts here. Use one file per scenario, or 'scenarios:'.", event)
            if isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent | AliasEvent):
                root = self.node(event, events, 1)
        if root is None:
            _fail(
                "DS006",
                "the file holds no values. Start from a library scenario: 'drivesim check --library'.",
                self.name,
            )
        return root

    def node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        if depth > MAX_DEPTH:
            self.fail("DS008", f"nested deeper than {MAX_DEPTH} levels. A scenario needs fewer than 10.", event)
        if isinstance(event, AliasEvent):
            if event.anchor not in self.anchors:
                self.fail("DS007", f"alias '*{event.anchor}' has no anchor '&{event.anchor}' before it.", event)
            node = self.anchors[event.anchor]
            self.count(node.size, event)
            return node
        tag = str(event.tag) if event.tag is not None else ""
        if tag and not tag.endswith(":str"):
            self.fail(
                "DS011", f"tag '{tag.replace('tag:yaml.org,2002:', '!!')}' is not used in scenarios. Remove it.", event
            )
        self.count(1, event)
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, ScalarEvent):
            plain = event.style in (None, "") and not tag
            node = Node(_scalar(event.value) if plain else str(event.value), line, column, file=self.name)
        elif isinstance(event, SequenceStartEvent):
            node = self.sequence(events, depth, line, column)
        else:
            node = self.mapping(events, depth, line, column)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def sequence(self, events: Iterator[Any], depth: int, line: int, column: int) -> Node:
        items: list[Node] = []
        for event in events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            items.append(self.node(event, events, depth + 1))
        return Node(items, line, column, size=1 + sum(item.size for item in items), file=self.name)

    def mapping(self, events: Iterator[Any], depth: int, line: int, column: int) -> Node:
        node = Node({}, line, column, file=self.name)
        for event in events:
            if type(event).__name__ == "MappingEndEvent":
                break
            key = self.key(event, events)
            value = self.node(next(events), events, depth + 1)
            place = (event.start_mark.line + 1, event.start_mark.column + 1)
            if key in node.value:
                first = node.keys[key]
                text = f"key '{key}' was given before, on line {first[0]}. Keep one."
                self.problems.append(Problem(code="DS009", text=text, file=self.name, line=place[0], column=place[1]))
                continue
            node.value[key], node.keys[key] = value, place
            node.size += value.size
        return node

    def key(self, event: Any, events: Iterator[Any]) -> str:
        if not isinstance(event, ScalarEvent):
            self.fail("DS011", "a key must be a plain word here, not a list, mapping or alias.", event)
        if event.value == "<<" and event.style in (None, ""):
            self.fail(
                "DS011", "merge keys ('<<') are not YAML 1.2. Use 'defaults:' of a suite, or repeat the keys.", event
            )
        return str(event.value)

    def count(self, number: int, event: Any) -> None:
        self.values += number
        if self.values > MAX_VALUES:
            text = f"the file expands to more than {MAX_VALUES} values. Use fewer aliases, or split the suite."
            self.fail("DS008", text, event)

    def fail(self, code: str, text: str, event: Any) -> NoReturn:
        _fail(code, text, self.name, event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(text: str) -> Any:
    """The value of an unquoted scalar by YAML 1.2's core schema (``22:30`` stays text, ``no`` stays text)."""
    if text in _WORDS:
        return _WORDS[text]
    if text in _SPECIAL:
        return _SPECIAL[text]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 20 else float(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _syntax(error: YAMLError) -> tuple[str, str]:
    problem = getattr(error, "problem", None)
    if problem is None:
        character = getattr(error, "character", None)
        if character is not None:
            return "DS004", f"control character {character!r} is not text. Give a scenario .yaml file."
        return "DS007", "not valid YAML."
    first = str(problem).split("\n")[0]
    hints = {
        "mapping values are not allowed": "Is there a second ':' on the line? Quote the value.",
        "cannot start any token": "Quote the value.",
        "<stream end>": "A bracket, brace or quote is not closed.",
        "unexpected end of stream": "A quote is not closed.",
        "expected ',' or": "A comma, bracket or brace is missing.",
        "could not find expected ':'": "A ':' is missing after a key, or the indentation is off.",
        "expected <block end>": "The indentation is off.",
    }
    hint = next((advice for part, advice in hints.items() if part in first), "Check quotes, brackets and indentation.")
    return "DS007", f"not valid YAML: {first}. {hint}"


def _mark(error: YAMLError, text: str) -> tuple[int, int]:
    """Line and column of a syntax error, 0 when it has none."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return mark.line + 1, mark.column + 1
    position = getattr(error, "position", None)
    if isinstance(position, int):
        return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    return 0, 0


def _fail(code: str, text: str, name: str, line: int = 0, column: int = 0) -> NoReturn:
    raise ScenarioError([Problem(code=code, text=text, file=name, line=line, column=column)])
