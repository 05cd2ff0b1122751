"""One entry for every operation: request -> document -> bounds -> execution -> answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, cast

import msgspec
import strawberry
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType
from graphql.execution.values import VariableValues, get_variable_values

from gateway.execution.compiled import CompiledExecutor, Outcome, Plans
from gateway.execution.cost import Cost
from gateway.execution.documents import Document, Documents, Invalid, NestedBeyondParsing, graphql_schema
from gateway.execution.errors import formatted, formatted_failures, internal, logger
from gateway.execution.known import KnownDocuments
from gateway.execution.recorded import Recorded
from gateway.execution.recorded import Upstream as Answers
from gateway.execution.request import Answer, GraphQLRequest
from gateway.execution.subscription import EXECUTOR, Subscription
from gateway.execution.values import NestedTooDeeply, check_variables
from gateway.settings import Settings
from resolvers.context import Context
from resolvers.errors import BadUserInput, GatewayError
from resolvers.rest import Rest

MAX_COERCION_ERRORS = 50

STREAMED = (
    "A subscription is answered by a stream: ask over a websocket (graphql-transport-ws), or accept text/event-stream."
)


class Session(Answers, Protocol):
    """The upstream for one operation; `calls` is what it was asked, for `extensions.upstream`."""

    calls: list[dict[str, Any]]

    def close(self) -> None:
        """End the calls in flight, for which nobody waits any more."""


class Shared(Protocol):
    """What is in flight (`gateway.upstream.sharing.Flights`)."""

    async def join(
        self, key: Hashable, deadline: float, fetch: Callable[[Any], Coroutine[Any, Any, Answer]]
    ) -> tuple[Answer, bool]:
        """Return what is in flight for a key, begun by `fetch` if nothing is, and whether it was shared."""


class Upstream(Protocol):
    """Where sessions come from (`gateway.upstream.Upstream`)."""

    def session(self, *, authorization: str | None, deadline: float, trace: bool) -> Session:
        """Return the upstream for one operation of one caller; `deadline` is in event-loop time."""
        ...

    def flights(self) -> Shared:
        """Return a table of what is in flight; nothing joins what began before a write."""
        ...


class Execution:
    """Executes operations of a schema over an upstream; `make_context` gives the resolvers theirs.

    Identical queries in flight, of one caller, share one execution; none joins an execution from before a write.
    """

    def __init__(
        self, schema: strawberry.Schema, upstream: Upstream, settings: Settings, make_context: Callable[[Rest], Any]
    ) -> None:
        self.documents = Documents(schema, settings)
        self.plans = Plans(schema, settings.max_first) if settings.compiled else None
        self._strawberry = schema
        if schema.extensions:
            schema.execution_context_class = type("Executor", (CompiledExecutor,), {"plans": self.plans})
            schema.extensions = (partial(KnownDocuments, self.documents), *schema.extensions)
        self._schema = graphql_schema(schema)
        self._cost = Cost(self._schema, settings)
        self._upstream = upstream
        self._settings = settings
        self._make_context = make_context
        self.seconds = settings.deadline
        self._flights = upstream.flights()
        self._mutations: set[asyncio.Task[Answer]] = set()

    async def run(self, request: GraphQLRequest) -> Answer:
        """Answer a request; every fault is an error in the answer, none is raised.

        Cancelling it cancels a query. A mutation that has begun goes on to its end: nobody could tell how far it came.
        """
        try:
            document, operation = self._admitted(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            return failed(error)
        if operation.operation is OperationType.SUBSCRIPTION:
            return failed(BadUserInput(STREAMED))
        if operation.operation is not OperationType.QUERY:
            return await self._to_its_end(self._execute(document, operation, request))
        key = None if request.trace else _key(request)
        if key is None:
            return await self._execute(document, operation, request)
        answer, _ = await self._flights.join(
            key, request.deadline, lambda _flight: self._execute(document, operation, request)
        )
        return answer

    def is_subscription(self, request: GraphQLRequest) -> bool:
        """Tell whether a request is to be answered by a stream; one that is wrong is not."""
        try:
            return self._admitted(request)[1].operation is OperationType.SUBSCRIPTION
        except Exception:  # noqa: BLE001 - whatever it is, `run` answers it
            return False

    def subscription(self, request: GraphQLRequest) -> Subscription | Answer:
        """Return a subscription that is in order, or the answer that says why it is not."""
        try:
            document, operation = self._admitted(request)
            variables = get_variable_values(
                self._schema, operation.variable_definitions or (), request.variables, MAX_COERCION_ERRORS
            )
            if isinstance(variables, list):
                return refused(variables)
            self._cost.check(operation, document.fragments, variables.coerced)
            return Subscription(self, self._strawberry, document, operation, request, variables)
        except GraphQLError as error:
            return refused([error])
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            return failed(error)

    @asynccontextmanager
    async def context(self, request: GraphQLRequest, deadline: float) -> AsyncIterator[Any]:
        """Give the resolvers' context for what is read for a subscription at one time."""
        session = self._upstream.session(authorization=request.authorization, deadline=deadline, trace=False)
        context = self._make_context(Recorded(session))
        try:
            yield context
        finally:
            session.close()
            if isinstance(context, Context):
                context.forget()

    def _admitted(self, request: GraphQLRequest) -> tuple[Document, OperationDefinitionNode]:
        check_variables(request.variables, self._settings)
        document = self.documents.get(request.query)
        operation = document.operation(request.operation_name)
        if request.read_only and operation.operation is OperationType.MUTATION:
            raise ReadOnly("A GET request can only query: send mutations by POST.")
        return document, operation

    async def _execute(self, document: Document, operation: OperationDefinitionNode, request: GraphQLRequest) -> Answer:
        variables = get_variable_values(
            self._schema, operation.variable_definitions or (), request.variables, MAX_COERCION_ERRORS
        )
        if isinstance(variables, list):
            return refused(variables)
        session = self._upstream.session(
            authorization=request.authorization, deadline=request.deadline, trace=request.trace
        )
        context = None
        try:
            context = self._make_context(Recorded(session))
            self._cost.check(operation, document.fragments, variables.coerced)
            result = await self._result(document, operation, request, variables, context)
            return _answer(result, session.calls if request.trace else None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            return failed(error)
        finally:
            session.close()
            if isinstance(context, Context):
                context.forget()

    async def _result(
        self,
        document: Document,
        operation: OperationDefinitionNode,
        request: GraphQLRequest,
        variables: VariableValues,
        context: Any,
    ) -> ExecutionResult | Outcome:
        if self._strawberry.extensions:
            result = await self._strawberry.execute(
                request.query, request.variables, context, operation_name=request.operation_name
            )
            return ExecutionResult(result.data, result.errors, result.extensions)

        async def interpret(context: Any) -> ExecutionResult:
            executor = CompiledExecutor.build(
                self._schema, document.ast, None, context, request.variables, request.operation_name, **EXECUTOR
            )
            if isinstance(executor, list):
                return ExecutionResult(None, executor)
            return await cast("CompiledExecutor", executor).interpret(context)

        if self.plans is None or not isinstance(context, Context):
            return await interpret(context)
        plan = self.plans.of(operation, document.fragments, variables)
        if plan is None:
            return await interpret(context)
        return await self.plans.execute(plan, context, variables, interpret)

    async def _to_its_end(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        task = asyncio.create_task(work)
        self._mutations.add(task)
        task.add_done_callback(self._mutations.discard)
        return await asyncio.shield(task)


def _key(request: GraphQLRequest) -> Hashable:
    """Return what identical queries have in common; None for one whose variables JSON cannot hold."""
    try:
        variables = msgspec.json.encode(request.variables)
    except (ValueError, OverflowError):  # half a surrogate pair, a number beyond 64 bits
        return None
    # Those who ask in the same second may share its deadline too.
    return (request.authorization, request.query, request.operation_name, variables, int(request.deadline))


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
    extensions = getattr(result, "extensions", None) or {}
    return Answer(result.data, shown, extensions if calls is None else {**extensions, "upstream": calls})
