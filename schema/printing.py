"""The schema as text, for those who need less than all of it: a composer of a federated graph, a client."""

from functools import cache
from typing import Any

from graphql import (
    REMOVE,
    SKIP,
    DirectiveDefinitionNode,
    DirectiveNode,
    DocumentNode,
    FieldDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    SchemaDefinitionNode,
    UnionTypeDefinitionNode,
    Visitor,
    VisitorAction,
    parse,
    print_ast,
    visit,
)
from strawberry.schema import BaseSchema

ENTITIES = {"_Any", "_Entity", "_Service"}
OWN = {"node", "nodes", "health", "hello", "ready"}
"""Fields of Query that each subgraph has for itself: a graph would not compose with two of them."""
MACHINERY = {"_entities", "_service"}
INCREMENTAL = {"defer", "stream"}
"""Directives whose work a router does by itself."""


class _Without(Visitor):
    """Leaves out fields of Query, definitions of directives, and the types of federation."""

    def __init__(self, fields: set[str], directives: set[str]) -> None:
        super().__init__()
        self._fields = fields
        self._directives = directives

    def enter_directive_definition(self, node: DirectiveDefinitionNode, *_: Any) -> VisitorAction:
        return REMOVE if node.name.value in self._directives else None

    def enter_object_type_definition(self, node: ObjectTypeDefinitionNode, *_: Any) -> VisitorAction:
        if node.name.value in ENTITIES:
            return REMOVE
        return None if node.name.value == "Query" else SKIP

    def enter_field_definition(self, node: FieldDefinitionNode, *_: Any) -> VisitorAction:
        return REMOVE if node.name.value in self._fields else None

    def enter_union_type_definition(self, node: UnionTypeDefinitionNode, *_: Any) -> VisitorAction:
        return REMOVE if node.name.value in ENTITIES else None

    def enter_scalar_type_definition(self, node: ScalarTypeDefinitionNode, *_: Any) -> VisitorAction:
        return REMOVE if node.name.value in ENTITIES else None


class _Public(Visitor):
    """Leaves out the directives of federation, and what one of them makes inaccessible."""

    def __init__(self, directives: set[str]) -> None:
        super().__init__()
        self._directives = directives

    def enter(self, node: Any, *_: Any) -> VisitorAction:
        if isinstance(node, SchemaDefinitionNode):
            return REMOVE  # its names are the usual ones
        if isinstance(node, DirectiveNode):
            return REMOVE if node.name.value in self._directives else None
        applied = {directive.name.value for directive in getattr(node, "directives", None) or ()}
        return REMOVE if "inaccessible" in applied else None


@cache
def subgraph_sdl(schema: BaseSchema) -> str:
    """Print what a schema adds to a federated graph: without what each subgraph has for itself."""
    return print_ast(visit(_parsed(schema), _Without(OWN | MACHINERY, INCREMENTAL)))


def public_sdl(schema: BaseSchema) -> str:
    """Print the schema for clients of the API: without federation, and without what that makes inaccessible."""
    whole = visit(_parsed(schema), _Without(MACHINERY, set()))
    return print_ast(visit(whole, _Public(_imported(whole))))


def _parsed(schema: BaseSchema) -> DocumentNode:
    return parse(schema.as_str(), no_location=True)


def _imported(document: DocumentNode) -> set[str]:
    """Name the directives that the schema links to."""
    links = [
        directive
        for node in document.definitions
        if isinstance(node, SchemaDefinitionNode)
        for directive in node.directives or ()
    ]
    imports: list[Any] = [
        argument.value for link in links for argument in link.arguments or () if argument.name.value == "import"
    ]
    return {"link"} | {name.value.removeprefix("@") for listed in imports for name in listed.values}
