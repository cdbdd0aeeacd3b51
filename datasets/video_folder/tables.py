"""Reading side files as rows of text with their places, and listing everything wrong with them at once."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivesim.errors import InputError
from drivesim.scenarios.language.values import suggestion

#: So many faults of one file are listed; the rest is counted.
MOST_FAULTS = 20


@dataclass
class Faults:
    """The faults of one side file, each with its place."""

    path: Path
    lines: list[str] = field(default_factory=list)

    def add(self, where: str, text: str) -> None:
        """Note a fault at ``where``: a line number, or the place inside a JSON file."""
        self.lines.append(f"{self.path}:{where}: {text}" if where else f"{self.path}: {text}")

    def stop_if_any(self) -> None:
        """Raises InputError listing all faults, one a line."""
        if self.lines:
            more = (
                [f"{self.path}: and {len(self.lines) - MOST_FAULTS} more faults"]
                if len(self.lines) > MOST_FAULTS
                else []
            )
            raise InputError("\n".join(self.lines[:MOST_FAULTS] + more))


@dataclass(frozen=True)
class TableRow:
    """One row: its place in the file, and its values by column (text from CSV, anything from JSON)."""

    where: str
    values: dict[str, Any]


def read_text(path: Path, faults: Faults) -> str:
    """The file's text. Raises InputError when it cannot be read or is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        faults.add(str(line), f"byte {error.object[error.start]:#04x} is not UTF-8 text; save the file as UTF-8")
    except OSError as error:
        faults.add("", f"cannot be read ({error.strerror}); mend its rights or its disk")
    faults.stop_if_any()
    raise AssertionError("a fault stops")


def read_csv(path: Path, required: Iterable[str], optional: Iterable[str], faults: Faults) -> list[TableRow]:
    """The rows of a CSV file with a heading line. Raises InputError for wrong columns; notes rows of wrong length."""
    text = read_text(path, faults)
    longest = max(map(len, text.splitlines()), default=0)
    if longest > csv.field_size_limit():
        faults.add("", f"a line of {longest} characters; expected rows of numbers separated by commas")
        faults.stop_if_any()
    lines = csv.reader(text.splitlines())
    try:
        everything = [(str(lines.line_num), values) for values in lines]
    except csv.Error as error:
        faults.add(str(lines.line_num), f"no line of a CSV file ({error})")
        faults.stop_if_any()
    heading = [name.strip() for name in everything[0][1]] if everything else []
    if len(heading) == 1 and (";" in heading[0] or "\t" in heading[0]):
        faults.add("1", "columns are parted by ';' or tabs; part them by commas")
    else:
        _check_columns(heading, "1", required, optional, faults)
    faults.stop_if_any()
    rows = []
    for where, values in everything[1:]:
        if not any(value.strip() for value in values):
            continue
        if len(values) != len(heading):
            faults.add(where, f"{len(values)} values for {len(heading)} columns")
            continue
        rows.append(TableRow(where, dict(zip(heading, (value.strip() for value in values), strict=True))))
    return rows


def read_json(path: Path, faults: Faults) -> dict[str, Any]:
    """The object of a JSON file. Raises InputError for broken or truncated JSON, and for anything but an object."""
    text = read_text(path, faults)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        cut = " The file ends in the middle: copy it again." if error.pos >= len(text.rstrip()) - 1 else ""
        faults.add(f"{error.lineno}:{error.colno}", f"not valid JSON: {error.msg}.{cut}")
    except (RecursionError, ValueError) as error:
        faults.add("", f"not valid JSON: nested too deep, or a number of too many digits ({error})")
    else:
        if isinstance(value, dict):
            return value
        kind = "a bare list" if isinstance(value, list) else f"a {type(value).__name__}"
        faults.add("1", f'{kind}; expected an object in braces, such as {{"boxes": [...]}} in a boxes file')
    faults.stop_if_any()
    raise AssertionError("a fault stops")


def read_json_rows(
    path: Path, key: str, required: Iterable[str], optional: Iterable[str], faults: Faults
) -> list[TableRow]:
    """The objects of the list under ``key``. Raises InputError when there is none; notes objects with wrong keys."""
    document = read_json(path, faults)
    listed = document.get(key)
    if not isinstance(listed, list) or set(document) != {key}:
        faults.add("1", f"keys {', '.join(map(repr, document)) or 'none'}; expected one list under {key!r}")
        faults.stop_if_any()
    rows = []
    for number, values in enumerate(listed or []):
        where = f"{key}[{number}]"
        if not isinstance(values, dict):
            faults.add(where, f"expected an object, got {values!r:.40}")
            continue
        before = len(faults.lines)
        # An object with a moment alone says that somebody looked and saw nothing.
        bare = len(values) == 1 and set(values) <= set(optional)
        _check_columns(list(values), where, () if bare else required, optional, faults)
        if len(faults.lines) == before:
            rows.append(TableRow(where, values))
    return rows


def number_of(row: TableRow, column: str, faults: Faults) -> float:
    """A finite number; notes a fault and gives NaN where there is none."""
    value = row.values[column]
    try:
        if isinstance(value, bool):
            raise TypeError
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        faults.add(row.where, f"{column} {str(value)[:40]!r} is not a number")
        return math.nan
    if not math.isfinite(found):
        faults.add(row.where, f"{column} is {value}; every row needs a finite number, or leave the row out")
        return math.nan
    return found


def check_keys(found: Iterable[str], known: Iterable[str], where: str, faults: Faults, kind: str = "key") -> None:
    """Notes each unknown key, with the nearest known one."""
    known = list(known)
    for name in found:
        if name not in known:
            near = suggestion(name, known)
            hint = f"did you mean {near!r}?" if near else f"known: {', '.join(known)}"
            faults.add(where, f"unknown {kind} {name!r}; {hint}")


def _check_columns(
    found: list[str], where: str, required: Iterable[str], optional: Iterable[str], faults: Faults
) -> None:
    required = list(required)
    missing = [name for name in required if name not in found]
    if missing:
        faults.add(where, f"missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}")
    check_keys(found, [*required, *optional], where, faults, kind="column")
    if len(set(found)) < len(found):
        faults.add(where, "a column comes twice")
