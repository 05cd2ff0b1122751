"""What the API offers: one file for each REST collection, and the table of them."""

from schema.artifacts import ARTIFACT_COLLECTIONS, ARTIFACTS
from schema.deployments import DEPLOYMENTS
from schema.flow_runs import FLOW_RUNS
from schema.flows import FLOWS
from schema.logs import LOGS
from schema.saved_searches import SAVED_SEARCHES
from schema.states import FLOW_RUN_STATES, TASK_RUN_STATES
from schema.task_runs import TASK_RUNS
from schema.variables import VARIABLES
from schema.work_pools import WORK_POOLS
from schema.work_queues import WORK_QUEUES

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
    ARTIFACTS,
    ARTIFACT_COLLECTIONS,
    VARIABLES,
    SAVED_SEARCHES,
)
