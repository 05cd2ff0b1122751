"""Notifications: the requests that some blocks of Prefect stand for, made without the code of the blocks."""

from collections.abc import Callable

from gateway.embedded.automations import templates
from gateway.embedded.automations.acting import Json

CARD = "application/vnd.microsoft.card.adaptive"


def _slack(data: Json, subject: str, body: str) -> Json:
    """See https://api.slack.com/messaging/webhooks."""
    return {"method": "POST", "url": data["url"], "json": {"text": f"*{subject}*\n{body}"}}


def _teams(data: Json, subject: str, body: str) -> Json:
    """See https://learn.microsoft.com/connectors/teams: an adaptive card for a workflow that waits for one."""
    title = {"type": "TextBlock", "text": subject, "weight": "bolder", "size": "large", "wrap": True}
    text = {"type": "TextBlock", "text": body, "wrap": data.get("wrap", True)}
    card = {"type": "AdaptiveCard", "version": "1.4", "body": [title, text]}
    attachments = [{"contentType": CARD, "content": card}]
    return {"method": "POST", "url": data["url"], "json": {"type": "message", "attachments": attachments}}


def _custom(data: Json, subject: str, body: str) -> Json:
    """Fill in what the block says; raises whatever an expression in it raises."""
    known = {**(data.get("secrets") or {}), "subject": subject, "body": body, "name": data.get("name", "")}
    form = data.get("form_data")
    request = {
        "method": data.get("method", "POST"),
        "url": data["url"],
        "params": data.get("params"),
        "content" if isinstance(form, str) else "data": form,
        "json": data.get("json_data"),
        "headers": data.get("headers"),
        "cookies": data.get("cookies"),
        "timeout": data.get("timeout", 10.0),
    }
    return {name: templates.filled(value, known, {}) for name, value in request.items() if value is not None}


REQUESTS: dict[str, Callable[[Json, str, str], Json]] = {
    "slack-webhook": _slack,
    "ms-teams-webhook": _teams,
    "custom-webhook": _custom,
}
"""The arguments of the request (as httpx names them) that tells a subject and a body, by the slug of the block's type."""
