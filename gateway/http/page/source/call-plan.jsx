// The call plan: the REST calls that a tab's answer took, as a waterfall under it, from `extensions.upstream`.
import { useGraphiQL } from "@graphiql/react";
import { useState, useSyncExternalStore } from "react";

import { copy, curl } from "./curl.js";

let plans = new Map();
let active = null;
const watchers = new Set();
const watch = (changed) => (watchers.add(changed), () => watchers.delete(changed));

// Returns what shows the plan of an answer, `{calls, live}`, in the tab that is the active one now; null shows none.
export function planOfTab() {
  const tab = active;
  return (plan) => {
    plans = new Map(plans).set(tab, plan);
    watchers.forEach((changed) => changed());
  };
}

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

// What a call was made for at once: the longest list of ids in its body.
function ids(body) {
  if (body === null || typeof body !== "object") return 0;
  const inner = Object.entries(body).map(([key, value]) =>
    Array.isArray(value) && (key === "any_" || key.endsWith("_ids")) && ID.test(value[0]) ? value.length : ids(value),
  );
  return Math.max(0, ...inner);
}

const failed = (call) => call.status === null || call.status >= 400;
const end = (call) => call.started + (call.milliseconds ?? 0);
const several = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

function Remarks({ call }) {
  const batch = ids(call.body);
  return (
    <>
      {batch > 1 && <span title={`One call for ${batch} ids`}>batched: {batch} ids</span>}
      {call.shared && <span title="Another operation made the same call at the time: its answer was used">shared</span>}
      {failed(call) && <span className="failed">{call.status === null ? "no answer" : `HTTP ${call.status}`}</span>}
    </>
  );
}

function Details({ call }) {
  const [copied, setCopied] = useState(false);
  const told = typeof call.body !== "string"; // a body that holds secrets is not told
  const text = call.body === null ? "no body" : told ? JSON.stringify(call.body, null, 2) : call.body;
  return (
    <td colSpan="5" className="details">
      {told && (
        <button type="button" onClick={() => copy(curl(call)).then(setCopied)} title="Through this gateway, without credentials">
          {copied ? "Copied" : "Copy as curl"}
        </button>
      )}
      <pre tabIndex="0" aria-label={`Body of ${call.method} ${call.path}`}>
        {text}
      </pre>
    </td>
  );
}

function Call({ call, span }) {
  const [open, setOpen] = useState(false);
  const bar = { marginLeft: `${(100 * call.started) / span}%`, width: `${(100 * (call.milliseconds ?? 0)) / span}%` };
  const when = `from ${call.started.toFixed(1)} ms to ${end(call).toFixed(1)} ms`;
  return (
    <>
      <tr className={failed(call) ? "failed" : ""}>
        <th scope="row">
          <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} title="Show the body">
            {call.method} {call.path}
          </button>
        </th>
        <td className="number">{call.rows}</td>
        <td className="number">{call.milliseconds?.toFixed(1)}</td>
        <td className="remarks">
          <Remarks call={call} />
        </td>
        <td className="waterfall" title={when}>
          <span role="img" aria-label={when} style={bar} />
        </td>
      </tr>
      {open && (
        <tr>
          <Details call={call} />
        </tr>
      )}
    </>
  );
}

function summary({ calls, live }, span) {
  const rows = calls.reduce((sum, call) => sum + (call.rows ?? 0), 0);
  const wrong = calls.filter(failed).length;
  const parts = [several(calls.length, "REST call"), several(rows, "row"), `${span.toFixed(0)} ms`];
  const told = calls.length ? parts.concat(wrong ? `${wrong} failed` : []).join(", ") : "No REST calls";
  return live ? `Latest update: ${told}` : told;
}

function Calls({ calls, span }) {
  return (
    <div className="calls">
      <table>
        <thead>
          <tr>
            <th scope="col">REST call</th>
            <th scope="col" className="number">rows</th>
            <th scope="col" className="number">ms</th>
            <th scope="col">how</th>
            <th scope="col" className="waterfall">when</th>
          </tr>
        </thead>
        <tbody>
          {calls.map((call, index) => (
            <Call key={index} call={call} span={span} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function CallPlan() {
  const [open, setOpen] = useState(true);
  active = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.id);
  const plan = useSyncExternalStore(watch, () => plans.get(active) ?? null);
  if (plan === null) return null;
  const { calls } = plan;
  const span = Math.max(1, ...calls.map(end));
  return (
    <section className="call-plan" aria-label="Call plan">
      <button type="button" aria-expanded={open} aria-live="polite" onClick={() => setOpen(!open)}>
        {summary(plan, span)}
      </button>
      {open && calls.length > 0 && <Calls calls={calls} span={span} />}
    </section>
  );
}
