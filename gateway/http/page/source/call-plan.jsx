// The call plan: the REST calls that an answer took, as a waterfall under it, from `extensions.upstream`.
import { useState, useSyncExternalStore } from "react";

let calls = null;
const watchers = new Set();
const watch = (changed) => (watchers.add(changed), () => watchers.delete(changed));

export function show(found) {
  calls = found;
  watchers.forEach((changed) => changed());
}

// What a call was made for at once: the longest list of ids in its body.
function ids(body) {
  if (body === null || typeof body !== "object") return 0;
  const inner = Object.entries(body).map(([key, value]) =>
    Array.isArray(value) && (key === "any_" || key.endsWith("_ids")) ? value.length : ids(value),
  );
  return Math.max(0, ...inner);
}

function remarks(call) {
  const found = [];
  if (call.shared) found.push("shared");
  if (ids(call.body) > 1) found.push(`batched: ${ids(call.body)} ids`);
  if (call.status !== null && call.status >= 400) found.push(`HTTP ${call.status}`);
  if (call.status === null) found.push("no answer");
  return found.join(", ");
}

function Call({ call, span }) {
  const [open, setOpen] = useState(false);
  const bar = { marginLeft: `${(100 * call.started) / span}%`, width: `${(100 * (call.milliseconds ?? 0)) / span}%` };
  return (
    <>
      <tr className={call.status !== null && call.status < 400 ? "" : "failed"}>
        <td>
          <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            {call.method} {call.path}
          </button>
        </td>
        <td>{call.rows}</td>
        <td>{call.milliseconds?.toFixed(1)}</td>
        <td>{remarks(call)}</td>
        <td className="waterfall">
          <span style={bar} />
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan="5">
            <pre>{call.body === null ? "no body" : JSON.stringify(call.body, null, 2)}</pre>
          </td>
        </tr>
      )}
    </>
  );
}

const several = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

export function CallPlan() {
  const [open, setOpen] = useState(true);
  const found = useSyncExternalStore(watch, () => calls);
  if (found === null) return null;
  const span = Math.max(1, ...found.map((call) => call.started + (call.milliseconds ?? 0)));
  const rows = found.reduce((sum, call) => sum + (call.rows ?? 0), 0);
  return (
    <section className="call-plan" aria-label="Call plan">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        {several(found.length, "REST call")}, {several(rows, "row")}, {span.toFixed(0)} ms
      </button>
      {open && found.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>call</th>
              <th>rows</th>
              <th>ms</th>
              <th />
              <th className="waterfall" />
            </tr>
          </thead>
          <tbody>
            {found.map((call, index) => (
              <Call key={index} call={call} span={span} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
