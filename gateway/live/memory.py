"""What of a topic was told, so that nothing is told twice, and what has to be read, so that nothing is lost."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from resolvers.collection import Row
from resolvers.rows import text
from resolvers.topics import Changes, Followed, Span, Topic

OVERLAP = timedelta(seconds=30)
"""How far before what is known it is read again: a server writes down some seconds later what it tells, and clocks differ."""
LATE = timedelta(minutes=15)
"""How far before that are sought the rows that come late: as far back as Prefect's own socket tells."""
HORIZON = timedelta(days=3650)
DEAF = timedelta(seconds=45)
"""How long a connection may be dead until that is noticed: websockets sends a ping after 20 s, and waits 20 s."""
REMEMBERED = 1_000
"""Ids that are kept in any case: a server may tell again what it told."""


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def until_forever() -> str:
    """Return a moment beyond all that may come."""
    return (now() + HORIZON).isoformat()


class Reading(NamedTuple):
    """One reading: of a time, and of the rows before it that come late; what the server took before `oldest` is not news."""

    span: Span
    late: Span | None
    begun: datetime
    oldest: datetime
    latest: datetime


class Memory(Protocol):
    """Knows what was told."""

    def begin(self) -> Reading:
        """Return what has to be read."""

    def news(self, rows: Sequence[Row], reading: Reading | None = None) -> list[Row]:
        """Return those of rows that were never told; without a reading they are just being told of."""

    def end(self, reading: Reading) -> None:
        """Note that a reading came to its end."""

    def complete(self) -> None:
        """Note that up to now nothing was missing, as far as could be heard."""


class Journal:
    """The rows of a topic that were told, by their ids and by when the server took them: its clock, not ours, says what is new."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._begun = self._read = self._mark = self._latest = now()
        self._known: dict[str, datetime] = {}

    def begin(self) -> Reading:
        """Read what came since all was known; where nothing came for long, that is since it was read last."""
        quiet = self._read - self._mark > 2 * OVERLAP
        since = (self._read if quiet else min(self._read, self._mark)) - OVERLAP
        late = Span((since - LATE).isoformat(), since.isoformat(), late=True)
        return Reading(Span(since.isoformat(), until_forever()), late, now(), self._oldest(), self._latest)

    def news(self, rows: Sequence[Row], reading: Reading | None = None) -> list[Row]:
        """Tell by the id, and of what is read by when the server took it too: that may have been before anyone listened."""
        new = []
        for row in rows:
            key = self._topic.known_by(row)
            if key is None or key in self._known:
                continue
            taken, own = moment(row, self._topic.taken), moment(row, self._topic.moment)
            known = max(filter(None, (taken, own)), default=now())
            if reading and known < reading.oldest:
                continue
            self._known[key] = known
            if taken:
                self._latest = max(self._latest, taken)
            new.append(row)
        return new

    def end(self, reading: Reading) -> None:
        """Nothing from before the reading is missing."""
        self._advance(reading.begun, reading.latest)

    def complete(self) -> None:
        """Nothing is missing."""
        self._advance(now() - DEAF, self._latest)

    def _oldest(self) -> datetime:
        return max(self._begun, self._mark - OVERLAP)

    def _advance(self, read: datetime, mark: datetime) -> None:
        self._read, self._mark = max(self._read, read), max(self._mark, mark)
        spare = len(self._known) - REMEMBERED
        if spare <= 0:
            return
        oldest = self._oldest()
        for key in [key for key, taken in self._known.items() if taken < oldest][:spare]:
            del self._known[key]


class Versions:
    """The states of rows that were seen; those of the first reading are no news."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._seen: dict[str, datetime] = {}
        self._whole = False

    def begin(self) -> Reading:
        """Read all."""
        moment_ = now()
        return Reading(Span("", ""), None, moment_, moment_, moment_)

    def news(self, rows: Sequence[Row], _reading: Reading | None = None) -> list[Row]:
        """Tell by the id and what changes with it."""
        new = []
        for row in rows:
            key = self._changes.known_by(row)
            if self._seen.pop(key, None) is None and self._whole:
                new.append(row)
            self._seen[key] = now()
        return new

    def end(self, _reading: Reading) -> None:
        """Forget what was not seen for long: it stands in the order in which it was seen last."""
        self._whole = True
        oldest = now() - 2 * OVERLAP
        for key in list(self._seen):
            if self._seen[key] > oldest:
                return
            del self._seen[key]

    def complete(self) -> None:
        """Nothing tells of changes, so nothing is known to be complete."""


def memory_of(topic: Followed) -> Memory:
    """Return an empty memory for a topic."""
    return Journal(topic) if isinstance(topic, Topic) else Versions(topic)


def moment(row: Row, key: str) -> datetime | None:
    """Return a moment of a row, None where there is none."""
    try:
        found = datetime.fromisoformat(text(row, key) or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
