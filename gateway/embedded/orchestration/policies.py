"""Which rules watch the transitions of a run, in the order in which they are asked."""

from gateway.embedded.orchestration import concurrency_rules, flow_run_rules, shared_rules, task_run_rules
from gateway.embedded.orchestration.transition import Rules

FLOW_RUN: Rules = (
    concurrency_rules.KeepLease,
    flow_run_rules.PreventDuplicateTransitions,
    flow_run_rules.HandleTerminalStates,
    flow_run_rules.EnforceCancelling,
    flow_run_rules.CancelAtOnceWithoutInfrastructure,
    shared_rules.PreventPendingTransitions,
    concurrency_rules.RenewLeaseOfDeployment,
    concurrency_rules.TakeSlotOfDeployment,
    flow_run_rules.EnsureOnlyScheduledRunsMarkedLate,
    flow_run_rules.HandlePausing,
    flow_run_rules.HandleResuming,
    shared_rules.CopyScheduledTime,
    shared_rules.WaitForScheduledTime,
    flow_run_rules.RetryFailedFlowRuns,
)

FORCED_FLOW_RUN: Rules = (
    concurrency_rules.KeepLease,
    flow_run_rules.PreventResultDataLoss,
    flow_run_rules.CancelAtOnceWithoutInfrastructure,
)

# For what marks runs that were not submitted in time.
LATE_FLOW_RUN: Rules = (
    flow_run_rules.EnsureOnlyScheduledRunsMarkedLate,
    concurrency_rules.CancelLateWhereFull,
)

TASK_RUN: Rules = (
    task_run_rules.RetrieveCachedState,
    task_run_rules.HandleTerminalStates,
    task_run_rules.PreventRunningInStoppedFlowRuns,
    concurrency_rules.TakeSlotsOfTags,
    shared_rules.CopyScheduledTime,
    shared_rules.WaitForScheduledTime,
    task_run_rules.RetryFailedTaskRuns,
    task_run_rules.RenameReruns,
    task_run_rules.TrackFlowRunCount,
    task_run_rules.InsertCachedState,
)

# A deferred task run is picked up by a task worker, outside any flow run's process.
DEFERRED_TASK_RUN: Rules = (
    shared_rules.PreventPendingTransitions,
    task_run_rules.RetrieveCachedState,
    task_run_rules.HandleTerminalStates,
    shared_rules.CopyScheduledTime,
    task_run_rules.CopyTaskParametersId,
    shared_rules.WaitForScheduledTime,
    task_run_rules.RetryFailedTaskRuns,
    task_run_rules.RenameReruns,
    task_run_rules.TrackFlowRunCount,
    task_run_rules.InsertCachedState,
)

FORCED_TASK_RUN: Rules = ()
