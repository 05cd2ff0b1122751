"""Block types: the kinds of blocks."""

from typing import Annotated

import strawberry
from pydantic import Field
from strawberry import UNSET

from resolvers.actions import Action, create, delete, update
from resolvers.collection import Collection, lazy
from resolvers.fields import Later, has_many, told
from resolvers.readings import Reading
from schema.block_document_filters import BLOCK_DOCUMENTS, SECRETS
from schema.operators import AnyStringFilter, LikeFilter
from schema.server import yes
from schema.types import NAME_PATTERN, Dated, Input, absent, dashed, resource


@resource("A block type: a kind of configuration, such as a secret or a file system, that code loads by name.", "slug")
class BlockType(Dated):
    name: str = Field(description="The block type's name.")
    slug: str = Field(description="The block type's name in URLs and in code, unique in the workspace.")
    logo_url: str | None = absent("Where its logo is.")
    documentation_url: str | None = absent("Where its documentation is.")
    description: str | None = absent("What its blocks are for.")
    code_example: str | None = absent("How its blocks are used.")
    is_protected: bool = Field(
        default_factory=bool, description="Whether it belongs to the system and can't be deleted."
    )

    block_schemas = has_many(
        Later("schema.block_schemas.BlockSchema", "schema.block_schemas.BlockSchemaFilter"),
        key="block_type_id",
        leaf="block_type_id",
        description="Its schemas, the newest first.",
    )
    block_documents = has_many(BLOCK_DOCUMENTS, key="block_type_id", leaf="block_type_id", description="Its blocks.")


@strawberry.pydantic.input(description="Which block types.")
class BlockTypeFilter(Input):
    name: LikeFilter | None = absent("The block type's name.")
    slug: AnyStringFilter | None = absent("The block type's slug.")


class _BlockTypeInput(Input):
    logo_url: str | None = absent("Where its logo is.")
    documentation_url: str | None = absent("Where its documentation is.")
    description: str | None = absent("What its blocks are for.")
    code_example: str | None = absent("How its blocks are used.")


@strawberry.pydantic.input(description="A block type to create.")
class BlockTypeCreate(_BlockTypeInput):
    name: str = Field(
        pattern=NAME_PATTERN, description="The block type's name: without / % & > <, and not beginning with Prefect."
    )
    slug: Annotated[str, dashed("Block type slug")] = Field(
        description="The block type's slug: lowercase letters, numbers and dashes."
    )


@strawberry.pydantic.input(description="Changes to a block type.")
class BlockTypeUpdate(_BlockTypeInput):
    pass


ACTIONS = {
    "create_block_type": create(BlockType, BlockTypeCreate),
    "update_block_type": update(BlockType, BlockTypeUpdate),
    "delete_block_type": delete(),
    "install_system_block_types": Action(
        "POST",
        "/install_system_block_types",
        yes,
        bool | None,
        "Install the block types that Prefect itself needs, or bring them up to date; true when it is done.",
    ),
}
READS = {
    "block_documents_of_type": Reading(
        "GET",
        "/slug/{slug}/block_documents",
        list[lazy(BLOCK_DOCUMENTS.row) | None] | None,  # type: ignore[misc]  # a lazy type
        "All blocks of a type, null where there is no such type.",
        model=BLOCK_DOCUMENTS.row,
        many=True,
        body={name: (told(kind, about), UNSET, name) for name, (kind, about) in SECRETS.items()},
    ),
}
BLOCK_TYPES = Collection(
    "block_types",
    BlockType,
    BlockTypeFilter,
    filters="schema.filters.BlockTypeFilters",
    actions=ACTIONS,
    reads=READS,
    named="/block_types/slug/{slug}",
    bulk=False,
    countable=False,
)
