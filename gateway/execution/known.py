"""What Strawberry is spared where extensions are registered: documents that were parsed and validated before."""

from collections.abc import Iterator

from strawberry.extensions import SchemaExtension

from gateway.execution.documents import RULES, Documents


class KnownDocuments(SchemaExtension):
    """An extension that takes documents from the gateway's own; those with rules of another extension are validated."""

    def __init__(self, documents: Documents) -> None:
        super().__init__()
        self._documents = documents

    def on_parse(self) -> Iterator[None]:
        """Take the document: by the same object its plan is found."""
        context = self.execution_context
        if context.query is not None:
            context.graphql_document = self._documents.get(context.query).ast
        yield

    def on_validate(self) -> Iterator[None]:
        """Skip what was done before the document was kept."""
        if {*self.execution_context.validation_rules} <= {*RULES}:
            self.execution_context.pre_execution_errors = []
        yield
