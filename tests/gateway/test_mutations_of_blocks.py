"""Blocks, where results are stored by default, and events through the gateway; over the embedded server and a real Prefect."""

from datetime import UTC, datetime

import pytest

from tests.gateway.stack import Gateway
from tests.gateway.test_mutations import change, document, gateway, name

__all__ = ["gateway"]
pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")


async def test_blocks(gateway: Gateway) -> None:
    await change(gateway, "installSystemBlockTypes")
    slug = name().lower().replace("_", "-")
    create = "createBlockType(input: $input) { id slug }"
    type_ = (await change(gateway, create, input={"name": slug, "slug": slug}))["id"]
    changed = await change(
        gateway, "updateBlockType(id: $id, input: $input) { description }", id=type_, input={"description": "One"}
    )
    assert changed == {"description": "One"}

    fields = {"title": "One", "type": "object", "properties": {"a": {"type": "integer"}}, "block_schema_references": {}}
    create = "createBlockSchema(input: $input) { id }"
    schema = (await change(gateway, create, input={"blockTypeId": type_, "fields": fields}))["id"]
    given = {"name": slug, "blockTypeId": type_, "blockSchemaId": schema, "data": {"a": 1}}
    made = await change(gateway, "createBlockDocument(input: $input) { id data }", input=given)
    assert made["data"] == {"a": 1}

    stored = "updateServerDefaultResultStorage(input: $input) { defaultResultStorageBlockId }"
    block = {"input": {"defaultResultStorageBlockId": made["id"]}}
    refused = await gateway.ask(document(stored, **block), block)
    assert "errors" in refused, "a block that stores nothing"
    await change(gateway, "deleteServerDefaultResultStorage")

    update = "updateBlockDocument(id: $id, input: $input) { data }"
    assert await change(gateway, update, id=made["id"], input={"data": {"a": 2}}) == {"data": {"a": 2}}
    for delete, id_ in (
        ("deleteBlockDocument(id: $id)", made["id"]),
        ("deleteBlockSchema(id: $id)", schema),
        ("deleteBlockType(id: $id)", type_),
    ):
        assert await change(gateway, delete, id=id_) == id_


async def test_events_are_received(gateway: Gateway) -> None:
    event = {
        "id": "11111111-1111-4111-8111-111111111111",
        "event": "gateway.tested",
        "occurred": datetime.now(UTC).isoformat(),
        "resource": {"prefect.resource.id": "gateway.test"},
    }
    assert await change(gateway, "createEvents(input: $input)", input=[event]) == 1
