"""Actions that call somebody else, by a block that says how."""

from typing import Annotated, Any, Literal
from uuid import UUID

import httpx
import orjson
from pydantic import AfterValidator, BeforeValidator

from gateway.embedded.automations import templates
from gateway.embedded.automations.acting import Acting, ActionBase, Failed, Json
from gateway.embedded.automations.notifications import REQUESTS

LONGEST_ANSWER = 1_000
"""Characters of a webhook's answer that are told."""

UNTOLD = ("authorization", "traceparent", "via", "x-forwarded", "x-b3", "x-cloud-trace", "x-envoy", "x-prefect")
"""How the names of headers begin that are not told."""


def _template(text: str) -> str:
    try:
        templates.check(text)
    except templates.Invalid as error:
        msg = f"not a valid template: {error}"
        raise ValueError(msg) from None
    return text


Template = Annotated[str, AfterValidator(_template)]
Payload = Annotated[
    Template,
    BeforeValidator(lambda value: orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() if isinstance(value, dict) else value),
]  # fmt: skip


class _ByBlock(ActionBase):
    block_document_id: UUID

    async def block(self, acting: Acting) -> Any:
        """Read the block document with its secrets; raises Failed."""
        path = f"/block_documents/{self.block_document_id}?include_secrets=true"
        document = await acting.order(self.type, "GET", path)
        acting.details.pop("status_code")
        acting.about("block-document", str(self.block_document_id), "block", document["name"])
        acting.about("block-type", document["block_type"]["slug"], "block-type")
        return document


class SendNotification(_ByBlock):
    type: Literal["send-notification"] = "send-notification"
    subject: Template = "Prefect automated notification"
    body: Template

    async def act(self, acting: Acting) -> None:
        document = await self.block(acting)
        slug = document["block_type"]["slug"]
        if "notify" not in document["block_schema"]["capabilities"]:
            msg = "The referenced block was not a notification block"
            raise Failed(msg)
        subject, body = await acting.rendered(self.subject, self.body)
        if slug not in REQUESTS:
            msg = (
                f"The embedded server sends no notifications by blocks of the type {slug!r}, whose code is part of Prefect."
                f" Use a block of one of the types {', '.join(map(repr, sorted(REQUESTS)))}, or the action 'call-webhook'."
            )
            raise Failed(msg)
        try:
            request = REQUESTS[slug](document["data"], subject, body)
        except Exception as error:  # an expression in the block may raise anything
            msg = f"The notification block was invalid: {error!r}"
            raise Failed(msg) from error
        response = await _sent(document["data"], "Notification", request)
        if response.is_error:
            # Not where it was sent: the address is a secret.
            msg = f"Notification failed: it was answered with the status {response.status_code}"
            raise Failed(msg)


class CallWebhook(_ByBlock):
    type: Literal["call-webhook"] = "call-webhook"
    payload: Payload = ""

    async def act(self, acting: Acting) -> None:
        document = await self.block(acting)
        if document["block_type"]["slug"] != "webhook":
            msg = "The referenced block was not a webhook block"
            raise Failed(msg)
        (payload,) = await acting.rendered(self.payload)
        webhook = document["data"]
        request = {"url": webhook.get("url"), "headers": webhook.get("headers") or {}, "content": payload}
        response = await _sent(webhook, "Webhook call", {"method": webhook.get("method", "POST"), **request})
        told = {name: value for name, value in response.headers.items() if not name.startswith(UNTOLD)}
        acting.details |= {
            "status_code": response.status_code,
            "response_body": response.text[:LONGEST_ANSWER],
            "response_headers": told,
        }


async def _sent(block: Json, what: str, request: Json) -> httpx.Response:
    """Send the request that a block stands for; raises Failed."""
    if not block.get("allow_private_urls", True):
        msg = "The embedded server does not tell private addresses from others: the block must allow private URLs"
        raise Failed(msg)
    try:
        async with httpx.AsyncClient(verify=block.get("verify", True), cookies=request.pop("cookies", None)) as client:
            return await client.request(**request)
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, TypeError) as error:
        msg = f"{what} failed: {error!r}"
        raise Failed(msg) from error
