"""Actions that call somebody else, by a block that says how."""

from typing import Annotated, Any, Literal
from uuid import UUID

import httpx
import orjson
from pydantic import AfterValidator, BeforeValidator

from gateway.embedded.automations import templates
from gateway.embedded.automations.acting import Acting, ActionBase, Failed, Json

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
    type: Literal["send-notification"]
    subject: Template = "Prefect automated notification"
    body: Template

    async def act(self, acting: Acting) -> None:
        document = await self.block(acting)
        await acting.rendered(self.subject, self.body)
        msg = (
            "The embedded server sends no notifications: the code of blocks such as"
            f" {document['block_type']['slug']!r} is part of Prefect. Call a webhook instead."
        )
        raise Failed(msg)


class CallWebhook(_ByBlock):
    type: Literal["call-webhook"]
    payload: Payload = ""

    async def act(self, acting: Acting) -> None:
        document = await self.block(acting)
        if document["block_type"]["slug"] != "webhook":
            msg = "The referenced block was not a webhook block"
            raise Failed(msg)
        (payload,) = await acting.rendered(self.payload)
        response = await self._call(document["data"], payload)
        told = {name: value for name, value in response.headers.items() if not name.startswith(UNTOLD)}
        acting.details |= {
            "status_code": response.status_code,
            "response_body": response.text[:LONGEST_ANSWER],
            "response_headers": told,
        }

    @staticmethod
    async def _call(webhook: Json, payload: str) -> httpx.Response:
        if not webhook.get("allow_private_urls", True):
            msg = "The embedded server does not tell private addresses from others: the webhook must allow them"
            raise Failed(msg)
        try:
            async with httpx.AsyncClient(verify=webhook.get("verify", True)) as client:
                return await client.request(
                    webhook.get("method", "POST"), webhook["url"], headers=webhook.get("headers") or {}, content=payload
                )
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, TypeError) as error:
            msg = f"Webhook call failed: {error!r}"
            raise Failed(msg) from error
