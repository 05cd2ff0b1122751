"""Windows: the span of time in which a trigger counts events, and what becomes of it with an event or with time.

A trigger has one window for each kind of events that it tells apart. As soon as a window has enough events (a reactive
trigger), or ends with too few (a proactive one), the trigger fires, and the next window begins where this one ended or, for
a trigger that waits for an event to begin `after`, with the next such event.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.embedded import stored
from gateway.embedded.automations.acting import Json, told
from gateway.embedded.automations.firing import fire
from gateway.embedded.automations.rules import Rule
from gateway.embedded.automations.tables import WINDOWS
from gateway.embedded.automations.triggers import NONE
from gateway.embedded.events import Event
from gateway.embedded.tables.types import dump_json

LOOK_BACK = timedelta(minutes=15)
"""How long before the first event that counts others may have occurred that count with it."""

KEPT = timedelta(seconds=60)
"""How long a window is kept after its end."""

INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


@dataclass(frozen=True)
class Window:
    """The events that were counted between two moments; `key` is the JSON of the values by which kinds are told."""

    trigger_id: str
    key: str
    automation_id: str
    start: datetime
    end: datetime
    count: int = 0
    last_event: Json | None = None

    def next(self, start: datetime, lasting: timedelta) -> "Window":
        """Return the window that follows, without events."""
        return Window(self.trigger_id, self.key, self.automation_id, start, start + lasting)


def react(connection: Connection, rule: Rule, event: Event) -> None:
    """Count an event that a rule is about."""
    trigger = rule.trigger
    labels = trigger.labels(event)
    key = dump_json(list(labels.values()))
    expected, starts = trigger.expects(event.event), trigger.starts(event.event)
    first = Window(trigger.id, key, rule.automation_id, event.occurred, event.occurred + trigger.within, 0, told(event))
    window: Window | None
    if starts:
        # An event that both opens the window and is waited for does not count as its own answer.
        window = _opened(connection, replace(first, count=-1 if expected else 0))
    elif trigger.after:
        window = _there(connection, trigger.id, key)
    else:
        window = _opened(connection, replace(first, start=event.occurred - LOOK_BACK))
    if window and expected:
        _keep(connection, window, _evaluated(connection, rule, window, event.occurred, event))


def look(connection: Connection, rule: Rule, moment: datetime) -> datetime:
    """Fire for the windows of a proactive trigger that ended without enough events; return when to look again."""
    trigger = rule.trigger
    again = moment + trigger.within
    if not trigger.for_each and not trigger.after:
        _opened(connection, Window(trigger.id, dump_json([]), rule.automation_id, moment, again))
    mine = WINDOWS.c.trigger_id == trigger.id
    connection.execute(delete(WINDOWS).where(mine, WINDOWS.c.count >= trigger.threshold))
    for window in list(_windows(connection, trigger.id)):
        following = _evaluated(connection, rule, window, moment, None)
        _keep(connection, window, following)
        if following and moment < following.end < again:
            again = following.end
    return again


def sweep(connection: Connection, moment: datetime) -> None:
    """Forget windows that ended long ago."""
    connection.execute(delete(WINDOWS).where(WINDOWS.c.end <= moment - KEPT))


def _evaluated(
    connection: Connection, rule: Rule, window: Window, moment: datetime, event: Event | None
) -> Window | None:
    """Count an event, if there is one; fire if it is time to; return the window as it is then, None where there is none."""
    trigger = rule.trigger
    reactive = trigger.posture == "Reactive"
    at_once = reactive and trigger.within == NONE
    if moment < window.start:
        return window
    counted = event is not None and (at_once or moment < window.end)
    if event and counted:
        window = replace(window, count=window.count + 1, last_event=told(event))
    if trigger.is_met(window.count) and (reactive or window.end <= moment):
        labels = dict(zip(sorted(trigger.for_each), from_json(window.key), strict=True))
        fire(connection, rule, labels, told(event) if event else window.last_event)
        if at_once:
            return None
    elif moment < window.end or (at_once and not trigger.after):
        answers_itself = event and trigger.starts(event.event) and trigger.expects(event.event)
        if event and answers_itself and not reactive and not trigger.is_met(window.count):
            return replace(window.next(event.occurred, trigger.within), last_event=told(event))
        return window
    return None if trigger.after else _following(connection, rule, window, moment, None if counted else event)


def _following(
    connection: Connection, rule: Rule, window: Window, moment: datetime, event: Event | None
) -> Window | None:
    """Return the window that follows, with an event that came after the end of the one before."""
    following = window.next(max(window.end, moment), rule.trigger.within)
    if event is None:
        return following
    if rule.trigger.posture == "Proactive":
        return replace(following, count=1)
    return _evaluated(connection, rule, following, moment, event)


def _opened(connection: Connection, window: Window) -> Window:
    """Return the window that is there, or this one."""
    connection.execute(INSERT[connection.dialect.name](WINDOWS).values(asdict(window)).on_conflict_do_nothing())
    return _there(connection, window.trigger_id, window.key) or window


def _there(connection: Connection, trigger_id: str, key: str) -> Window | None:
    return next(_windows(connection, trigger_id, key), None)


def _windows(connection: Connection, trigger_id: str, *keys: str) -> Iterator[Window]:
    statement = select(WINDOWS).where(WINDOWS.c.trigger_id == trigger_id, *(WINDOWS.c.key == key for key in keys))
    for row in connection.execute(statement.order_by(WINDOWS.c.start).with_for_update()):
        yield Window(**{**row._asdict(), "last_event": row.last_event and from_json(row.last_event)})


def _keep(connection: Connection, before: Window, after: Window | None) -> None:
    if after == before:
        return
    connection.execute(delete(WINDOWS).where(WINDOWS.c.trigger_id == before.trigger_id, WINDOWS.c.key == before.key))
    if after:
        stored.add(connection, WINDOWS, asdict(after))
