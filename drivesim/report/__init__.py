"""Reports: what was measured, as one document that is written as JSON, HTML and JUnit."""

from drivesim.report.document import (
    COMPARED,
    REFERENCES,
    Band,
    Figure,
    Picture,
    Plot,
    Report,
    Section,
    Series,
    Table,
)

__all__ = [
    "COMPARED",
    "REFERENCES",
    "Band",
    "Figure",
    "Picture",
    "Plot",
    "Report",
    "Section",
    "Series",
    "Table",
]
