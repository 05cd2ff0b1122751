"""GraphQL names, derived from the REST names in this one place."""

from strawberry.schema.name_converter import NameConverter


class Names(NameConverter):
    """camelCase without trailing underscores: `not_any_` is `notAny`."""

    def apply_naming_config(self, name: str) -> str:
        """Turn a REST name into its GraphQL name."""
        return super().apply_naming_config(name.rstrip("_"))
