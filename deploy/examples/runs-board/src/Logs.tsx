import { useEffect, useRef, useState } from "react";
import { useQuery, useSubscription } from "urql";
import { graphql, unmask } from "./gql";
import type { LiveLogsSubscription } from "./gql/graphql";
import { Problem } from "./Problem";
import { clock } from "./time";

const LINE = graphql(`
  fragment LogLine on Log {
    id
    timestamp
    level
    message
    name
  }
`);

const LOGS = graphql(`
  query RunLogs($runs: [ID!]!, $after: String) {
    logs(filter: { flowRunId: { any: $runs } }, sort: TIMESTAMP_DESC, first: 100, after: $after) {
      nodes {
        ...LogLine
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const LIVE_LOGS = graphql(`
  subscription LiveLogs($run: ID!, $since: DateTime) {
    logs(flowRunId: $run, since: $since, includeSubflows: true) {
      ...LogLine
    }
  }
`);

const LEVELS = [[50, "CRITICAL"], [40, "ERROR"], [30, "WARNING"], [20, "INFO"], [0, "DEBUG"]] as const;
const levelName = (level: number) => LEVELS.find(([least]) => level >= least)?.[1] ?? "DEBUG";

type Line = NonNullable<LiveLogsSubscription["logs"]>;

interface Props {
  run: string;
  since: string | null | undefined;
  /** The runs that it called. */
  called: readonly string[];
}

/** The latest logs of a run and of those that it called, earlier ones by pages, new ones as they come. */
export function Logs({ run, since, called }: Props) {
  const [runs] = useState([run, ...called]);
  const [after, setAfter] = useState<string>();
  const [read, readAgain] = useQuery({ query: LOGS, variables: { runs, ...(after && { after }) } });
  const page = read.data?.logs;
  const lines = unmask(LINE, page?.nodes.filter((line) => line !== null) ?? []);

  // Live from the last line that was read on, that one included, so that none is missed between.
  const [from, setFrom] = useState<string | null>();
  if (page && from === undefined) setFrom(lines[0]?.timestamp ?? since ?? null);
  const [live] = useSubscription(
    { query: LIVE_LOGS, variables: { run, since: from ?? null }, pause: from === undefined },
    (before: Line[] = [], { logs: line }) => (line ? [...before, line] : before),
  );
  const all = [...new Map([...lines, ...unmask(LINE, live.data ?? [])].map((line) => [line.id, line])).values()].toSorted((a, b) =>
    (a.timestamp ?? "").localeCompare(b.timestamp ?? ""),
  );

  const end = useRef<HTMLDivElement>(null);
  const newest = all.at(-1)?.id;
  useEffect(() => {
    if (end.current) end.current.scrollTop = end.current.scrollHeight;
  }, [newest]);

  return (
    <section className="logs" aria-label="Logs">
      <h3>Logs</h3>
      {read.error && <Problem error={read.error} what="The logs could not be read" again={() => readAgain({ requestPolicy: "network-only" })} />}
      {live.error && <Problem error={live.error} what="New logs are not shown any more" />}
      {page?.pageInfo.hasNextPage && (
        <button type="button" disabled={read.fetching} onClick={() => setAfter(page.pageInfo.endCursor ?? undefined)}>
          Earlier logs
        </button>
      )}
      {page && all.length === 0 && <p className="quiet">It has logged nothing yet</p>}
      <div ref={end} role="log" aria-label="Lines" tabIndex={0}>
        <ol>
          {all.map((line) => (
            <li key={line.id} className={levelName(line.level ?? 0).toLowerCase()}>
              {line.timestamp && <time dateTime={line.timestamp}>{clock(line.timestamp)}</time>} <b>{levelName(line.level ?? 0)}</b> {line.message}
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}
