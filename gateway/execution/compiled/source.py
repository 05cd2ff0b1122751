"""The generated source of a plan: for each selection one function that makes answers of rows, in one comprehension."""

import keyword
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from graphql import GraphQLEnumType, GraphQLNonNull, GraphQLType, is_list_type, is_non_null_type

from gateway.execution.compiled.irregular import Irregular
from gateway.execution.compiled.shapes import NULL, Shape, plain

Project = Callable[..., list[Any]]
"""Makes the objects of an answer: of rows, and of a list of values for each relation, aligned with the rows."""


def given(value: msgspec.Raw) -> msgspec.Raw:
    """Return JSON that must not be null."""
    if value == NULL:
        raise Irregular("null where JSON must be")
    return value


def bare(type_: GraphQLType) -> Any:
    """Return a type without its non-null."""
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


class Source:
    """The text of a plan's functions, and what they refer to."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.functions: list[str] = []
        self.structs: list[str] = []
        self._names: dict[str, Any] = {"given": given}
        self._taken = {"row", "rows", "zip", "given", "item"}

    def name(self, wanted: str) -> str:
        """Return a name that nothing else has."""
        number = 1
        while (name := wanted if number == 1 else f"{wanted}_{number}") in self._taken or keyword.iskeyword(name):
            number += 1
        self._taken.add(name)
        return name

    def out(self, type_name: str, keys: Sequence[str]) -> str:
        """Make the Struct of an object in the answer, of its response keys in their order; return its name."""
        name = self.name(type_name)
        self._names[name] = answer_struct(name, keys)
        self.structs.append(f"{name} = {{{', '.join(keys)}}}")
        return name

    def struct(self, name: str) -> Any:
        """Return the Struct of a name."""
        return self._names[name]

    def leaf(self, value: str, type_: GraphQLType) -> str:
        """Write how a value of a row becomes one of the answer."""
        conversion = self._conversion(type_)
        if conversion is None:
            return value
        nullable = not is_non_null_type(type_)
        inner = bare(type_)
        if is_list_type(inner):
            return self.each(value, nullable=nullable, item="item", made=self.leaf("item", inner.of_type))
        return conversion.format(value)

    def _conversion(self, type_: GraphQLType) -> str | None:
        """Return what is done to each value of a leaf type; None where rows have it as the answer does."""
        inner = bare(type_)
        if is_list_type(inner):
            return self._conversion(inner.of_type)
        if isinstance(inner, GraphQLEnumType):
            return self._enum(inner)
        return "given({})" if inner.name == "JSON" and isinstance(type_, GraphQLNonNull) else None

    def _enum(self, enum: GraphQLEnumType) -> str | None:
        names = {plain(value.value): name for name, value in enum.values.items()}
        if all(value == name for value, name in names.items()):
            return None
        self._names[f"{enum.name}_names"] = {**names, None: None}
        return f"{enum.name}_names[{{}}]"

    def each(self, value: str, *, nullable: bool, item: str, made: str) -> str:
        """Write a list made of another, null where that is."""
        listed = f"[{made} for {item} in {value}]"
        return f"(None if {value} is None else {listed})" if nullable else listed

    def project(self, name: str, made: str, relations: Sequence[str]) -> str:
        """Write the function that makes an object of each row; return its name."""
        name = self.name(name)
        heads = ", ".join(["row", *relations])
        rows = f"zip({', '.join(['rows', *(f'all_{each}' for each in relations)])})" if relations else "rows"
        arguments = ", ".join(["rows", *(f"all_{each}" for each in relations)])
        self.functions.append(f"def {name}({arguments}):\n    return [{made} for {heads} in {rows}]\n")
        return name

    def compile(self) -> dict[str, Any]:
        """Return what the functions' names stand for."""
        exec(compile(self.text, "<plan>", "exec"), self._names)  # noqa: S102  the text is ours, names checked by GraphQL
        return self._names

    @property
    def text(self) -> str:
        """The functions, to read and to compile."""
        return "\n\n".join(self.functions)

    def step(self, depth: int, what: str) -> None:
        """Tell what is read, `depth` levels down."""
        self.steps.append(f"{'  ' * depth}{what}")

    def told(self, shapes: Sequence[Shape]) -> str:
        """Return the whole plan, to read: its reads, the keys that it decodes, the objects that it makes, the functions."""
        parts = {
            "What is read, a level of all rows at a time": self.steps,
            "The keys that are decoded of each row": [str(shape) for shape in shapes],
            "The objects of the answer, by their response keys": self.structs,
        }
        heads = [f"# {head}:\n" + "".join(f"#   {line}\n" for line in lines) for head, lines in parts.items()]
        return "\n".join(heads) + "\n\n" + self.text


def answer_struct(name: str, keys: Sequence[str]) -> type[msgspec.Struct]:
    """Make the Struct of an object in an answer: it is filled by position and written under its response keys."""
    fields = [(f"f{number}", Any) for number, _ in enumerate(keys)]
    return msgspec.defstruct(
        name, fields, rename=dict(zip((field for field, _ in fields), keys, strict=True)), gc=False
    )
