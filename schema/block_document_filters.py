"""Which block documents are read, in what order, and whether with their secrets."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import strawberry
from pydantic import Field

from resolvers.fields import Later
from schema.operators import AnyIdFilter, EqualsFilter, NameFilter, Operator, combined
from schema.types import Input, absent, choice

SECRETS: Mapping[str, tuple[Any, str]] = {
    "include_secrets": (
        bool | None,
        "Whether secret values are told. Otherwise they are `********`. What is told is kept and logged nowhere.",
    )
}
"""The option of every read of block documents."""


@strawberry.pydantic.input(description="Which blocks.")
class BlockDocumentFilter(Input):
    operator: Operator = combined()
    id: AnyIdFilter | None = absent("The block's id.")
    is_anonymous: EqualsFilter | None = Field(
        default_factory=lambda: EqualsFilter(eq_=False),
        description="Whether the block is anonymous. Without this anonymous ones are left out; null is all.",
    )
    block_type_id: AnyIdFilter | None = absent("The block's type.")
    name: NameFilter | None = absent("The block's name.")


@strawberry.enum(
    description="Orders of blocks. Each leaves the order of equal values open; names are unique in a type."
)
class BlockDocumentSort(Enum):
    NAME_DESC = choice("NAME_DESC", "By name, from Z to A.")
    NAME_ASC = choice("NAME_ASC", "By name, from A to Z.")
    BLOCK_TYPE_AND_NAME_ASC = choice(
        "BLOCK_TYPE_AND_NAME_ASC", "By the name of the type and then the block's own, from A to Z."
    )


BLOCK_DOCUMENTS = Later(
    "schema.block_documents.BlockDocument", "schema.filters.BlockDocumentFilters", BlockDocumentSort.NAME_ASC, SECRETS
)
"""Block documents as children."""
