"""Blocks of the embedded server: what is secret is hidden wherever it stands, and told to nobody in events either."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.embedded import create_app
from gateway.embedded.blocks.secrets import HIDDEN, hidden, kept

DATA = {"word": "w", "none": None, "empty": {}, "nested": {"a": "b", "c": {"d": 1}}, "plain": "p"}


@pytest.mark.parametrize(
    ("secret_fields", "changed"),
    [
        ([], {}),
        (["lacking", "lacking.*"], {}),
        (["word", "word", "none", "empty"], {"word": HIDDEN, "empty": HIDDEN}),
        (["nested.a"], {"nested": {"a": HIDDEN, "c": {"d": 1}}}),
        (["nested.*"], {"nested": {"a": HIDDEN, "c": {"d": HIDDEN}}}),
        # Prefect shows what is in a secret object.
        (["nested"], {"nested": {"a": HIDDEN, "c": {"d": HIDDEN}}}),
        (["none.*"], {"none": HIDDEN}),
    ],
)
def test_secrets_are_hidden_and_what_was_hidden_is_kept(secret_fields: list[str], changed: dict[str, Any]) -> None:
    shown = hidden(DATA, secret_fields)
    assert shown == {**DATA, **changed}
    current = {**DATA, "none": "n"} if "none.*" in secret_fields else DATA
    assert kept(shown, current, secret_fields) == current
    assert kept({"word": "new"}, DATA, secret_fields) == {"word": "new"}


async def test_events_of_blocks_tell_texts_that_are_no_secrets(tmp_path: Path) -> None:
    app = create_app(f"sqlite:///{tmp_path / 'embedded.db'}")
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as http,
    ):

        async def post(path: str, body: dict[str, Any]) -> Any:
            response = await http.post(path, json=body)
            assert response.status_code in {200, 201}, response.text
            return response.json()

        kind = await post("/block_types/", {"name": "Kind", "slug": "kind"})
        fields = {"title": "Kind", "secret_fields": ["word", "nested.*"]}
        schema = await post("/block_schemas/", {"block_type_id": kind["id"], "fields": fields, "capabilities": ["c"]})
        ids = {"block_type_id": kind["id"], "block_schema_id": schema["id"]}
        document = await post("/block_documents/", {"name": "told", "data": DATA, **ids})
        await post("/block_documents/", {"is_anonymous": True, "data": DATA, **ids})
        path = f"/block_documents/{document['id']}"
        assert (await http.patch(path, json={"data": {"plain": "q"}})).status_code == 204
        assert (await http.delete(path)).status_code == 204
        assert (await http.delete(f"/block_types/{kind['id']}")).status_code == 204
        found = await post("/events/filter", {"filter": {"event": {"prefix": ["prefect.block-"]}, "order": "ASC"}})
    events = [(event["event"], event["payload"].get("data")) for event in found["events"]]
    assert [event for event in events if event[1] is None] == [
        ("prefect.block-type.created", None),
        ("prefect.block-type.deleted", None),
    ]
    assert [event for event in events if event[1] is not None] == [
        ("prefect.block-document.created", {"plain": "p"}),
        ("prefect.block-document.updated", {"plain": "q"}),
        ("prefect.block-document.deleted", {"plain": "q"}),
    ]
