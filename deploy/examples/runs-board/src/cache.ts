// Graphcache holds each run once, so that a change shows wherever the run is; what it cannot know is which lists a run is in.
import { stringifyVariables } from "@urql/core";
import { cacheExchange, type Cache } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { withoutStates } from "./columns";
import type { ChangesSubscription, FlowRunFilters, SetStateMutation, StateType } from "./gql/graphql";

/** The lists of runs in the cache: what they ask for, and the keys of the runs in them. */
function lists(cache: Cache) {
  return cache.inspectFields("Query").flatMap(({ fieldName, fieldKey, arguments: given }) => {
    const list = fieldName === "flowRuns" ? cache.resolve("Query", fieldKey) : null;
    if (typeof list !== "string") return [];
    const { shown, types } = withoutStates((given?.["filter"] ?? {}) as FlowRunFilters);
    return [{ list, shown: stringifyVariables(shown), types, nodes: cache.resolve(list, "nodes") as (string | null)[] }];
  });
}

/** Move a run into the lists of its state: those of boards that showed it already, or that heard of it by their filter. */
function move(cache: Cache, run: { id: string; stateType?: StateType | null }, heard?: FlowRunFilters | null) {
  const key = cache.keyOfEntity({ __typename: "FlowRun", id: run.id });
  const found = lists(cache);
  const boards = new Set(found.filter(({ nodes }) => nodes.includes(key)).map(({ shown }) => shown));
  if (heard) boards.add(stringifyVariables(heard));
  for (const { list, shown, types, nodes } of found) {
    const belongs = run.stateType && types.includes(run.stateType) && boards.has(shown);
    if (belongs && !nodes.includes(key)) cache.link(list, "nodes", [key, ...nodes]);
    if (!belongs && nodes.includes(key)) cache.link(list, "nodes", nodes.filter((node) => node !== key));
  }
}

/** Types whose rows are not told apart by an id. */
const parts = ["FlowRunConnection", "FlowRunCounts", "HistoryState", "LogConnection", "PageInfo", "SetStateDetails", "SetStateResult"];

export const cache = cacheExchange({
  keys: Object.fromEntries(parts.map((part) => [part, () => null])),
  resolvers: { Query: { logs: relayPagination() } },
  updates: {
    Subscription: {
      flowRunUpdated(result, args, cache) {
        const run = (result as ChangesSubscription).flowRunUpdated;
        if (run) move(cache, run, (args["filter"] ?? {}) as FlowRunFilters);
      },
    },
    Mutation: {
      setFlowRunState(result, _args, cache) {
        const run = (result as SetStateMutation).setFlowRunState?.flowRun;
        if (run) move(cache, run);
      },
    },
  },
});
