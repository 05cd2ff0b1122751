"""Blocks: their relations both ways, what each query calls, and that secrets are told only where they are asked for."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from gateway.execution import Execution, GraphQLRequest
from gateway.settings import Settings
from gateway.upstream import Transport, Upstream
from gateway.upstream.transport import Reply
from resolvers.context import Context
from resolvers.rows import JsonRows
from tests.resolvers.conftest import FAR, SCHEMA, Place
from tests.resolvers.world import Row

TOLD = "told on demand"
HIDDEN = "********"
MANY = 205
"""Blocks of one type: more than one page of the API."""


@dataclass
class Blocks:
    """What the tests made: two block types with a schema each, and their documents."""

    place: Place
    kinds: list[Row]
    schemas: list[Row]
    documents: list[list[Row]]

    @property
    def slugs(self) -> list[str]:
        return [kind["slug"] for kind in self.kinds]


@pytest.fixture(scope="session")
async def blocks(place: Place) -> Blocks:
    """Two block types with a schema each: one with more documents than a page holds, one with few."""
    kinds, schemas, documents = [], [], []
    for number, size in enumerate((MANY, 3)):
        slug = f"tested-{number}"
        kinds.append(await place.rest.post("/block_types/", {"name": slug, "slug": slug}))
        fields = {"title": slug, "block_type_slug": slug, "properties": {}, "secret_fields": ["value"]}
        schema = {"block_type_id": kinds[-1]["id"], "fields": fields, "capabilities": ["tested", slug]}
        schemas.append(await place.rest.post("/block_schemas/", schema))
        ids = {"block_type_id": kinds[-1]["id"], "block_schema_id": schemas[-1]["id"]}
        for index in range(size):
            data = {"value": f"{TOLD} {index}", "plain": index}
            await place.rest.post("/block_documents/", {"name": f"b-{index:03}", "data": data, **ids})
        await place.rest.post("/block_documents/", {"is_anonymous": True, "data": {"value": TOLD}, **ids})
        documents.append(await place.rest.get(f"/block_types/slug/{slug}/block_documents"))
    return Blocks(place, kinds, schemas, documents)


def calls_of(answer: Row) -> list[tuple[str, str, Any]]:
    return [(call["method"], call["path"], call["body"]) for call in answer["extensions"]["upstream"]]


def names(connection: Row) -> list[str]:
    return [node["name"] for node in connection["nodes"]]


async def test_documents_of_types_are_read_together_and_each_where_a_page_is_not_enough(blocks: Blocks) -> None:
    query = """query ($slugs: [String!], $first: Int) {
      blockTypes(filter: {blockTypes: {slug: {any: $slugs}}}) { nodes {
        slug blockDocuments(first: $first) { nodes { name blockTypeId blockType { slug } } pageInfo { hasNextPage } totalCount } } } }"""
    answer = await blocks.place.ask(query, {"slugs": blocks.slugs, "first": 500})
    found = {kind["slug"]: kind["blockDocuments"] for kind in answer["data"]["blockTypes"]["nodes"]}
    for kind, documents in zip(blocks.kinds, blocks.documents, strict=True):
        connection = found[kind["slug"]]
        assert names(connection) == [document["name"] for document in documents]
        assert {node["blockType"]["slug"] for node in connection["nodes"]} == {kind["slug"]}
        assert connection["totalCount"] == len(documents)
    first, together, *alone = calls_of(answer)
    assert first[1:] == ("/block_types/filter", {"block_types": {"slug": {"any_": blocks.slugs}}, "limit": 21})
    ids = [kind["id"] for kind in blocks.kinds]
    assert sorted(together[2]["block_documents"].pop("block_type_id")["any_"]) == sorted(ids)
    assert together[2] == {"block_documents": {}, "sort": "NAME_ASC", "limit": 200}
    assert [path for _, path, _ in alone] == ["/block_documents/filter"] * len(alone)
    assert len(alone) == 3  # the long one takes two pages

    few = await blocks.place.ask(query, {"slugs": blocks.slugs, "first": 2})
    assert [len(kind["blockDocuments"]["nodes"]) for kind in few["data"]["blockTypes"]["nodes"]] == [2, 2]


async def test_schemas_of_types_and_documents_of_schemas(blocks: Blocks) -> None:
    query = """query ($slugs: [String!], $ids: [ID!]) {
      blockTypes(filter: {blockTypes: {slug: {any: $slugs}}}) { nodes {
        id blockSchemas(filter: {blockCapabilities: {all: ["tested"]}}) { nodes { id blockType { id } } totalCount } } }
      blockSchemas(filter: {id: {any: $ids}}) { nodes {
        id blockDocuments(first: 2, sort: NAME_DESC, filter: {blockDocuments: {operator: OR, name: {like: "b-"}}}) {
          nodes { name blockSchemaId blockSchema { checksum } } totalCount } } } }"""
    variables = {"slugs": blocks.slugs, "ids": [schema["id"] for schema in blocks.schemas]}
    answer = await blocks.place.ask(query, variables)
    assert "errors" not in answer
    for kind in answer["data"]["blockTypes"]["nodes"]:
        assert [schema["blockType"]["id"] for schema in kind["blockSchemas"]["nodes"]] == [kind["id"]]
        assert kind["blockSchemas"]["totalCount"] == 1
    for schema in answer["data"]["blockSchemas"]["nodes"]:
        nodes = schema["blockDocuments"]["nodes"]
        assert [node["blockSchemaId"] for node in nodes] == [schema["id"]] * 2
        assert names(schema["blockDocuments"]) == sorted(names(schema["blockDocuments"]), reverse=True)
    paths = [path for _, path, _ in calls_of(answer)]
    assert paths.count("/block_types/filter") == 1
    assert paths.count("/block_schemas/filter") == 2
    # Each count is a call: these relations have no route that counts for many.
    assert paths.count("/block_documents/count") == 2


@pytest.mark.parametrize(
    ("field", "filter_"),
    [
        ("blockDocuments", '{blockDocuments: {operator: OR, name: {like: "b"}}}'),
        ("blockSchemas", '{operator: OR, version: {any: ["1"]}}'),
    ],
)
async def test_or_beside_the_leaf_that_selects_the_type_is_refused(blocks: Blocks, field: str, filter_: str) -> None:
    answer = await blocks.place.ask(
        f"{{ blockTypes {{ nodes {{ {field}(filter: {filter_}) {{ nodes {{ id }} }} }} }} }}"
    )
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}


async def test_or_in_another_group_leaves_every_type_its_own(blocks: Blocks) -> None:
    query = """query ($slugs: [String!]) { blockTypes(filter: {blockTypes: {slug: {any: $slugs}}}) { nodes { id
      blockDocuments(first: 3, filter: {blockSchemas: {operator: OR, version: {any: ["1"]}, blockCapabilities: {all: ["tested"]}}}) {
        nodes { blockTypeId } } } } }"""
    data = await blocks.place.data(query, {"slugs": blocks.slugs})
    for kind in data["blockTypes"]["nodes"]:
        assert [node["blockTypeId"] for node in kind["blockDocuments"]["nodes"]] == [kind["id"]] * 3


async def test_or_in_the_group_of_the_schemas_that_select_is_refused(blocks: Blocks) -> None:
    answer = await blocks.place.ask(
        "{ blockSchemas { nodes { blockDocuments(filter: {blockSchemas: {operator: OR}}) { nodes { id } } } } }"
    )
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}


async def test_anonymous_documents_are_found_by_id_and_in_lists_where_asked_for(blocks: Blocks) -> None:
    query = """query ($slug: [String!]) {
      few: blockDocuments(filter: {blockTypes: {slug: {any: $slug}}}) { nodes { id } }
      all: blockDocuments(filter: {blockTypes: {slug: {any: $slug}}, blockDocuments: {isAnonymous: null}}) { nodes { id isAnonymous } }
      some: blockDocumentCount(filter: {blockTypes: {slug: {any: $slug}}, blockDocuments: {isAnonymous: {eq: true}}}) }"""
    data = await blocks.place.data(query, {"slug": blocks.slugs[1:]})
    assert (len(data["few"]["nodes"]), len(data["all"]["nodes"]), data["some"]) == (3, 4, 1)
    (anonymous,) = [node["id"] for node in data["all"]["nodes"] if node["isAnonymous"]]
    asked = await blocks.place.ask(
        "query ($id: ID!) { blockDocument(id: $id) { isAnonymous data } }", {"id": anonymous}
    )
    assert asked["data"]["blockDocument"] == {"isAnonymous": True, "data": {"value": HIDDEN}}
    chosen = {"block_documents": {"is_anonymous": None, "id": {"any_": [anonymous]}}}
    assert calls_of(asked) == [("POST", "/block_documents/filter", chosen)]


async def test_a_deployment_and_a_run_show_their_blocks_anonymous_or_not(blocks: Blocks) -> None:
    place, document = blocks.place, blocks.documents[1][0]
    flow = await place.rest.post("/flows/", {"name": "in blocks"})
    ids = {"storage_document_id": document["id"], "infrastructure_document_id": blocks.documents[1][1]["id"]}
    deployment = await place.rest.post("/deployments/", {"name": "in blocks", "flow_id": flow["id"], **ids})
    run = await place.rest.post(
        f"/deployments/{deployment['id']}/create_flow_run", {"infrastructure_document_id": document["id"]}
    )
    query = """query ($id: ID!, $run: ID!) {
      deployment(id: $id) { storageDocument { name data } infrastructureDocument { name } }
      flowRun(id: $run) { infrastructureDocument { name } } }"""
    answer = await place.ask(query, {"id": deployment["id"], "run": run["id"]})
    await place.rest.http.delete(f"/flows/{flow['id']}")  # other tests count what there is
    found = answer["data"]["deployment"]
    assert found["storageDocument"] == {"name": "b-000", "data": {"value": HIDDEN, "plain": 0}}
    assert found["infrastructureDocument"] == {"name": "b-001"}
    assert answer["data"]["flowRun"]["infrastructureDocument"]["name"] in {"b-000", "b-001"}
    assert [path for _, path, _ in calls_of(answer)].count("/block_documents/filter") <= 2


READS = {
    "blockDocuments(filter: {blockTypes: {slug: {any: [$slug]}}} ARGUMENTS) { nodes { data } }": "blockDocuments.nodes.0",
    "blockDocument(id: $id ARGUMENTS) { data }": "blockDocument",
    "blockDocument(slug: $slug, blockDocumentName: $name ARGUMENTS) { data }": "blockDocument",
    "blockDocumentsOfType(slug: $slug ARGUMENTS) { data }": "blockDocumentsOfType.0",
    "blockType(slug: $slug) { blockDocuments(first: 1 ARGUMENTS) { nodes { data } } }": "blockType.blockDocuments.nodes.0",
    "blockSchema(id: $schema) { blockDocuments(first: 1 ARGUMENTS) { nodes { data } } }": "blockSchema.blockDocuments.nodes.0",
}


def read(data: Any, path: str) -> Any:
    for key in path.split("."):
        data = data[int(key) if key.isdigit() else key]
    return data["data"]["value"]


def asking(field: str, arguments: str) -> str:
    used = {"$slug": "String!", "$id": "ID!", "$name": "String", "$schema": "ID!"}
    declared = ", ".join(f"{name}: {kind}" for name, kind in used.items() if f"{name}" in field)
    return f"query ({declared}) {{ {field.replace('ARGUMENTS', arguments)} }}"


@pytest.mark.parametrize("field", READS)
async def test_secrets_are_told_only_where_they_are_asked_for(
    blocks: Blocks, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    document = blocks.documents[1][0]
    given = {"slug": blocks.slugs[1], "id": document["id"], "name": "b-000", "schema": document["block_schema_id"]}
    separator = "," if "(" in field else ""
    for arguments, expected in (
        ("", HIDDEN),
        (f"{separator} includeSecrets: false", HIDDEN),
        (f"{separator} includeSecrets: true", f"{TOLD} 0"),
    ):
        query = asking(field, arguments)
        variables = {name: value for name, value in given.items() if f"${name}:" in query}
        answer = await blocks.place.ask(query, variables)
        assert "errors" not in answer, answer["errors"]
        assert read(answer["data"], READS[field]) == expected
        assert TOLD not in orjson.dumps(answer["extensions"]).decode()
    assert TOLD not in caplog.text


async def test_one_operation_may_ask_with_secrets_and_without(blocks: Blocks) -> None:
    document = blocks.documents[1][0]
    query = """query ($id: ID!, $slug: String!) {
      told: blockDocument(id: $id, includeSecrets: true) { data }
      hidden: blockDocument(id: $id) { data }
      node(id: $id) { ... on BlockDocument { data } }
      type: blockType(slug: $slug) {
        told: blockDocuments(first: 1, includeSecrets: true) { nodes { data } }
        hidden: blockDocuments(first: 1) { nodes { data } } } }"""
    data = await blocks.place.data(query, {"id": document["id"], "slug": blocks.slugs[1]})
    assert data["told"]["data"]["value"] == data["type"]["told"]["nodes"][0]["data"]["value"] == f"{TOLD} 0"
    for hidden in (data["hidden"], data["node"], data["type"]["hidden"]["nodes"][0]):
        assert hidden["data"]["value"] == HIDDEN


async def test_a_secret_that_is_written_is_in_no_trace_and_in_no_log(
    blocks: Blocks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place, ids = blocks.place, {"blockTypeId": blocks.kinds[1]["id"], "blockSchemaId": blocks.schemas[1]["id"]}
    create = "mutation ($input: BlockDocumentCreate!) { createBlockDocument(input: $input) { id data } }"
    update = (
        "mutation ($id: ID!, $input: BlockDocumentUpdate!) { updateBlockDocument(id: $id, input: $input) { data } }"
    )
    written = {"input": {"name": "written", "data": {"value": TOLD}, **ids}}
    answers = [await Once(place).ask(create, written)]
    id_ = answers[0]["data"]["createBlockDocument"]["id"]
    answers += [
        await Once(place).ask(update, {"id": id_, "input": {"data": {"value": f"{TOLD} too"}}}),
        await Once(place).ask(create, written),  # a conflict
        await Once(place).ask(create, {"input": {**written["input"], "name": "a/b"}}),  # refused
        await Once(place).ask(create, {"input": {**written["input"], "name": "x", "blockSchemaId": id_}}),  # no schema
        await Once(place).ask("mutation ($id: ID!) { deleteBlockDocument(id: $id) }", {"id": id_}),
    ]
    assert [bool(answer.get("errors")) for answer in answers] == [False, False, True, True, True, False]
    assert TOLD not in orjson.dumps(answers).decode()
    assert TOLD not in caplog.text
    assert await place.rest.get(f"/block_documents/{id_}") is None


class Once:
    """Asks once: a mutation that is executed twice is another."""

    def __init__(self, place: Place) -> None:
        self._place = Place(place.rest, place.transport, place.exact, False, place.world)

    async def ask(self, query: str, variables: Row) -> Row:
        return await self._place.ask(query, variables)


async def test_types_and_schemas_are_created_changed_and_deleted(place: Place) -> None:
    once = Once(place)
    create = "mutation ($input: BlockTypeCreate!) { createBlockType(input: $input) { id slug isProtected } }"
    kind = (await once.ask(create, {"input": {"name": "Passing", "slug": "passing"}}))["data"]["createBlockType"]
    refused = await once.ask(create, {"input": {"name": "Passing", "slug": "Not Passing"}})
    assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "must only contain lowercase letters" in refused["errors"][0]["message"]
    taken = await once.ask(create, {"input": {"name": "Passing", "slug": "passing"}})
    assert taken["errors"][0]["extensions"]["code"] == "CONFLICT"
    update = "mutation ($id: ID!, $input: BlockTypeUpdate!) { updateBlockType(id: $id, input: $input) { description } }"
    changed = await once.ask(update, {"id": kind["id"], "input": {"description": "told"}})
    assert changed["data"] == {"updateBlockType": {"description": "told"}}
    create = "mutation ($input: BlockSchemaCreate!) { createBlockSchema(input: $input) { id checksum version blockType { slug } } }"
    made = await once.ask(
        create, {"input": {"blockTypeId": kind["id"], "fields": {"title": "Passing"}, "version": "7"}}
    )
    schema = made["data"]["createBlockSchema"]
    found = await place.data(
        """query ($checksum: String!) {
          newest: blockSchemaByChecksum(checksum: $checksum) { id }
          other: blockSchemaByChecksum(checksum: $checksum, version: "8") { id }
          blockCapabilities }""",
        {"checksum": schema["checksum"]},
    )
    assert (found["newest"], found["other"]) == ({"id": schema["id"]}, None)
    assert {"read-path", "write-path"} <= set(found["blockCapabilities"])
    for field, id_ in (("deleteBlockSchema", schema["id"]), ("deleteBlockType", kind["id"])):
        deleted = await once.ask(f"mutation ($id: ID!) {{ {field}(id: $id) }}", {"id": id_})
        assert deleted["data"] == {field: id_}
    installed = await once.ask("mutation { installSystemBlockTypes }", {})
    assert installed["data"] == {"installSystemBlockTypes": True}
    system = await place.data(
        '{ blockType(slug: "secret") { id isProtected } gone: blockType(slug: "passing") { id } }'
    )
    assert (system["blockType"]["isProtected"], system["gone"]) == (True, None)
    kept = await once.ask("mutation ($id: ID!) { deleteBlockType(id: $id) }", {"id": system["blockType"]["id"]})
    assert kept["errors"][0]["extensions"]["code"] == "FORBIDDEN"


class Counting:
    """A transport that notes who asked for what."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.ends_cancelled = transport.ends_cancelled
        self.sent: list[tuple[str | None, bool]] = []

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Send on."""
        self.sent.append((headers.get("authorization"), b"include_secrets" in (body or b"")))
        return await self._transport.send(method, path, body, headers)

    async def aclose(self) -> None:
        """Leave the other's transport open."""


