"""Rows of the upstream as msgspec Structs of the needed keys: msgspec decodes and checks these keys only, in C."""

import keyword
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, Optional

import msgspec
from cachetools import LRUCache
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLType,
    get_named_type,
    is_list_type,
    is_non_null_type,
)
from pydantic import BaseModel
from strawberry.types.field import StrawberryField

from gateway.execution.compiled.irregular import Unsupported
from resolvers.collection import paired, shape, unpaired

MOST_STRUCTS = 2_000

NULL = msgspec.Raw(b"null")

INT = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
# From 2**53 on an integer may not be a float; graphql-core decides.
FLOAT = Annotated[float, msgspec.Meta(gt=-(2**53), lt=2**53)]
SCALARS: dict[str, Any] = {
    "ID": str,
    "String": str,
    "DateTime": str,
    "Int": INT,
    "Float": FLOAT,
    "Boolean": bool,
    "JSON": msgspec.Raw,
}


def definition_of(declared: GraphQLField) -> StrawberryField:
    """Return the Strawberry field that a graphql-core field was made of."""
    definition: StrawberryField = declared.extensions["strawberry-definition"]
    return definition


def attribute(key: str) -> str:
    """Return the name by which a Struct holds a key of a row."""
    return f"{key}_" if keyword.iskeyword(key) else key


@dataclass
class Shape:
    """The keys that an operation needs of the rows of a model, with the shapes of the objects within."""

    model: type[BaseModel]
    kind: GraphQLObjectType
    keys: "dict[str, Shape | None]" = field(default_factory=dict)

    def need(self, key: str) -> None:
        """Read a key."""
        self.keys.setdefault(key, None)

    def within(self, key: str, kind: GraphQLObjectType) -> "Shape":
        """Read an object, or a list of objects, at a key; return what is read of it."""
        found = self.keys.get(key)
        if found is None:
            found = self.keys[key] = Shape(shape(self.model)[1][key], kind)
        return found

    def __str__(self) -> str:
        keys = (key if inner is None else f"{key} {inner.within_braces}" for key, inner in self.keys.items())
        return f"{self.kind.name} {{{', '.join(keys)}}}"

    @property
    def within_braces(self) -> str:
        """The keys, in braces."""
        return str(self).partition(" ")[2]

    @property
    def frozen(self) -> "Frozen":
        """What makes the Struct, so that equal ones are the same Struct."""
        parts = ((key, inner.frozen if inner else None) for key, inner in sorted(self.keys.items()))
        return (self.model, self.kind, tuple(parts))


Frozen = tuple[type[BaseModel], GraphQLObjectType, tuple[tuple[str, Any], ...]]


class Structs:
    """The Structs and their decoders, each made once: operations that read the same share the decoded rows."""

    def __init__(self) -> None:
        self._made: LRUCache[Frozen, Decoders] = LRUCache(MOST_STRUCTS)

    def of(self, shape: Shape) -> "Decoders":
        """Return the decoders of a shape."""
        return self._of(shape.frozen)

    def _of(self, frozen: Frozen) -> "Decoders":
        made = self._made.get(frozen)
        if made is None:
            made = self._made[frozen] = Decoders(self._struct(frozen))
        return made

    def _struct(self, frozen: Frozen) -> type[msgspec.Struct]:
        model, kind, parts = frozen
        by_key, pairs = fields_by_key(kind), set(paired(model))
        defaults = shape(model)[0]
        required, optional = [], []
        for key, inner in parts:
            type_ = by_key[key].type
            struct = self._of(inner).struct if inner else None
            annotation = list[tuple[Any, struct]] if key in pairs else _annotation(type_, struct)  # type: ignore[valid-type]  # made at run time
            if key in defaults or not is_non_null_type(type_):
                optional.append((attribute(key), annotation, _default(defaults.get(key), annotation)))
            else:
                required.append((attribute(key), annotation))
        rename = {attribute(key): key for key, _ in parts if attribute(key) != key}
        namespace = {"__post_init__": _unpairing(pairs & {key for key, _ in parts})} if pairs else None
        return msgspec.defstruct(
            f"{kind.name}Row", [*required, *optional], rename=rename, gc=False, namespace=namespace
        )


class Decoders:
    """A Struct and what decodes a row, and a list of rows, into it."""

    def __init__(self, struct: type[msgspec.Struct]) -> None:
        self.struct = struct
        self.one = msgspec.json.Decoder(struct)
        self.many = msgspec.json.Decoder(list[struct])  # type: ignore[valid-type]  # made at run time
        self._pages: dict[str, msgspec.json.Decoder[Any]] = {}

    def page(self, key: str) -> msgspec.json.Decoder[Any]:
        """Return what decodes an object that holds rows at a key, beside what else a page says."""
        if key not in self._pages:
            rows = list[self.struct]  # type: ignore[name-defined]  # made at run time
            keys: list[tuple[str, Any, Any]] = [("total", int | None, None), ("next_page", str | None, None)]
            self._pages[key] = msgspec.json.Decoder(
                msgspec.defstruct("Page", [("rows", rows), *keys], rename={"rows": key})
            )
        return self._pages[key]


def fields_by_key(kind: GraphQLObjectType) -> dict[str, GraphQLField]:
    """Return the fields of a type by the keys of its rows."""
    return {definition_of(declared).python_name: declared for declared in kind.fields.values()}


def _unpairing(keys: set[str]) -> Callable[[Any], None]:
    """Make what takes the objects at some keys of a Struct out of their pairs."""

    def unpair(row: Any) -> None:
        for key in keys:
            setattr(row, attribute(key), unpaired(getattr(row, attribute(key))))

    return unpair


def _annotation(type_: GraphQLType, inner: type | None) -> Any:
    if is_non_null_type(type_):
        return _present(type_.of_type, inner)
    present = _present(type_, inner)
    return present if present is msgspec.Raw else Optional[present]  # noqa: UP045  a type made at run time


def _present(type_: Any, inner: type | None) -> Any:
    if is_list_type(type_):
        return list[_annotation(type_.of_type, inner)]  # type: ignore[misc]  # made at run time
    if isinstance(type_, GraphQLEnumType):
        return Literal[tuple(plain(value.value) for value in type_.values.values())]
    if isinstance(type_, GraphQLObjectType):
        if inner is None:
            raise Unsupported(f"no keys of {type_.name} are known")
        return inner
    if type_.name not in SCALARS:
        raise Unsupported(f"the scalar {type_.name}")
    return SCALARS[type_.name]


def plain(value: Any) -> Any:
    """Return an enum's value as rows have it."""
    return value.value if isinstance(value, Enum) else value


def _default(value: Any, annotation: Any) -> Any:
    """Return the default of a Struct's field: JSON is bytes there."""
    if value is not None and msgspec.Raw in _parts(annotation):
        return msgspec.Raw(msgspec.json.encode(value))
    if isinstance(value, list | dict):
        return msgspec.field(default_factory=type(value)) if not value else msgspec.field(default_factory=value.copy)
    return value


def _parts(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *getattr(annotation, "__args__", ()))


def object_of(type_: Any) -> GraphQLObjectType:
    """Return the object type within a type; raises Unsupported."""
    kind = get_named_type(type_)
    if not isinstance(kind, GraphQLObjectType):
        raise Unsupported(f"the type {kind}")
    return kind


def model_of(kind: GraphQLObjectType) -> type[BaseModel]:
    """Return the model of the rows of a type."""
    model: type[BaseModel] = kind.extensions["strawberry-definition"].origin
    return model
