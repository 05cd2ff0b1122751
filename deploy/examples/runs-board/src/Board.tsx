import { useSubscription } from "urql";
import { Column } from "./Column";
import { COLUMNS } from "./columns";
import { graphql } from "./gql";
import type { FlowRunFilters } from "./gql/graphql";
import { Problem } from "./Problem";

export const CHANGES = graphql(`
  subscription Changes($filter: FlowRunFilters) {
    flowRunUpdated(filter: $filter) {
      id
      stateType
      ...RunCard
    }
  }
`);

const COUNTS = graphql(`
  subscription Counts($filter: FlowRunFilters) {
    flowRunCounts(filter: $filter) {
      states {
        stateType
        countRuns
      }
    }
  }
`);

/** The columns; what is told live goes into the cache, which moves the cards. */
export function Board({ shown }: { shown: FlowRunFilters }) {
  const variables = { filter: shown };
  const [changes, listenAgain] = useSubscription({ query: CHANGES, variables });
  const [counts, countAgain] = useSubscription({ query: COUNTS, variables });
  const error = changes.error ?? counts.error;
  const again = () => {
    listenAgain();
    countAgain();
  };
  const states = counts.data?.flowRunCounts?.states;
  return (
    <>
      {error && <Problem error={error} what="Changes are not shown live any more" again={again} />}
      <div className="board">
        {COLUMNS.map((column) => (
          <Column
            key={column.title}
            column={column}
            shown={shown}
            count={states
              ?.filter(({ stateType }) => stateType && column.types.includes(stateType))
              .reduce((sum, { countRuns }) => sum + (countRuns ?? 0), 0)}
          />
        ))}
      </div>
    </>
  );
}