async def test_secrets_are_shared_by_the_same_question_of_the_same_caller_alone_and_never_kept(blocks: Blocks) -> None:
    transport = Counting(blocks.place.transport)
    settings = Settings(upstream=None)
    execution = Execution(
        SCHEMA,
        Upstream(transport, settings),
        settings,
        lambda rest: Context(JsonRows(rest), page=settings.page_size, max_first=settings.max_first),
    )
    query = "query ($id: ID!, $told: Boolean) { blockDocument(id: $id, includeSecrets: $told) { data } }"

    async def ask(caller: str, *, told: bool) -> str:
        variables = {"id": blocks.documents[1][0]["id"], "told": told}
        answer = await execution.run(GraphQLRequest(query, FAR, variables, authorization=caller))
        value: str = orjson.loads(answer.content())["data"]["blockDocument"]["data"]["value"]
        return value

    asked = [("Bearer a", True), ("Bearer a", True), ("Bearer a", False), ("Bearer b", True), ("Bearer b", False)]
    found = await asyncio.gather(*(ask(caller, told=told) for caller, told in asked))
    assert found == [f"{TOLD} 0" if told else HIDDEN for _, told in asked]
    assert sorted(map(str, transport.sent)) == sorted(map(str, set(asked)))
    await ask("Bearer a", told=True)
    assert len(transport.sent) == len(set(asked)) + 1
