"""What the API offers: one file for each REST collection, and the table of them."""

from schema.artifacts import ARTIFACT_COLLECTIONS, ARTIFACTS
from schema.automations import AUTOMATIONS
from schema.block_documents import BLOCK_DOCUMENTS
from schema.block_schemas import BLOCK_SCHEMAS
from schema.block_types import BLOCK_TYPES
from schema.concurrency_limits import CONCURRENCY_LIMITS
from schema.deployments import DEPLOYMENTS
from schema.events import EVENTS
from schema.flow_run_inputs import FLOW_RUN_INPUTS
from schema.flow_runs import FLOW_RUNS
from schema.flows import FLOWS
from schema.global_concurrency_limits import GLOBAL_CONCURRENCY_LIMITS
from schema.logs import LOGS
from schema.saved_searches import SAVED_SEARCHES
from schema.states import FLOW_RUN_STATES, TASK_RUN_STATES
from schema.task_runs import TASK_RUNS
from schema.variables import VARIABLES
from schema.work_pools import WORK_POOLS
from schema.work_queues import WORK_QUEUES
from schema.workers import WORKERS

COLLECTIONS = (
    FLOWS,
    FLOW_RUNS,
    TASK_RUNS,
    FLOW_RUN_STATES,
    TASK_RUN_STATES,
    DEPLOYMENTS,
    LOGS,
    WORK_POOLS,
    WORK_QUEUES,
    CONCURRENCY_LIMITS,
    GLOBAL_CONCURRENCY_LIMITS,
    ARTIFACTS,
    ARTIFACT_COLLECTIONS,
    VARIABLES,
    BLOCK_TYPES,
    BLOCK_SCHEMAS,
    BLOCK_DOCUMENTS,
    SAVED_SEARCHES,
    FLOW_RUN_INPUTS,
    AUTOMATIONS,
    WORKERS,
    EVENTS,
)
