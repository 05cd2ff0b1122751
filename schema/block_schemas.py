"""Block schemas: the fields that the blocks of a type have, in each of its versions."""

from typing import Annotated

import strawberry
from pydantic import Field
from strawberry import UNSET

from resolvers.actions import create, delete
from resolvers.collection import Collection
from resolvers.fields import has_many, told
from resolvers.readings import Reading
from schema.block_document_filters import BLOCK_DOCUMENTS
from schema.block_types import BlockType
from schema.operators import AllStringsFilter, AnyIdFilter, AnyStringFilter, Operator, combined
from schema.scalars import Id, Object
from schema.types import Computed, Dated, Input, absent, resource

UNVERSIONED = "non-versioned"


@resource("A block schema: the fields that blocks of a type have, known by a checksum of them.")
class BlockSchema(Dated):
    checksum: str | None = Field(description="The checksum of its fields, `sha256:...`.")
    fields: Object = Field(
        default_factory=dict, description="JSON schema of the fields; `secret_fields` names the secret."
    )
    block_type_id: Id | None = Field(description="The block type that it belongs to.")
    block_type: Annotated[BlockType | None, Computed] = absent("The block type that it belongs to.")
    capabilities: list[str] = Field(default_factory=list, description="What its blocks can do, such as `read-path`.")
    version: str = Field(default_factory=lambda: UNVERSIONED, description="The version of the code that has it.")

    block_documents = has_many(
        BLOCK_DOCUMENTS,
        key="block_schema_id",
        group="block_schemas",
        description="The blocks that have it.",
    )


@strawberry.pydantic.input(description="Which block schemas.")
class BlockSchemaFilter(Input):
    operator: Operator = combined()
    block_type_id: AnyIdFilter | None = absent("The block type.")
    block_capabilities: AllStringsFilter | None = absent("What its blocks can do.")
    id: AnyIdFilter | None = absent("The block schema's id.")
    version: AnyStringFilter | None = absent("The version of the code that has it.")


@strawberry.pydantic.input(description="A block schema to create; one with the same fields and version is returned.")
class BlockSchemaCreate(Input):
    fields: Object = absent("JSON schema of the fields.")
    block_type_id: Id = Field(description="The block type that it belongs to.")
    capabilities: list[str] = absent("What its blocks can do.")
    version: str = absent("The version of the code that has it.")


BLOCK_SCHEMAS = Collection(
    "block_schemas",
    BlockSchema,
    BlockSchemaFilter,
    actions={"create_block_schema": create(BlockSchema, BlockSchemaCreate), "delete_block_schema": delete()},
    reads={
        "block_schema_by_checksum": Reading(
            "GET",
            "/checksum/{checksum}",
            BlockSchema | None,
            "The newest block schema with a checksum.",
            BlockSchema,
            body={"version": (told(str | None, "The version that is meant; any by default."), UNSET, "version")},
        ),
    },
    countable=False,
)
