"""What was added to a table since, whoever added it: this process, another, or a program of someone else's.

The table is looked at again and again. Rows are found by the moment at which they were made, which is a little before they
are committed: the last seconds are looked at each time, and what was found in them is remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, select

from gateway.embedded.expressions import member
from gateway.embedded.moments import now
from gateway.embedded.prepared import values_of
from gateway.embedded.shapes import Row, shape_of

INTERVAL = 0.1
"""Seconds between two looks."""

COMMIT = timedelta(seconds=10)
"""How long a row may take from when it is made until it is committed."""


@dataclass
class Tail:
    """The rows of a table that fit and that are added from `begin` on; `made` is the column of when a row was made."""

    table: Table
    made: Column[datetime]
    fit: Sequence[ColumnElement[bool]]
    _looked: datetime = field(default_factory=now)
    _known: dict[str, datetime] = field(default_factory=dict)

    def begin(self, connection: Connection) -> None:
        """Pass over what is there."""
        self._look(connection, ())

    def know(self, rows: Sequence[Row]) -> None:
        """Pass over rows that were handed out otherwise."""
        self._known |= {row["id"]: self._looked for row in rows}

    def added(self, connection: Connection) -> list[Row]:
        """Return what was added since the last look, in the order in which it was made."""
        ids = self._look(connection, self.fit)
        if not ids:
            return []
        statement = select(self.table).where(member(self.table.c.id, ids)).order_by(self.made, self.table.c.id)
        return shape_of(self.table)(values_of(connection, statement), 0)

    def _look(self, connection: Connection, fit: Sequence[ColumnElement[bool]]) -> list[str]:
        """Return the ids of rows that are new."""
        begun, since = now(), self._looked - COMMIT
        found: Any = connection.execute(select(self.table.c.id, self.made).where(self.made >= since, *fit))
        rows = dict(iter(found))
        new = [id_ for id_ in rows if id_ not in self._known]
        self._known = {id_: made for id_, made in self._known.items() if made >= since} | rows
        self._looked = begun
        return new
