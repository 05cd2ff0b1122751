import { useEffect, useRef } from "react";
import { useQuery, useSubscription } from "urql";
import { Actions } from "./Actions";
import { CHANGES } from "./Board";
import { graphql, unmask } from "./gql";
import { Logs } from "./Logs";
import { Problem } from "./Problem";
import { CARD, State, When } from "./RunCard";

const RUN = graphql(`
  query Run($id: ID!) {
    flowRun(id: $id) {
      ...RunCard
      created
      parameters
      state {
        id
        message
      }
      subflowRuns(first: 100) {
        nodes {
          id
        }
      }
    }
  }
`);

/** A run beside the board: its state, what can be done with it, and its logs, all live. */
export function RunPanel({ id, onClose }: { id: string; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} className="panel" aria-label="Run" onClose={onClose} onClick={(event) => event.target === dialog.current && onClose()}>
      <div>
        <button type="button" className="close" aria-label="Close" onClick={onClose}>
          ✕
        </button>
        <Details id={id} />
      </div>
    </dialog>
  );
}

function Details({ id }: { id: string }) {
  const [{ data, error }, read] = useQuery({ query: RUN, variables: { id } });
  // The board's filter may leave this run out.
  useSubscription({ query: CHANGES, variables: { filter: { flowRuns: { id: { any: [id] } } } } });
  const found = data?.flowRun;
  if (error && !found) return <Problem error={error} what="The run could not be read" again={() => read({ requestPolicy: "network-only" })} />;
  if (!data) return <p className="quiet">Loading …</p>;
  if (!found) return <p className="quiet">There is no run {id}; it may have been deleted.</p>;
  const run = unmask(CARD, found);
  return (
    <>
      <h2>{run.name}</h2>
      <p className="facts">
        <State run={run} /> <When run={run} />
      </p>
      {found.state?.message && <p className="message">{found.state.message}</p>}
      <dl>
        <dt>Flow</dt>
        <dd>{run.flow?.name ?? "deleted"}</dd>
        <dt>Deployment</dt>
        <dd>{run.deployment?.name ?? "none"}</dd>
        <dt>Parameters</dt>
        <dd>
          <code>{JSON.stringify(found.parameters)}</code>
        </dd>
      </dl>
      <Actions run={run} />
      <Logs run={id} since={found.created} called={found.subflowRuns?.nodes.flatMap((called) => called?.id ?? []) ?? []} />
    </>
  );
}
