"""One entry for every operation: request -> document -> bounds -> execution -> answer."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import strawberry
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType
from graphql.execution import Executor
from strawberry.execution import optimized_is_awaitable

from gateway.execution.compiled import CompiledExecutor, Plans
from gateway.execution.compiled.executor import executor_class
from gateway.execution.compiled.plan import Outcome
from gateway.execution.cost import Cost
from gateway.execution.documents import Document, Documents, Invalid, NestedBeyondParsing, graphql_schema
from gateway.execution.errors import formatted, formatted_failures, internal, logger
from gateway.execution.request import Answer, GraphQLRequest
from gateway.execution.values import NestedTooDeeply, check_variables
from gateway.settings import Settings
from resolvers.errors import BadUserInput, GatewayError
from resolvers.rest import Rest

# Strawberry's own test of awaitables, several times faster than graphql-core's.
_EXECUTOR: dict[str, Any] = {"is_awaitable": optimized_is_awaitable}


class Session(Rest, Protocol):
    """The upstream for one operation; `calls` is what it was asked, for `extensions.upstream`."""

    calls: list[dict[str, Any]]

    def close(self) -> None:
        """End the calls in flight, for which nobody waits any more."""


class Upstream(Protocol):
    """Where sessions come from (`gateway.upstream.Upstream`)."""

    def session(self, *, authorization: str | None, deadline: float, trace: bool) -> Session:
        """Return the upstream for one operation of one caller; `deadline` is in event-loop time."""
        ...


class Execution:
    """Executes operations of a schema over an upstream; `make_context` gives the resolvers theirs from its session."""

    def __init__(
        self, schema: strawberry.Schema, upstream: Upstream, settings: Settings, make_context: Callable[[Session], Any]
    ) -> None:
        self.documents = Documents(schema, settings)
        self._schema = graphql_schema(schema)
        self.plans = Plans(schema, settings.max_first) if settings.compiled else None
        self._executor = executor_class(self.plans)
        self._cost = Cost(self._schema, settings)
        self._upstream = upstream
        self._settings = settings
        self._make_context = make_context
        self._mutations: set[asyncio.Task[Answer]] = set()

    async def run(self, request: GraphQLRequest) -> Answer:
        """Answer a request; every fault is an error in the answer, none is raised.

        Cancelling it cancels a query. A mutation that has begun goes on to its end: nobody could tell how far it came.
        """
        try:
            document, operation = self._admitted(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            return failed(error)
        work = self._execute(document, request)
        return await (self._to_its_end(work) if operation.operation is OperationType.MUTATION else work)

    def _admitted(self, request: GraphQLRequest) -> tuple[Document, OperationDefinitionNode]:
        check_variables(request.variables, self._settings)
        document = self.documents.get(request.query)
        operation = document.operation(request.operation_name)
        if request.read_only and operation.operation is not OperationType.QUERY:
            raise ReadOnly("A GET request can only query: send mutations by POST.")
        return document, operation

    async def _execute(self, document: Document, request: GraphQLRequest) -> Answer:
        session = self._upstream.session(
            authorization=request.authorization, deadline=request.deadline, trace=request.trace
        )
        try:
            executor = self._executor.build(
                self._schema,
                document.ast,
                None,
                self._make_context(session),
                request.variables,
                request.operation_name,
                **_EXECUTOR,
            )
            if isinstance(executor, list):
                return refused(executor)
            return _answer(await self._result(executor, document), session.calls if request.trace else None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            return failed(error)
        finally:
            session.close()

    async def _result(self, executor: Executor[Any], document: Document) -> ExecutionResult | Outcome:
        """Execute what graphql-core has prepared: operation chosen, variables coerced."""
        self._cost.check(executor.operation, document.fragments, executor.variable_values.coerced)
        if not isinstance(executor, CompiledExecutor):
            raise TypeError(f"Not an executor of ours: {type(executor).__name__}.")
        return await executor.execute()

    async def _to_its_end(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        task = asyncio.create_task(work)
        self._mutations.add(task)
        task.add_done_callback(self._mutations.discard)
        return await asyncio.shield(task)


class ReadOnly(BadUserInput):
    """A mutation where only queries are allowed: HTTP status 405."""


def failed(error: Exception) -> Answer:
    """Return the answer to a request that came to no execution; what is no error of the client is logged."""
    if isinstance(error, Invalid):
        return refused(error.errors)
    if isinstance(error, GatewayError):
        return refused([error])
    logger.error("Internal error", exc_info=error)
    return Answer(errors=[internal()], executed=False, status=500, well_formed=False)


def refused(errors: Sequence[GraphQLError]) -> Answer:
    """Return the answer to a request that the client must mend."""
    status = 405 if any(isinstance(error, ReadOnly) for error in errors) else 400
    malformed = any(isinstance(error, ReadOnly | NestedTooDeeply | NestedBeyondParsing) for error in errors)
    return Answer(
        errors=[formatted(error) for error in errors], executed=False, status=status, well_formed=not malformed
    )


def _answer(result: ExecutionResult | Outcome, calls: list[dict[str, Any]] | None) -> Answer:
    if isinstance(result, Outcome):
        shown = formatted_failures(result.failures())
    else:
        shown = [formatted(error) for error in result.errors or ()]
    return Answer(result.data, shown, {} if calls is None else {"upstream": calls})
