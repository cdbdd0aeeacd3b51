"""An XML file as elements that know their line, and that remember whether anybody read them."""

from __future__ import annotations

import io
import xml.sax
import xml.sax.handler
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivesim.errors import InputError

MOST_BYTES = 20_000_000
MOST_DEPTH = 200


@dataclass(eq=False)
class Element:
    """One element: its tag, attributes as text, children, and the file and line it stands on.

    ``read`` becomes true when somebody takes it; what stays false at the end was not understood.
    """

    tag: str
    attributes: dict[str, str]
    file: Path
    line: int
    children: list[Element] = field(default_factory=list)
    read: bool = False

    @property
    def where(self) -> str:
        """``file:line``."""
        return f"{self.file.name}:{self.line}"

    def child(self, tag: str) -> Element | None:
        """The first child with a tag, which counts as read; None without one."""
        found = next((child for child in self.children if child.tag == tag), None)
        if found is not None:
            found.read = True
        return found

    def need(self, tag: str) -> Element:
        """The child that must be there. Raises InputError."""
        found = self.child(tag)
        if found is None:
            raise InputError(f"{self.where}: <{self.tag}> has no <{tag}>.")
        return found

    def all(self, tag: str) -> list[Element]:
        """All children with a tag; they count as read."""
        found = [child for child in self.children if child.tag == tag]
        for child in found:
            child.read = True
        return found

    def only(self) -> Element:
        """The one child, whatever it is called. Raises InputError where there is none or are several."""
        if len(self.children) != 1:
            names = ", ".join(f"<{child.tag}>" for child in self.children) or "nothing"
            raise InputError(f"{self.where}: <{self.tag}> must hold one element, it holds {names}.")
        self.children[0].read = True
        return self.children[0]

    def take(self) -> Element:
        """Marks this element and all below it as read; for parts whose meaning is known to be nothing here."""
        self.read = True
        for child in self.children:
            child.take()
        return self

    def unread(self) -> Iterator[Element]:
        """The topmost elements that nobody read."""
        for child in self.children:
            if child.read:
                yield from child.unread()
            else:
                yield child


def read_xml(path: Path) -> Element:
    """The root element of a file. Raises InputError saying what is wrong with it, and where."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MOST_BYTES:
        raise InputError(f"{path} has {len(data) / 1e6:.0f} MB; a scenario has less than {MOST_BYTES / 1e6:.0f} MB.")
    if not data.strip():
        raise InputError(f"{path} is empty.")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise InputError(
            f"{path} declares a document type or entities, which OpenSCENARIO has none of. Remove <!DOCTYPE …>."
        )
    builder = _Builder(path)
    parser: Any = xml.sax.make_parser()
    parser.setFeature(xml.sax.handler.feature_external_ges, False)
    parser.setContentHandler(builder)
    try:
        parser.parse(io.BytesIO(data))
    except xml.sax.SAXParseException as error:
        raise InputError(
            f"{path}:{error.getLineNumber()}:{(error.getColumnNumber() or 0) + 1}: not valid XML: {error.getMessage()}."
        ) from error
    assert builder.root is not None, "a document without a root does not parse"
    return builder.root


class _Builder(xml.sax.handler.ContentHandler):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.root: Element | None = None
        self._open: list[Element] = []
        self._locator: Any = None

    def setDocumentLocator(self, locator: Any) -> None:
        self._locator = locator

    def startElement(self, name: str, attrs: Any) -> None:
        tag = name.rpartition(":")[2]
        element = Element(tag, dict(attrs.items()), self.path, self._locator.getLineNumber())
        if len(self._open) >= MOST_DEPTH:
            raise InputError(f"{element.where}: nested more than {MOST_DEPTH} deep.")
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def endElement(self, name: str) -> None:
        self._open.pop()
