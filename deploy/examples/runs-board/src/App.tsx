import { useEffect, useState } from "react";
import { Board } from "./Board";
import { useConnection } from "./connection";
import { Filters } from "./Filters";
import type { FlowRunFilters } from "./gql/graphql";
import { RunPanel } from "./RunPanel";

/** The run that the address names, `#/runs/<id>`: a link to it can be shared, and the browser's Back closes it. */
function useRunOfAddress(): string | undefined {
  const read = () => /^#\/runs\/([\w-]+)$/.exec(location.hash)?.[1];
  const [id, setId] = useState(read);
  useEffect(() => {
    const listener = () => setId(read());
    addEventListener("hashchange", listener);
    return () => removeEventListener("hashchange", listener);
  }, []);
  return id;
}

function Connection() {
  const { status } = useConnection();
  const words = { connecting: "Connecting …", live: "Live", lost: "Connection lost, reconnecting …" };
  return (
    <p className={`connection ${status}`} role="status">
      {words[status]}
    </p>
  );
}

export function App() {
  const [shown, setShown] = useState<FlowRunFilters>({ flowRuns: {} });
  const run = useRunOfAddress();
  return (
    <>
      <header className="top">
        <h1>Runs</h1>
        <Filters onChange={setShown} />
        <Connection />
      </header>
      <main>
        <Board shown={shown} />
      </main>
      {run && <RunPanel key={run} id={run} onClose={() => (location.hash = "")} />}
    </>
  );
}
