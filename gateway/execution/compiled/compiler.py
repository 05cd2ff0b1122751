"""From an operation to its plan: what is selected becomes steps, shapes of rows and generated functions."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from pydantic import BaseModel

from gateway.execution.compiled.arguments import Arguments
from gateway.execution.compiled.connections import (
    AtRoot,
    Connection,
    Edges,
    Name,
    Nested,
    Nodes,
    PageInfo,
    Part,
    TotalCount,
)
from gateway.execution.compiled.irregular import Unsupported
from gateway.execution.compiled.plan import Plan
from gateway.execution.compiled.roots import Constant, ReadRows, ReadScalar, Root
from gateway.execution.compiled.shapes import Shape, Structs, attribute, definition_of, model_of, object_of
from gateway.execution.compiled.source import Source
from gateway.execution.compiled.steps import Field, Parent, Selection
from gateway.execution.times import Keys
from resolvers.collection import DECLARED, Collection
from resolvers.nodes import asked as collections_of
from resolvers.relations import BelongsTo, Via
from resolvers.roots import Root as Declared
from resolvers.selection import types_under

TYPENAME = "__typename"

Fields = Mapping[str, Sequence[FieldDetails]]


@dataclass(frozen=True)
class Operation:
    """An operation as graphql-core prepared it: chosen, its variables coerced."""

    definition: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    variables: VariableValues


class Compiler:
    """Compiles one operation."""

    def __init__(self, schema: strawberry.Schema, structs: Structs, operation: Operation, most: int) -> None:
        self._strawberry = schema
        self._schema = schema._schema  # noqa: SLF001  Strawberry has no public name for it
        self._structs = structs
        self._operation = operation
        self._most = most
        self._source = Source()
        self._shapes: dict[type[BaseModel], Shape] = {}
        self._projections: list[tuple[Selection, str]] = []
        self._depth = 0
        self._path: Keys = ()
        """The response keys down to what is being compiled."""

    def compile(self) -> Plan:
        """Return the plan; raises Unsupported."""
        query = self._schema.query_type
        if query is None:
            raise Unsupported("a schema without queries")
        operation = self._operation
        collected = collect_fields(self._schema, operation.fragments, operation.variables, query, operation.definition)
        fields = collected.grouped_field_set
        roots = [self._root(query, key, details) for key, details in fields.items()]
        made = self._source.struct(self._source.out("Data", list(fields)))
        compiled = self._source.compile()
        for selection, name in self._projections:
            selection.project = compiled[name]
        decoders = {model: self._structs.of(shape) for model, shape in self._shapes.items()}
        return Plan(roots, made, decoders, self._source.told(list(self._shapes.values())))

    @contextmanager
    def _within(self, key: str) -> Iterator[None]:
        """Compile what stands at a response key."""
        path, self._path = self._path, (*self._path, key)
        yield
        self._path = path

    def _root(self, query: GraphQLObjectType, key: str, details: Sequence[FieldDetails]) -> Root:
        node = details[0].node
        self._path = (key,)
        if node.name.value == TYPENAME:
            return Constant(key, query.name)
        declared = self._field(query, node)
        metadata = definition_of(declared).metadata
        if "source" in metadata:
            source = metadata["source"]
            asked = Arguments(self._strawberry, declared, node, lambda given: source.asked(given, self._most))
            self._source.step(0, f"{key}: /{source.collection.name}")
            return AtRoot(key, source, asked, self._connection(declared, source.collection, details))
        if "root" not in metadata:
            raise Unsupported(f"the field {node.name.value}")
        root: Declared = metadata["root"]
        asked = Arguments(self._strawberry, declared, node, root.check)
        self._source.step(0, f"{key}: {node.name.value}")
        if is_leaf_type(get_named_type(declared.type)):
            return ReadScalar(key, root.read, asked, declared.type)
        definitions = {name: each.definition for name, each in self._operation.fragments.items()}
        types = types_under([each.node for each in details], definitions)
        for model, needed in root.needed:
            self._rows(model).need(needed)
        return ReadRows(key, root.read, asked, types, self._any(get_named_type(declared.type), types, details))

    def _any(
        self, kind: Any, types: set[str], details: Sequence[FieldDetails]
    ) -> dict[type[BaseModel] | None, Selection]:
        """Return the selections of a field by the models of its rows."""
        if isinstance(kind, GraphQLObjectType):
            return {None: self._selection(model_of(kind), kind, details)}
        if isinstance(kind, GraphQLInterfaceType):
            models = list(dict.fromkeys(each.row for each in collections_of(types)))
        elif isinstance(kind, GraphQLUnionType):
            models = [model_of(each) for each in kind.types]
        else:
            raise Unsupported(f"the type {kind}")
        return {model: self._selection(model, self._object(model), details) for model in models}

    def _object(self, model: type[BaseModel]) -> GraphQLObjectType:
        kind = self._schema.type_map.get(model.__name__)
        if not isinstance(kind, GraphQLObjectType):
            raise Unsupported(f"rows of {model.__name__}")
        return kind

    def _rows(self, model: type[BaseModel]) -> Shape:
        """Return the shape of the rows of a model, whatever reads them."""
        if model not in self._shapes:
            self._shapes[model] = Shape(model, self._object(model))
            if any(each.item for each in DECLARED if each.row is model):
                self._shapes[model].need("id")
        return self._shapes[model]

    def _fields(self, kind: GraphQLObjectType, details: Sequence[FieldDetails]) -> Fields:
        operation = self._operation
        collected = collect_subfields(
            self._schema, operation.fragments, operation.variables, operation.definition, kind, list(details)
        )
        return collected.grouped_field_set

    def _field(self, kind: GraphQLObjectType, node: FieldNode) -> GraphQLField:
        declared: GraphQLField | None = kind.fields.get(node.name.value)
        if declared is None:
            raise Unsupported(f"the field {node.name.value}")
        return declared

    def _selection(self, model: type[BaseModel], kind: GraphQLObjectType, details: Sequence[FieldDetails]) -> Selection:
        """Compile what is selected of rows."""
        selection = Selection()
        shape = self._rows(model)
        fields = self._fields(kind, details)
        name = self._source.out(kind.name, list(fields))
        self._depth += 1
        parts = []
        for position, (key, each) in enumerate(fields.items()):
            node = each[0].node
            if node.name.value == TYPENAME:
                parts.append(repr(kind.name))
                continue
            declared = self._field(kind, node)
            metadata = definition_of(declared).metadata
            if "source" in metadata or "relation" in metadata:
                parts.append(self._source.name(node.name.value))
                selection.positions.append(position)
                with self._within(key):
                    selection.fields.append(self._related(shape, declared, key, each))
            else:
                parts.append(self._value(shape, declared, "row", each))
        self._depth -= 1
        selection.made = self._source.struct(name)
        relations = [parts[position] for position in selection.positions]
        made = f"{name}({', '.join(parts)})"
        self._projections.append((selection, self._source.project(f"make_{kind.name}", made, relations)))
        return selection

    def _related(self, shape: Shape, declared: GraphQLField, key: str, details: Sequence[FieldDetails]) -> Field:
        metadata = definition_of(declared).metadata
        relation, node = metadata.get("relation"), details[0].node
        if isinstance(relation, BelongsTo):
            self._need(shape, relation.key)
            collection = relation.collection
            if collection.bulk:  # many in one answer are told apart by it
                self._rows(collection.row).need(relation.by)
            self._source.step(self._depth, f"{key}: /{collection.name} by {relation.by}, all keys in one read")
            selection = self._selection(collection.row, self._object(collection.row), details)
            return Parent(key, self._path, [each.node for each in details], relation, selection)
        source = metadata["source"]
        shape.need(source.by)
        self._source.step(self._depth, f"{key}: /{source.collection.name} of all rows")
        for wanted in getattr(source, "wanted", ()):
            self._need(self._rows(source.collection.row), wanted)
        asked = Arguments(self._strawberry, declared, node, lambda given: source.asked(given, self._most))
        return Nested(key, source, asked, self._connection(declared, source.collection, details))

    def _need(self, shape: Shape, key: str | Via) -> None:
        """Read a key of rows, through the row between where the key stands there."""
        if isinstance(key, str):
            shape.need(key)
            return
        shape.need(key.key)
        self._rows(key.collection.row).need(key.target)

    def _value(self, shape: Shape, declared: GraphQLField, row: str, details: Sequence[FieldDetails]) -> str:
        """Write the expression of a field that stands in the row."""
        definition = definition_of(declared)
        if definition.base_resolver is not None:
            raise Unsupported(f"the field {details[0].node.name.value}")
        value = f"{row}.{attribute(definition.python_name)}"
        kind: Any = get_named_type(declared.type)
        if is_leaf_type(kind):
            shape.need(definition.python_name)
            return self._source.leaf(value, declared.type)
        if not isinstance(kind, GraphQLObjectType):
            raise Unsupported(f"the type {kind}")
        return self._object_within(shape.within(definition.python_name, kind), declared.type, value, details)

    def _object_within(self, shape: Shape, type_: Any, value: str, details: Sequence[FieldDetails]) -> str:
        """Write the expression of an object within a row, or of a list of them."""
        inner = get_nullable_type(type_)
        nullable = not is_non_null_type(type_)
        if is_list_type(inner):
            item = self._source.name("item")
            made = self._object_within(shape, inner.of_type, item, details)
            return self._source.each(value, nullable=nullable, item=item, made=made)
        fields = self._fields(shape.kind, details)
        name = self._source.out(shape.kind.name, list(fields))
        parts = [
            repr(shape.kind.name)
            if each[0].node.name.value == TYPENAME
            else self._value(shape, self._field(shape.kind, each[0].node), value, each)
            for each in fields.values()
        ]
        made = f"{name}({', '.join(parts)})"
        return f"(None if {value} is None else {made})" if nullable else made

    def _connection(
        self, declared: GraphQLField, collection: Collection, details: Sequence[FieldDetails]
    ) -> Connection:
        """Compile what is selected of a connection."""
        kind = object_of(declared.type)
        self._rows(collection.row)
        fields = self._fields(kind, details)
        made = self._source.struct(self._source.out(kind.name, list(fields)))
        parts = []
        for key, each in fields.items():
            with self._within(key):
                parts.append(self._part(kind, collection, key, each))
        return Connection(self._path, made, parts)

    def _part(self, kind: GraphQLObjectType, collection: Collection, key: str, details: Sequence[FieldDetails]) -> Part:
        name = details[0].node.name.value
        if name == TYPENAME:
            return Name(key, kind.name)
        if name == "totalCount":
            return TotalCount(key, self._path)
        if name == "nodes":
            return Nodes(key, self._selection(collection.row, self._object(collection.row), details))
        inner = object_of(self._field(kind, details[0].node).type)
        fields = self._fields(inner, details)
        made = self._source.struct(self._source.out(inner.name, list(fields)))
        names = {part: each[0].node.name.value for part, each in fields.items()}
        if name == "pageInfo":
            return PageInfo(
                key, self._path, made, [inner.name if each == TYPENAME else each for each in names.values()]
            )
        if name == "edges":
            return Edges(key, made, [(part, self._edge(inner, collection, part, fields[part])) for part in names])
        raise Unsupported(f"the field {name} of a connection")

    def _edge(
        self, kind: GraphQLObjectType, collection: Collection, key: str, details: Sequence[FieldDetails]
    ) -> Selection | str:
        name = details[0].node.name.value
        if name == "node":
            with self._within(key):
                return self._selection(collection.row, self._object(collection.row), details)
        return kind.name if name == TYPENAME else name
