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

import { CallPlan, show } from "./call-plan.jsx";

const examples = JSON.parse(document.getElementById("examples").textContent);
const url = new URL(window.location.pathname, window.location.href);
const fetcher = createGraphiQLFetcher({
  url: url.pathname,
  headers: { "X-Upstream-Trace": "1" },
  subscriptionUrl: url.href.replace(/^http/, "ws"),
});

async function* traced(parts) {
  for await (const part of parts) {
    const told = [part].flat().findLast((each) => each.extensions?.upstream);
    if (told) show(told.extensions.upstream);
    yield part;
  }
}

async function fetched(params, options) {
  const answer = await fetcher(params, options);
  if (params.operationName === "IntrospectionQuery") return answer;
  show(null);
  return traced(answer);
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
