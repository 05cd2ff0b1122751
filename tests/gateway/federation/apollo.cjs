// Serves a federated graph of the gateway at a URL and of the subgraphs in ../../schema/subgraph, whose incidents are
// given as JSON, [{id, flowRun: {id}, flow: {name}, deploymentId, ...}]: one alarm is of all their runs. It prints {apollo, supergraph}: the URL of @apollo/gateway, and
// the SDL of the graph.
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { join } = require("node:path");
const { graphql, parse } = require("graphql");
const { ApolloGateway, RemoteGraphQLDataSource } = require("@apollo/gateway");
const { composeServices } = require("@apollo/composition");
const { buildSubgraphSchema } = require("@apollo/subgraph");
const { Trace } = require("@apollo/usage-reporting-protobuf");

const [prefect, incidentsJson] = process.argv.slice(2);
const incidents = JSON.parse(incidentsJson);
const sdl = (name) => readFileSync(join(__dirname, `../../schema/subgraph/${name}.graphql`), "utf8");

function reference(typename, key) {
  return key && { __typename: typename, ...key };
}

const byId = (id) => incidents.find((incident) => incident.id === id);
const resolvers = {
  Query: {
    incidents: () => ({ nodes: incidents.filter(({ id }) => id !== "incident of none") }),
    incident: (_, { id }) => byId(id),
    node: (_, { id }) => byId(id),
    nodes: (_, { ids }) => ids.map(byId),
  },
  Node: { __resolveType: () => "Incident" },
  Incident: {
    opened: () => "2026-01-01T00:00:00Z",
    flowRun: ({ flowRun }) => reference("FlowRun", flowRun),
    copy: ({ flowRun }) => reference("FlowRun", flowRun && { ...flowRun, name: "a copy" }),
    flow: ({ flow }) => reference("Flow", flow),
    deployment: ({ deployment }) => reference("Deployment", deployment),
    workPool: ({ workPool }) => reference("WorkPool", workPool),
  },
  FlowRun: {
    __resolveReference: (row) => row,
    incidents: ({ id }) => incidents.filter(({ flowRun }) => flowRun?.id === id),
    headline: ({ name, stateName }) => `${name}: ${stateName}`,
  },
  Flow: { __resolveReference: (row) => row, owner: ({ name }) => `owner of ${name}` },
};
const alarm = {
  id: "alarm",
  runs: incidents.filter(({ deploymentId }) => deploymentId).map(({ flowRun }) => flowRun),
  deployment: { id: incidents[0].deploymentId },
};
const alarmResolvers = {
  Query: { alarms: () => ({ edges: [{ cursor: "", node: alarm }], pageInfo: {} }) },
  Mutation: { createAlarm: (_, { deploymentId }) => ({ ...alarm, deployment: { id: deploymentId } }) },
  Flow: { __resolveReference: (row) => row, alarms: () => [alarm], label: ({ name, tags }) => `${name} ${tags}` },
  FlowRun: {
    __resolveReference: (row) => row,
    alarm: ({ state, flow, parameters }) => `${flow.name} ${state.type} ${JSON.stringify(parameters)}`,
  },
};

function serve(answer) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString() || "{}");
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(await answer(body, request.headers)));
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}/graphql`)),
  );
}

async function subgraph(name, resolvers) {
  const typeDefs = parse(sdl(name));
  const schema = buildSubgraphSchema([{ typeDefs, resolvers }]);
  const url = await serve(({ query, variables, operationName }) =>
    graphql({ schema, source: query, variableValues: variables, operationName }),
  );
  return { name, url, typeDefs };
}

class Forwarding extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    for (const [name, value] of Object.entries(context.headers ?? {})) {
      if (name === "authorization") request.http.headers.set(name, value);
    }
  }
}

// A plan's trace as a report has it, written and read again.
function reported(queryPlan) {
  const report = Trace.decode(Trace.encode({ queryPlan }).finish());
  return Trace.toObject(report, { longs: Number }).queryPlan;
}

// The fetches from our gateway in the trace of a plan.
function fetches(node) {
  if (node?.fetch) return node.fetch.serviceName === "prefect" ? [node.fetch] : [];
  return [...(node?.sequence?.nodes ?? []), ...(node?.parallel?.nodes ?? []), node?.flatten?.node].flatMap((part) =>
    part ? fetches(part) : [],
  );
}

async function main() {
  const others = await Promise.all([subgraph("incidents", resolvers), subgraph("alarms", alarmResolvers)]);
  const asked = await fetch(prefect, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: "{ _service { sdl } }" }),
  });
  const { data } = await asked.json();
  const { supergraphSdl, errors } = composeServices([
    { name: "prefect", url: prefect, typeDefs: parse(data._service.sdl) },
    ...others,
  ]);
  if (errors?.length) throw new Error(errors.join("\n"));
  const gateway = new ApolloGateway({ supergraphSdl, buildService: ({ url }) => new Forwarding({ url }) });
  const { executor, schema } = await gateway.load();
  const apollo = await serve(async ({ query, variables }, headers) => {
    const context = { headers };
    const metrics = { captureTraces: headers["apollo-federation-include-trace"] === "ftv1" };
    const document = parse(query);
    const answer = await executor({
      request: { query, variables, http: { headers: new Map(Object.entries(headers)) } },
      document,
      operation: document.definitions[0],
      operationName: null,
      queryHash: query,
      context,
      schema,
      source: query,
      metrics,
      cache: undefined,
      overallCachePolicy: { restrict() {} },
    });
    return { ...answer, fetches: fetches(metrics.queryPlanTrace && reported(metrics.queryPlanTrace)) };
  });
  console.log(JSON.stringify({ apollo, supergraph: supergraphSdl }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
