"""One entry for every operation: request -> document -> bounds -> execution -> answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

import strawberry
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType
from graphql.execution import Executor
from graphql.execution.values import VariableValues, get_variable_values

from gateway.execution.answers import ReadOnly, answered, failed, refused
from gateway.execution.compiled import CompiledExecutor, Outcome, Plans
from gateway.execution.cost import Cost
from gateway.execution.documents import Document, Documents, graphql_schema
from gateway.execution.ftv1 import traced
from gateway.execution.incremental import IncrementalExecutor
from gateway.execution.known import KnownDocuments
from gateway.execution.opened import Opened
from gateway.execution.parts import Parts, execute_in_parts
from gateway.execution.persisted import open_persisted
from gateway.execution.recorded import Recorded
from gateway.execution.request import Answer, GraphQLRequest
from gateway.execution.seams import Upstream
from gateway.execution.subscription import EXECUTOR, Calls, Subscription
from gateway.execution.times import Times
from gateway.execution.values import check_variables
from gateway.settings import Settings
from resolvers.context import Context
from resolvers.errors import BadUserInput
from resolvers.rest import Rest

E = TypeVar("E", bound=Executor[Any])
T = TypeVar("T")

MAX_COERCION_ERRORS = 50

STREAMED = (
    "A subscription is answered by a stream: ask over a websocket (graphql-transport-ws), or accept text/event-stream."
)


class Admitted(NamedTuple):
    """A request, and its operation: valid, and within the limits of documents."""

    document: Document
    operation: OperationDefinitionNode
    request: GraphQLRequest

    @property
    def subscribes(self) -> bool:
        """Tell whether it is to be answered by a stream."""
        return self.operation.operation is OperationType.SUBSCRIPTION


class Execution:
    """Executes operations of a schema over an upstream; `make_context` gives the resolvers theirs.

    Identical queries in flight, of one caller, share one execution; none joins an execution from before a write.
    """

    def __init__(
        self, schema: strawberry.Schema, upstream: Upstream, settings: Settings, make_context: Callable[[Rest], Any]
    ) -> None:
        self.documents = Documents(schema, settings)
        self.persisted = open_persisted(settings, self.documents)
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
        self._flights = upstream.flights()
        self._background: set[asyncio.Task[Any]] = set()

    async def run(self, request: GraphQLRequest) -> Answer:
        """Answer a request as a whole; every fault is an error in the answer, none is raised.

        Cancelling it cancels a query. A mutation that has begun goes on to its end: nobody could tell how far it came.
        """
        admitted = await self.find(request)
        return admitted if isinstance(admitted, Answer) else await self.whole(*admitted)

    async def run_in_parts(self, request: GraphQLRequest) -> Answer | Parts:
        """Answer a request as `run` does, in parts where its document asks for them by `@defer` or `@stream`."""
        admitted = await self.find(request)
        if isinstance(admitted, Answer):
            return admitted
        document, operation, request = admitted
        whole = admitted.subscribes or not document.incremental
        if whole or self._strawberry.extensions:  # they are told of one result
            return await self.whole(document, operation, request)
        work = self._execute(document, operation, request, in_parts=True)
        return await (work if operation.operation is OperationType.QUERY else self._to_its_end(work))

    async def admit(self, request: GraphQLRequest) -> Admitted:
        """Find the document and the operation of a request; what is wrong with it is raised (see `failed`)."""
        if not self.persisted.concerns(request):
            return self._admitted(request)
        admitted = self._admitted(await self.persisted.whole(request))
        await self.persisted.keep(admitted.request)
        return admitted

    def rows(self, admitted: Admitted) -> int:
        """Count the rows that an operation could return; one that its execution will refuse returns none."""
        variables = self._variables(admitted.operation, admitted.request)
        try:
            fragments = admitted.document.fragments
            return (
                0 if isinstance(variables, list) else self._cost.rows(admitted.operation, fragments, variables.coerced)
            )
        except GraphQLError:
            return 0

    async def aclose(self) -> None:
        """Let go of connections."""
        await self.persisted.aclose()

    async def whole(self, document: Document, operation: OperationDefinitionNode, request: GraphQLRequest) -> Answer:
        """Answer a request that was admitted, as `run` does."""
        if operation.operation is OperationType.SUBSCRIPTION:
            return failed(BadUserInput(STREAMED))

        def execute(_flight: Any = None) -> Coroutine[Any, Any, Answer]:
            return cast("Coroutine[Any, Any, Answer]", self._execute(document, operation, request))

        if operation.operation is not OperationType.QUERY:
            return cast("Answer", await self._to_its_end(execute()))
        alone = request.trace or request.ftv1 or request.together is not None
        asked = None if alone else request.asked()
        if asked is None:
            return await execute()
        # Those who ask in the same second may share its deadline too.
        answer, _ = await self._flights.join((*asked, int(request.deadline)), request.deadline, execute)
        return answer

    async def find(self, request: GraphQLRequest) -> Admitted | Answer:
        """Return what a request asks for, or the answer that says what is wrong with it."""
        try:
            return await self.admit(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            return failed(error)

    def subscription(self, admitted: Admitted) -> Subscription | Answer:
        """Return a subscription that is in order, or the answer that says why it is not."""
        document, operation, request = admitted
        try:
            variables = self._variables(operation, request)
            if isinstance(variables, list):
                return refused(variables)
            self._cost.check(operation, document.fragments, variables.coerced)
            context = partial(self.context, request.authorization, trace=request.trace)
            return Subscription(context, self._strawberry, document, operation, request, variables)
        except GraphQLError as error:
            return refused([error])
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            return failed(error)

    @asynccontextmanager
    async def context(self, authorization: str | None, *, trace: bool = False) -> AsyncIterator[tuple[Any, Calls]]:
        """Give the resolvers' context for what is read for a subscription at one time, and the calls where a trace is asked."""
        deadline = asyncio.get_running_loop().time() + self._settings.deadline
        asked = GraphQLRequest("", deadline, authorization=authorization, trace=trace)
        with closing(self.open(asked)) as opened:
            yield opened.context, opened.calls() if trace else None

    def open(self, request: GraphQLRequest, *, alike: bool = True) -> Opened:
        """Open what a request is executed with, and others of the same caller and time; `alike` is as `Opened` has it."""
        session = self._upstream.session(
            authorization=request.authorization, deadline=request.deadline, trace=request.trace
        )
        return Opened(session, self._make_context(Recorded(session)), alike)

    def _variables(
        self, operation: OperationDefinitionNode, request: GraphQLRequest
    ) -> VariableValues | list[GraphQLError]:
        definitions = operation.variable_definitions or ()
        return get_variable_values(self._schema, definitions, request.variables, MAX_COERCION_ERRORS)

    def _admitted(self, request: GraphQLRequest) -> Admitted:
        check_variables(request.variables, self._settings)
        document = self.documents.get(request.query)
        operation = document.operation(request.operation_name)
        if request.read_only and operation.operation is OperationType.MUTATION:
            raise ReadOnly("A GET request can only query: send mutations by POST.")
        return Admitted(document, operation, request)

    async def _execute(
        self, document: Document, operation: OperationDefinitionNode, request: GraphQLRequest, *, in_parts: bool = False
    ) -> Answer | Parts:
        variables = self._variables(operation, request)
        if isinstance(variables, list):
            return refused(variables)
        answer = None
        times = Times() if request.ftv1 else None
        opened: Opened | None = request.together
        try:
            opened = opened or self.open(request)
            self._cost.check(operation, document.fragments, variables.coerced)
            calls = opened.calls() if request.trace else None
            if in_parts:
                answer = await self._parts(document, request, opened, calls)
            else:
                answer = answered(await self._result(document, operation, request, variables, opened, times), calls)
                if times:
                    answer = traced(answer, self._schema, document, operation, variables, times)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            answer = failed(error)
        finally:
            if opened and opened is not request.together and not isinstance(answer, Parts):
                opened.close()
        return answer

    async def _parts(
        self, document: Document, request: GraphQLRequest, opened: Opened, calls: list[dict[str, Any]] | None
    ) -> Answer | Parts:
        executor = self._executor(IncrementalExecutor, document, request, opened.context)
        if isinstance(executor, list):
            return answered(ExecutionResult(None, executor), calls)
        result = await execute_in_parts(executor, calls, opened.close)
        return result if isinstance(result, Parts) else answered(result, calls)

    def _executor(
        self, kind: type[E], document: Document, request: GraphQLRequest, context: Any, times: Times | None = None
    ) -> E | list[GraphQLError]:
        variables, name, middleware = request.variables, request.operation_name, [times] if times else None
        options = {**EXECUTOR, "middleware": middleware}
        built = kind.build(self._schema, document.ast, None, context, variables, name, **options)
        return cast("E | list[GraphQLError]", built)

    async def _result(
        self,
        document: Document,
        operation: OperationDefinitionNode,
        request: GraphQLRequest,
        variables: VariableValues,
        opened: Opened,
        times: Times | None,
    ) -> ExecutionResult | Outcome:
        context = opened.context
        if self._strawberry.extensions:
            result = await self._strawberry.execute(
                request.query, request.variables, context, operation_name=request.operation_name
            )
            return ExecutionResult(result.data, result.errors, result.extensions)

        async def interpret(context: Any) -> ExecutionResult:
            executor = self._executor(CompiledExecutor, document, request, context, times)
            if isinstance(executor, list):
                return ExecutionResult(None, executor)
            return await executor.interpret(context)

        if self.plans is None or not opened.alike or not isinstance(context, Context):
            return await interpret(context)
        again = request.together is not None
        plan = self.plans.of(operation, document.fragments, variables, again=again)
        if plan is None:
            return await interpret(context)
        return await self.plans.execute(plan, context, variables, interpret, times)

    async def _to_its_end(self, work: Coroutine[Any, Any, Answer | Parts]) -> Answer | Parts:
        task = self._in_background(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._give_up)
            raise

    def _give_up(self, done: "asyncio.Task[Answer | Parts]") -> None:
        """End the parts of a mutation for which nobody waits any more."""
        if not done.cancelled() and isinstance(parts := done.result(), Parts):
            self._in_background(parts.aclose())

    def _in_background(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task
