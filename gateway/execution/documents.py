"""Texts to documents: bounded, parsed, measured and validated once, then kept."""

from collections import OrderedDict
from dataclasses import dataclass

import strawberry
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from graphql.language.parser import MAX_NESTING_DEPTH
from graphql.validation.rules import overlapping_fields_can_be_merged
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from gateway.execution.incremental import asks_for_parts
from gateway.execution.limits import beyond, check_limits
from gateway.execution.values import check_literals
from gateway.settings import Settings
from resolvers.errors import BadUserInput, QueryTooComplex

# graphql-core compares repeated fields pair by pair, for up to a second by default; real queries spend a few hundred.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 10_000

# As Strawberry validates.
RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)

# Enough to mend a query by; each costs suggestions and the search for its place in the text.
MAX_ERRORS = 20

# The lexer reads some million characters a second; a token of a real query has 8.
CHARACTERS_A_TOKEN = 20

# What a parsed token takes, seen: 560 bytes of tree.
BYTES_A_TOKEN = 600


class Invalid(Exception):
    """A text that is no document of the schema; `errors` are the client's."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = errors


class NestedBeyondParsing(QueryTooComplex):
    """A text nested so deeply that the parser gave up."""


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document within the limits, its definitions by name."""

    ast: DocumentNode
    operations: tuple[OperationDefinitionNode, ...]
    fragments: dict[str, FragmentDefinitionNode]
    incremental: bool
    """Whether it asks for an answer in parts."""

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation to execute; BadUserInput where `name` names none, or none is named of several."""
        if name is None:
            if len(self.operations) != 1:
                raise BadUserInput(
                    f"The query has {len(self.operations)} operations: name one of them in `operationName`."
                )
            return self.operations[0]
        for operation in self.operations:
            if operation.name and operation.name.value == name:
                return operation
        raise BadUserInput(f"The query has no operation named {name[:100]!r}.")


class Documents:
    """An LRU of documents by text, bounded by their count and by the memory that they take.

    Invalid texts aren't kept: a client that sends many must not push out the valid ones.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        settings: Settings,
        *,
        max_documents: int = 1_000,
        max_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self._schema = graphql_schema(schema)
        self._settings = settings
        self._max_documents = max_documents
        self._max_bytes = max_bytes
        self._bytes = 0
        self._documents: OrderedDict[str, tuple[Document, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._documents)

    def get(self, text: str) -> Document:
        """Return the document of `text`.

        Raises Invalid with the errors of syntax and validation, QueryTooComplex beyond a limit, BadUserInput for a
        list or a nesting beyond its bound.
        """
        kept = self._documents.get(text)
        if kept is not None:
            self._documents.move_to_end(text)
            return kept[0]
        document = self._read(text)
        self._keep(text, document)
        return document

    def _read(self, text: str) -> Document:
        ast = self._parse(text)
        check_limits(ast, self._settings)
        check_literals(ast, self._settings)
        if errors := validate(self._schema, ast, RULES, max_errors=MAX_ERRORS):
            raise Invalid([_explained(error) for error in errors])
        operations = tuple(node for node in ast.definitions if isinstance(node, OperationDefinitionNode))
        fragments = {node.name.value: node for node in ast.definitions if isinstance(node, FragmentDefinitionNode)}
        return Document(ast, operations, fragments, asks_for_parts(text, ast))

    def _parse(self, text: str) -> DocumentNode:
        check_length(len(text), self._settings)
        try:
            return parse(text, max_tokens=self._settings.max_tokens, allow_empty_selection_sets=False)
        except GraphQLSyntaxError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: GraphQLSyntaxError) -> Exception:
        if "Parsing aborted" not in error.message:
            return Invalid([error])
        if "nested" in error.message:
            setting = f"PREFECT_GRAPHQL_MAX_DEPTH ({self._settings.max_depth})"
            return NestedBeyondParsing(
                f"The query's depth is more than {MAX_NESTING_DEPTH} levels of selections or values, beyond {setting}."
            )
        return beyond("tokens", f"at least {self._settings.max_tokens + 1}", self._settings.max_tokens)

    def _keep(self, text: str, document: Document) -> None:
        size = len(text) * 4 + document.ast.token_count * BYTES_A_TOKEN
        self._documents[text] = (document, size)
        self._bytes += size
        while len(self._documents) > self._max_documents or self._bytes > self._max_bytes:
            _, (_, freed) = self._documents.popitem(last=False)
            self._bytes -= freed


def check_length(characters: int, settings: Settings, *, whose: str = "query") -> None:
    """Refuse texts that are too long to be read for their tokens; raises QueryTooComplex."""
    limit = settings.max_tokens * CHARACTERS_A_TOKEN
    if characters > limit:
        raise QueryTooComplex(
            f"The {whose}'s text is {characters} characters, more than {limit}, "
            f"{CHARACTERS_A_TOKEN} for each token of PREFECT_GRAPHQL_MAX_TOKENS; send long values as variables."
        )


def graphql_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """Return the graphql-core schema that a Strawberry schema was built into."""
    return schema._schema  # noqa: SLF001 - Strawberry has no public name for it


def _explained(error: GraphQLError) -> GraphQLError:
    if isinstance(error, ValidationAbortedError) and "Too many" not in error.message:
        return QueryTooComplex(
            "The query repeats the same fields or spreads too often to be validated; select each field once."
        )
    return error
