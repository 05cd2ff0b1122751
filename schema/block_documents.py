"""Block documents: blocks, which are configuration that code loads by name, with secrets among it."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry
from pydantic import Field, model_validator

from resolvers.actions import create, delete, update
from resolvers.collection import Collection
from schema.block_document_filters import SECRETS, BlockDocumentFilter, BlockDocumentSort
from schema.block_schemas import BlockSchema
from schema.block_types import BlockType
from schema.scalars import Id, Object
from schema.types import NAME_PATTERN, Computed, Dated, Input, absent, dashed, resource


@resource("A block: configuration that code loads by the name of its type and its own.")
class BlockDocument(Dated):
    name: str | None = absent("The block's name, unique in its type.")
    data: Object = Field(
        default_factory=dict,
        description="Its values, those of nested blocks included; secrets are `********` unless asked for.",
    )
    block_schema_id: Id | None = Field(description="The schema that it has.")
    block_schema: Annotated[BlockSchema | None, Computed] = absent("The schema that it has.")
    block_type_id: Id | None = Field(description="The block type that it belongs to.")
    block_type_name: str | None = absent("Name of the block type that it belongs to.")
    block_type: Annotated[BlockType | None, Computed] = absent("The block type that it belongs to.")
    block_document_references: Annotated[Object, Computed] = Field(
        default_factory=dict, description="The blocks nested in it, by the names of the fields that they are in."
    )
    is_anonymous: bool = Field(default_factory=bool, description="Whether it was made by code that gave it no name.")


@strawberry.pydantic.input(description="A block to create.")
class BlockDocumentCreate(Input):
    name: Annotated[str | None, dashed("Block document name")] = absent(
        "The block's name: lowercase letters, numbers and dashes; only an anonymous one needs none.",
        pattern=NAME_PATTERN,
    )
    data: Object = absent('Its values; a nested block is `{"$ref": {"block_document_id": "..."}}`.')
    block_schema_id: Id = Field(description="The schema that it has.")
    block_type_id: Id = Field(description="The block type that it belongs to.")
    is_anonymous: bool = absent("Whether it needs no name and is left out of lists by default.")

    @model_validator(mode="before")
    @classmethod
    def _is_named(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and not values.get("is_anonymous") and not values.get("name"):
            msg = "Names must be provided for block documents."
            raise ValueError(msg)
        return values


@strawberry.pydantic.input(description="Changes to a block.")
class BlockDocumentUpdate(Input):
    block_schema_id: Id | None = absent("Another schema of the same type.")
    data: Object = absent("Its values; a secret that is sent as `********` stays what it is.")
    merge_existing_data: bool = absent("Whether values that are not sent stay; true by default.")


BLOCK_DOCUMENTS = Collection(
    "block_documents",
    BlockDocument,
    BlockDocumentFilter,
    BlockDocumentSort,
    BlockDocumentSort.NAME_ASC,
    filters="schema.filters.BlockDocumentFilters",
    actions={
        "create_block_document": create(BlockDocument, BlockDocumentCreate, secret=True),
        "update_block_document": update(BlockDocument, BlockDocumentUpdate, secret=True),
        "delete_block_document": delete(),
    },
    named="/block_types/slug/{slug}/block_documents/name/{block_document_name}",
    options=SECRETS,
    hidden={"is_anonymous": None},
)
