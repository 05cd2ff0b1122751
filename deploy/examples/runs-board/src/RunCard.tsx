import { graphql } from "./gql";
import type { RunCardFragment } from "./gql/graphql";
import { clock, duration, fromNow, useNow } from "./time";

export const CARD = graphql(`
  fragment RunCard on FlowRun {
    id
    name
    tags
    stateType
    stateName
    startTime
    endTime
    expectedStartTime
    nextScheduledStartTime
    totalRunTime
    flow {
      id
      name
    }
    deployment {
      id
      name
    }
  }
`);

/** When it ended, started or is to start, and how long it has been running. */
export function When({ run }: { run: RunCardFragment }) {
  const now = useNow();
  const begins = run.stateType === "SCHEDULED" ? run.nextScheduledStartTime : run.startTime;
  const time = run.endTime ?? begins ?? run.expectedStartTime;
  const running = run.stateType === "RUNNING" && run.startTime;
  const seconds = running ? (now - Date.parse(running)) / 1_000 : run.totalRunTime;
  return (
    <span className="when">
      {time && (
        <time dateTime={time} title={`${new Date(time).toDateString()} ${clock(time)}`}>
          {fromNow(time, now)}
        </time>
      )}
      {run.startTime && <span>{duration(seconds)}</span>}
    </span>
  );
}

/** The state's name, coloured by its type. */
export function State({ run }: { run: Pick<RunCardFragment, "stateType" | "stateName"> }) {
  return <span className={`state ${run.stateType?.toLowerCase() ?? ""}`}>{run.stateName}</span>;
}

export function RunCard({ run }: { run: RunCardFragment }) {
  return (
    <li className="card">
      <a href={`#/runs/${run.id}`}>{run.name}</a>
      <State run={run} />
      <span className="flow">
        {run.flow?.name ?? "a deleted flow"}
        {run.deployment && ` / ${run.deployment.name}`}
      </span>
      <When run={run} />
      {run.tags.length > 0 && (
        <ul className="tags" aria-label="Tags">
          {run.tags.map((tag) => (
            <li key={tag}>{tag}</li>
          ))}
        </ul>
      )}
    </li>
  );
}
