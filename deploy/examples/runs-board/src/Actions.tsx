import { useMutation } from "urql";
import { graphql } from "./gql";
import type { RunCardFragment, StateCreate, StateType } from "./gql/graphql";
import { Problem } from "./Problem";

const SET_STATE = graphql(`
  mutation SetState($id: ID!, $state: StateCreate!) {
    setFlowRunState(id: $id, input: $state) {
      status
      details {
        reason
      }
      flowRun {
        id
        stateType
        state {
          id
          message
        }
        ...RunCard
      }
    }
  }
`);

interface Action {
  label: string;
  from: readonly StateType[];
  state: StateCreate;
}

const ACTIONS: readonly Action[] = [
  { label: "Cancel", from: ["SCHEDULED", "PENDING", "RUNNING", "PAUSED"], state: { type: "CANCELLING" } },
  {
    label: "Retry",
    from: ["FAILED", "CRASHED", "CANCELLED"],
    state: { type: "SCHEDULED", name: "AwaitingRetry", message: "Retried from the runs board." },
  },
];

/** What can be done with a run in its state. The server's rules may decide otherwise: that is told, in its words. */
export function Actions({ run }: { run: RunCardFragment }) {
  const [{ data, fetching, error }, setState] = useMutation(SET_STATE);
  const verdict = data?.setFlowRunState;
  return (
    <div className="actions">
      {ACTIONS.filter(({ from }) => run.stateType && from.includes(run.stateType)).map(({ label, state }) => (
        <button key={label} type="button" disabled={fetching} onClick={() => setState({ id: run.id, state })}>
          {label}
        </button>
      ))}
      {verdict && verdict.status !== "ACCEPT" && (
        <p role="status">
          The server has a rule for this: “{verdict.details?.reason ?? verdict.status}” The run is {run.stateName}.
        </p>
      )}
      {error && <Problem error={error} what="The state could not be set" />}
    </div>
  );
}
