import { useEffect, useState } from "react";
import type { FlowRunFilters } from "./gql/graphql";

/** A part of the flow's name and a tag of the run, as the filter that the API takes; asked when typing pauses. */
export function Filters({ onChange }: { onChange: (shown: FlowRunFilters) => void }) {
  const [flow, setFlow] = useState("");
  const [tag, setTag] = useState("");
  useEffect(() => {
    const shown: FlowRunFilters = {
      ...(flow && { flows: { name: { like: flow } } }),
      flowRuns: { ...(tag && { tags: { all: [tag] } }) },
    };
    const timer = setTimeout(() => onChange(shown), 250);
    return () => clearTimeout(timer);
  }, [flow, tag, onChange]);
  return (
    <search className="filters">
      <label>
        Flow <input type="search" value={flow} placeholder="part of its name" onChange={(event) => setFlow(event.target.value.trim())} />
      </label>
      <label>
        Tag <input type="search" value={tag} placeholder="all" onChange={(event) => setTag(event.target.value.trim())} />
      </label>
    </search>
  );
}
