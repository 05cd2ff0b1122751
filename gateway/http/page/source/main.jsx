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

createRoot(document.getElementById("root")).render(
  <GraphiQL fetcher={fetcher} plugins={plugins} defaultTabs={examples} defaultEditorToolsVisibility="variables">
    <GraphiQL.Logo>Prefect GraphQL</GraphiQL.Logo>
  </GraphiQL>,
);
