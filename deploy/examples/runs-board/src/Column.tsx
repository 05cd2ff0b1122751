import { useEffect, useId, useState } from "react";
import { useQuery } from "urql";
import { inStates, type Column as Declared } from "./columns";
import { useConnection } from "./connection";
import { graphql, unmask } from "./gql";
import type { FlowRunFilters } from "./gql/graphql";
import { Problem } from "./Problem";
import { CARD, RunCard } from "./RunCard";

const PAGE = 15;

const RUNS = graphql(`
  query ColumnRuns($filter: FlowRunFilters!, $sort: FlowRunSort!, $first: Int!) {
    flowRuns(filter: $filter, sort: $sort, first: $first) {
      nodes {
        ...RunCard
      }
      pageInfo {
        hasNextPage
      }
    }
  }
`);

interface Props {
  column: Declared;
  shown: FlowRunFilters;
  /** How many runs there are, as it was told last. */
  count: number | undefined;
}

export function Column({ column, shown, count }: Props) {
  // The page grows instead of going on after a cursor: cards come and go while one reads, and a cursor here counts rows.
  const [first, setFirst] = useState(PAGE);
  const heading = useId();
  const { status, times } = useConnection();
  const [{ data, fetching, stale, error }, read] = useQuery({
    query: RUNS,
    // Read once changes are told, so that none is missed between.
    pause: status === "connecting",
    variables: { filter: inStates(shown, column.types), sort: column.sort, first },
  });
  const more = data?.flowRuns?.pageInfo.hasNextPage ?? false;
  const runs = unmask(CARD, data?.flowRuns?.nodes.filter((run) => run !== null) ?? []).toSorted((a, b) => {
    const order = (column.time(a) ?? "").localeCompare(column.time(b) ?? "");
    return column.soonestFirst ? order : -order;
  });

  // What was not told: changes while the connection was lost, and deleted runs.
  const readAgain = () => read({ requestPolicy: "network-only" });
  useEffect(() => {
    if (times > 1) readAgain();
  }, [times]);
  useEffect(() => {
    if (data && !more && count !== undefined && count !== runs.length) readAgain();
  }, [count]);

  return (
    <section className="column" aria-labelledby={heading} aria-busy={fetching || stale}>
      <h2 id={heading} className={column.title.toLowerCase()}>
        {column.title} <span className="count">{count ?? ""}</span>
      </h2>
      {error && <Problem error={error} what="These runs could not be read" again={readAgain} />}
      {!data && !error && <p className="quiet">Loading …</p>}
      {data?.flowRuns && runs.length === 0 && <p className="quiet">No runs</p>}
      <ol>
        {runs.map((run) => (
          <RunCard key={run.id} run={run} />
        ))}
      </ol>
      {more && (
        <button type="button" disabled={fetching} onClick={() => setFirst(first + PAGE)}>
          Load more
        </button>
      )}
    </section>
  );
}
