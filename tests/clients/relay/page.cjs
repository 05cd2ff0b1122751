// Relay's runtime pages through a flow's runs, refetches one, and changes lists; prints what its store holds as JSON.
const { meros } = require("meros/browser");
const {
  commitLocalUpdate,
  commitMutation,
  ConnectionHandler,
  Environment,
  fetchQuery,
  Network,
  Observable,
  RecordSource,
  Store,
} = require("relay-runtime");

const [url, flow] = process.argv.slice(2);
const artifact = (name) => require(`./artifacts/FlowPage${name}.graphql.js`);

// Relay places payloads one by one: each item of a stream has a path of its own.
const payloads = ({ data, errors, extensions, incremental = [], hasNext }) => [
  ...(data === undefined ? [] : [{ data, errors, extensions, hasNext }]),
  ...incremental.flatMap(({ items, path, label, data, errors }) =>
    items
      ? items.map((item, at) => ({ data: item, path: [...path.slice(0, -1), path.at(-1) + at], label, hasNext: true }))
      : [{ data, errors, path, label, hasNext: true }],
  ),
];

const send = ({ text: query }, variables) =>
  Observable.create((sink) => {
    (async () => {
      const accept = "multipart/mixed;deferSpec=20220824, application/json";
      const headers = { "content-type": "application/json", accept };
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
      const parts = await meros(response);
      if (parts === response) sink.next(await response.json());
      else for await (const { body } of parts) payloads(body).forEach((payload) => sink.next(payload));
      sink.complete();
    })().catch((error) => sink.error(error));
  });

// What was read stays, as it would for a component that shows it.
const store = new Store(new RecordSource(), { gcScheduler: () => {} });
const environment = new Environment({ network: Network.create(send), store });
const ask = (name, variables) =>
  new Promise((resolve, reject) => {
    let last;
    fetchQuery(environment, artifact(name), variables).subscribe({
      next: (data) => (last = data),
      complete: () => resolve(last),
      error: reject,
    });
  });
const change = (name, variables) =>
  new Promise((resolve, reject) =>
    commitMutation(environment, { mutation: artifact(name), variables, onCompleted: resolve, onError: reject }),
  );
const inStore = (read) => {
  let found;
  commitLocalUpdate(environment, (store) => (found = read(store)));
  return found;
};
const inStoreSet = (id, key, value) => commitLocalUpdate(environment, (store) => store.get(id).setValue(value, key));
const connection = (store, id, key, filters) => ConnectionHandler.getConnection(store.get(id), key, filters);
const nodes = (found) => found.getLinkedRecords("edges").map((edge) => edge.getLinkedRecord("node"));

async function main() {
  await ask("Query", { id: flow, first: 100 });
  const runs = (store) => connection(store, flow, "FlowPage_flowRuns", { sort: "ID_DESC" });
  const pageInfo = () => inStore((store) => {
    const info = runs(store).getLinkedRecord("pageInfo");
    return [info.getValue("hasNextPage"), info.getValue("endCursor")];
  });
  let pages = 1;
  for (let [more, after] = pageInfo(); more; [more, after] = pageInfo()) {
    await ask("PaginationQuery", { id: flow, first: 100, after });
    if (++pages > 50) throw new Error("the pages do not end");
  }
  const listed = inStore((store) => nodes(runs(store)).map((run) => [run.getDataID(), run.getValue("name")]));
  const first = listed[0][0];
  await change("RenameMutation", { id: first, name: "renamed" });
  const renamed = inStore((store) => nodes(runs(store))[0].getValue("name"));
  inStoreSet(first, "name", "out of date");
  await ask("RunQuery", { id: first });
  const refetched = inStore((store) => store.get(first).getValue("name"));
  const deferred = inStore((store) => store.get(flow).getLinkedRecord("deployments", { first: 5 })?.getValue("totalCount"));

  const flows = (store) => connection(store, "client:root", "FlowPage_flows", { sort: "NAME_ASC" });
  const list = inStore((store) => flows(store).getDataID());
  const names = () => inStore((store) => nodes(flows(store)).map((each) => each.getValue("name")));
  const before = names();
  const { createFlow } = await change("CreateMutation", { name: "made here", connections: [list] });
  const made = names();
  await change("DeleteMutation", { id: createFlow.id, connections: [list] });
  await ask("StreamedQuery", { first: 10 });
  const streamed = inStore((store) =>
    nodes(connection(store, "client:root", "FlowPage_streamed_flowRuns")).map((run) => run.getValue("name")),
  );
  await change("RenameMutation", { id: first, name: listed[0][1] });
  console.log(JSON.stringify({ pages, listed, renamed, refetched, deferred, before, made, left: names(), streamed }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
