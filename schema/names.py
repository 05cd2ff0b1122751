"""GraphQL names, derived from the REST names."""

from strawberry.schema.name_converter import NameConverter
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.enum import StrawberryEnumDefinition

from resolvers.names import graphql_name
from schema import operators


class Names(NameConverter):
    """camelCase without trailing underscores: `not_any_` is `notAny`. The shapes of filters begin with `Prefect`.

    A federated graph merges the inputs and enums of one name, keeping only what they share: `TimeFilter` would be
    anybody's, while `FlowRunFilter` is ours.
    """

    def apply_naming_config(self, name: str) -> str:
        """Turn a REST name into its GraphQL name."""
        return graphql_name(name)

    def from_input_object(self, input_type: StrawberryObjectDefinition) -> str:
        """Name an input."""
        return _prefix(input_type.origin) + super().from_input_object(input_type)

    def from_enum(self, enum: StrawberryEnumDefinition) -> str:
        """Name an enum."""
        return _prefix(enum.wrapped_cls) + super().from_enum(enum)


def _prefix(declared: type) -> str:
    return "Prefect" if declared.__module__ == operators.__name__ else ""
