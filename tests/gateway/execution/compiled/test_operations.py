"""The random operations are valid, and reach all that the schema can be asked."""

import random
from collections.abc import Iterator

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    InlineFragmentNode,
    Node,
    ObjectFieldNode,
    OperationDefinitionNode,
    get_named_type,
    parse,
    validate,
)
from graphql.language.visitor import Visitor, visit

from gateway.execution.documents import RULES
from tests.gateway.execution.compiled.operations import operation
from tests.gateway.execution.compiled.world import world
from tests.gateway.stack import SCHEMA

MOST = 4_000


def documents(number: int) -> Iterator[DocumentNode]:
    """Write so many random documents."""
    for seed in range(number):
        yield parse(operation(random.Random(seed), world(seed % 4), 1, seed)[0].text, no_location=True)  # noqa: S311


def reachable(kind: object, found: set[object]) -> None:
    """Collect the types that a query can name."""
    kind = get_named_type(kind)
    if kind in found:
        return
    found.add(kind)
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        for field in kind.fields.values():
            reachable(field.type, found)
            for argument in field.args.values():
                reachable(argument.type, found)
    elif isinstance(kind, GraphQLInputObjectType):
        for part in kind.fields.values():
            reachable(part.type, found)


def named(kinds: set[object]) -> Iterator[tuple[type[Node], str]]:
    """Name all fields, arguments and values of enums."""
    for kind in kinds:
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            yield from ((FieldNode, name) for name in kind.fields)
            yield from ((ArgumentNode, name) for field in kind.fields.values() for name in field.args)
        elif isinstance(kind, GraphQLInputObjectType):
            yield from ((ObjectFieldNode, name) for name in kind.fields)


class Names(Visitor):
    """Collects the names of nodes by their kind."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[type[Node], str]] = set()

    def enter(self, node: Node, *_: object) -> None:
        name = getattr(node, "name", None)
        self.seen.add((type(node), name.value if name else getattr(node, "value", "")))


def test_all_are_valid() -> None:
    wrong = {str(errors[0]) for document in documents(300) if (errors := validate(SCHEMA, document, RULES))}
    assert wrong == set()


def test_all_of_the_schema_is_reached() -> None:
    kinds: set[object] = set()
    reachable(SCHEMA.query_type, kinds)
    sorts = [kind for kind in kinds if isinstance(kind, GraphQLEnumType) and "Sort" in kind.name]
    wanted = {
        *named(kinds),
        *((EnumValueNode, name) for kind in sorts for name in kind.values),
        *((DirectiveNode, "skip"), (DirectiveNode, "include"), (InlineFragmentNode, "")),
        *((FieldNode, "__typename"), (EnumValueNode, "OR")),
    }
    others = {FragmentSpreadNode, OperationDefinitionNode}
    names = Names()
    for document in documents(MOST):  # until all is reached: parsing takes long
        visit(document, names)
        if wanted <= names.seen and others <= {kind for kind, _ in names.seen}:
            break
    assert wanted - names.seen == set()
    assert others <= {kind for kind, _ in names.seen}
