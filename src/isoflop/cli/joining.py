"""Two tables of the same models as one: what --join and --on mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.errors import BadInput

if TYPE_CHECKING:
    from isoflop.runs.tabular import Table


def joined(table: Table, other: Table, on: str) -> Table:
    """The rows of the first that have a row of the same ``on`` in the second, with the columns of both.

    Raises RunsError for a table without that column, BadInput for names used twice in the second or none in both.
    """
    from isoflop.runs.tabular import Table

    for one in (table, other):
        one.labels(on)  # an unknown column is refused with those that are known
    doubled = other.frame[on].is_duplicated()
    if doubled.any():
        raise BadInput(
            f"{other.source} has several rows of {on} = {other.frame[on].filter(doubled)[0]}. One row a model is "
            f"allowed. Keep one of them."
        )
    frame = table.frame.join(other.frame, on=on, how="inner", suffix="_joined")
    if frame.is_empty():
        raise BadInput(f"No {on} is in both {table.source} and {other.source}. Name another column with --on.")
    note = f"{frame.height} of {len(table)} rows have a row of the same {on} in {other.source}."
    return Table(frame, table.source, (*table.notes, note))
