"""Rules about the text of a scene that can be told without reading it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from drivesim.scenarios.checks.messages import Finding
from drivesim.scenarios.language.scene_text import seal_of

if TYPE_CHECKING:
    from drivesim.scenarios.language.schema import Scenario

TEXT = ("scene", "text")


def text_findings(scenario: Scenario) -> Iterator[Finding]:
    """A text that nobody has read, or that was changed since."""
    text = scenario.scene.text
    if text is None:
        return
    if text.reading is None:
        fix = "Load the scenario from a file, or give the text with the method .text(...), which read it."
        yield Finding(code="DS094", text=f"the scene's text has not been read. {fix}", location=TEXT)
    elif text.reading.seal != seal_of(text.says, text.reading.by, text.reading.words):
        fix = "Remove 'reading', and the keys of the scene that came from it, to have the text read anew."
        yield Finding(code="DS096", text=f"the scene's text was changed after it was read. {fix}", location=TEXT)
