// The page at /graphql: GraphiQL with the explorer, the history and the example queries in tabs.
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./page.css";

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";

const examples = JSON.parse(document.getElementById("examples").textContent);
const fetcher = createGraphiQLFetcher({ url: window.location.pathname });
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
  <GraphiQL fetcher={fetcher} storage={storage} plugins={plugins} defaultTabs={examples} defaultEditorToolsVisibility="variables">
    <GraphiQL.Logo>Prefect GraphQL</GraphiQL.Logo>
  </GraphiQL>,
);
