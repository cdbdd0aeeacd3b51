"""Tables of a report as Markdown, for pages that are written by hand."""

from __future__ import annotations

from drivesim.metrics.estimate import Estimate
from drivesim.report.document import Report, Table
from drivesim.report.formatting import full_text, number_text


def tables_markdown(report: Report) -> str:
    """Every table under its title, and below them what decided the figures."""
    parts = [f"**{table.title}**\n\n{table_markdown(table)}" for section in report.sections for table in section.tables]
    parts.append("\n".join(f"- {name}: {value}" for name, value in report.settings.items()))
    return "\n\n".join(parts) + "\n"


def table_markdown(table: Table) -> str:
    """A table of GitHub's kind, its note below."""
    lines = [table.columns, ("---",) * len(table.columns), *(tuple(_cell(cell) for cell in row) for row in table.rows)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{text}\n\n{table.note}" if table.note else text


def _cell(value: str | float | Estimate | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Estimate):
        return full_text(value)
    return value.replace("|", "\\|") if isinstance(value, str) else number_text(value)
