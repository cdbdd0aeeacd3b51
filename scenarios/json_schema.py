"""JSON Schema of scenario files: one scenario, or a suite with defaults."""

from __future__ import annotations

from typing import Any

from drivesim.scenarios.entries import VERSION, Defaults, Reference
from drivesim.scenarios.language.schema import Scenario


def scenario_schema() -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) that accepts what :func:`drivesim.scenarios.load` accepts in form."""
    reference = "#/$defs/{model}"
    scenario = Scenario.model_json_schema(by_alias=True, ref_template=reference)
    defaults = Defaults.model_json_schema(by_alias=True, ref_template=reference)
    named = Reference.model_json_schema(by_alias=True, ref_template=reference)
    definitions = {**scenario.pop("$defs", {}), **defaults.pop("$defs", {}), **named.pop("$defs", {})}
    entry = [{"$ref": reference.format(model=model)} for model in ("Scenario", "Reference")]
    version = {"const": VERSION, "description": "schema version"}
    one = {
        **scenario,
        "properties": {"drivesim": version, **scenario["properties"]},
        "required": ["drivesim", "id", "scene"],
    }
    suite = {
        "type": "object",
        "additionalProperties": False,
        "required": ["drivesim", "scenarios"],
        "properties": {
            "drivesim": version,
            "defaults": {"$ref": reference.format(model="Defaults")},
            "overrides": {"$ref": reference.format(model="Defaults")},
            "scenarios": {"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "string"}, *entry]}},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "drivesim scenario",
        "oneOf": [one, suite],
        "$defs": {
            **definitions,
            "Scenario": {**scenario, "required": ["id", "scene"]},
            "Defaults": defaults,
            "Reference": named,
        },
    }
