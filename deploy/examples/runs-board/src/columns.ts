// The columns of the board: which states they show, and in which order.
import type { FlowRunFilters, FlowRunSort, StateType } from "./gql/graphql";

type Times = Record<"startTime" | "endTime" | "expectedStartTime" | "nextScheduledStartTime", string | null | undefined>;

export interface Column {
  title: string;
  types: readonly StateType[];
  sort: FlowRunSort;
  /** The time that `sort` sorts by, to place runs that come live among those that were read. */
  time: (run: Times) => string | null | undefined;
  soonestFirst?: true;
}

const begun = (run: Times) => run.startTime ?? run.expectedStartTime;

export const COLUMNS: readonly Column[] = [
  {
    title: "Scheduled",
    types: ["SCHEDULED"],
    sort: "NEXT_SCHEDULED_START_TIME_ASC",
    time: (run) => run.nextScheduledStartTime ?? run.expectedStartTime,
    soonestFirst: true,
  },
  { title: "Pending", types: ["PENDING"], sort: "START_TIME_DESC", time: begun },
  { title: "Running", types: ["RUNNING", "PAUSED", "CANCELLING"], sort: "START_TIME_DESC", time: begun },
  { title: "Completed", types: ["COMPLETED"], sort: "END_TIME_DESC", time: (run) => run.endTime },
  { title: "Failed", types: ["FAILED", "CRASHED"], sort: "END_TIME_DESC", time: (run) => run.endTime },
  { title: "Cancelled", types: ["CANCELLED"], sort: "END_TIME_DESC", time: (run) => run.endTime },
];

/** What a column asks for: the runs that the board shows which are in its states. */
export function inStates(shown: FlowRunFilters, types: readonly StateType[]): FlowRunFilters {
  return { ...shown, flowRuns: { ...shown.flowRuns, state: { type: { any: [...types] } } } };
}

/** What `inStates` was made of, and the states. */
export function withoutStates(filter: FlowRunFilters): { shown: FlowRunFilters; types: readonly StateType[] } {
  const { state, ...flowRuns } = filter.flowRuns ?? {};
  return { shown: { ...filter, flowRuns }, types: state?.type?.any ?? [] };
}
