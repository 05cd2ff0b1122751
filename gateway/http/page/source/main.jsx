// The page at /graphql: GraphiQL with the explorer, the history, the example queries in tabs and the call plan.
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./page.css";

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";

import { CallPlan, planOfTab } from "./call-plan.jsx";

const examples = JSON.parse(document.getElementById("examples").textContent);
const url = new URL(window.location.pathname, window.location.href);
const TRACE = { "X-Upstream-Trace": "1" };
const fetcher = createGraphiQLFetcher({
  url: url.pathname,
  headers: TRACE,
  subscriptionUrl: url.href.replace(/^http/, "ws"),
  wsConnectionParams: TRACE,
});

// The calls are shown in the plan: the answer is what other clients get, who ask for none.
function withoutCalls(part) {
  if (!part.extensions?.upstream) return part;
  const { upstream, ...others } = part.extensions;
  const { extensions, ...rest } = part;
  return Object.keys(others).length ? { ...rest, extensions: others } : rest;
}

async function* traced(parts, show, live) {
  for await (const part of parts) {
    const told = [part].flat().findLast((each) => each.extensions?.upstream);
    if (told) show({ calls: told.extensions.upstream, live });
    yield Array.isArray(part) ? part.map(withoutCalls) : withoutCalls(part);
  }
}

const isLive = (document, name) =>
  document?.definitions.some((each) => each.operation === "subscription" && (!name || each.name?.value === name));

async function fetched(params, options) {
  if (params.operationName === "IntrospectionQuery") return fetcher(params, options);
  const show = planOfTab();
  show(null);
  return traced(await fetcher(params, options), show, isLive(options?.documentAST, params.operationName));
}

const plugins = [HISTORY_PLUGIN, explorerPlugin()];

// The history would keep the headers of each query, credentials among them, in the browser for good.
const LISTS = new Set(["graphiql:queries", "graphiql:favorites"]);
const withoutHeaders = (text) => JSON.stringify(JSON.parse(text), (key, value) => (key === "headers" ? undefined : value));
const storage = {
  get length() {
    return localStorage.length;
  },
  getItem: (key) => localStorage.getItem(key),
  setItem: (key, value) => localStorage.setItem(key, LISTS.has(key) ? withoutHeaders(value) : value),
  removeItem: (key) => localStorage.removeItem(key),
  clear: () => localStorage.clear(),
};

createRoot(document.getElementById("root")).render(
  <GraphiQL fetcher={fetched} storage={storage} plugins={plugins} defaultTabs={examples} defaultEditorToolsVisibility="variables">
    <GraphiQL.Logo>Prefect GraphQL</GraphiQL.Logo>
    <GraphiQL.Footer>
      <CallPlan />
    </GraphiQL.Footer>
  </GraphiQL>,
);
