"""Plain values to YAML 1.2 text that people like to read: top keys on their own lines, inner mappings in braces."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

_SAFE = re.compile(r"[A-Za-z$][A-Za-z0-9_ /.-]*(?<! )")
_RESERVED = {"true", "false", "null", "yes", "no", "on", "off"}
#: Depth to which mappings are written one key a line, below these keys.
_BLOCK = {"scene": 2, "vary": 1, "labels": 1, "events": 1, "expect": 1}


def scenario_text(keys: Mapping[str, Any]) -> str:
    """A scenario file (schema version 1) of the plain values ``keys``."""
    return _dumped(CommentedMap({"drivesim": 1, **_scenario(keys)}))


def suite_text(scenarios: Sequence[Mapping[str, Any]]) -> str:
    """A suite (schema version 1) of the plain values of several scenarios."""
    return _dumped(CommentedMap({"drivesim": 1, "scenarios": CommentedSeq([_scenario(keys) for keys in scenarios])}))


def _scenario(keys: Mapping[str, Any]) -> CommentedMap:
    ordered = {**keys}
    ordered.setdefault("scene", {})
    return CommentedMap({key: _block(value, _BLOCK.get(key, 0)) for key, value in ordered.items()})


def _dumped(document: CommentedMap) -> str:
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _block(value: Any, depth: int) -> Any:
    if depth <= 0 or not isinstance(value, Mapping | list | tuple) or not value:
        return _flow(value)
    if isinstance(value, Mapping):
        inner = {"actors": 1}
        return CommentedMap(
            {_scalar(key): _block(item, inner.get(str(key), 0) if depth == 2 else 0) for key, item in value.items()}
        )
    return CommentedSeq([_flow(item) for item in value])


def _flow(value: Any) -> Any:
    if isinstance(value, Mapping):
        mapping = CommentedMap({_scalar(key): _flow(item) for key, item in value.items()})
        mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list | tuple):
        sequence = CommentedSeq([_flow(item) for item in value])
        sequence.fa.set_flow_style()
        return sequence
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if isinstance(value, str) and (not _SAFE.fullmatch(value) or value.lower() in _RESERVED):
        return DoubleQuotedScalarString(value)
    return value
