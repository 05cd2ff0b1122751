// Prints what some subscriptions tell, by the client of graphql-ws or of graphql-sse: a line `[name, value]` of JSON each.
const [, , protocol, url, subscriptions] = process.argv;

function connected() {
  const forever = { retryAttempts: 100, url: `${url}/graphql` };
  if (protocol === "sse") return require("graphql-sse").createClient(forever);
  const webSocketImpl = require("ws");
  return require("graphql-ws").createClient({ ...forever, url: forever.url.replace("http", "ws"), webSocketImpl });
}

const client = connected();
for (const [name, query] of Object.entries(JSON.parse(subscriptions))) {
  (async () => {
    for await (const result of client.iterate({ query })) {
      const value = result.errors ? { errors: result.errors } : Object.values(result.data)[0];
      console.log(JSON.stringify([name, value]));
    }
    console.log(JSON.stringify([name, "complete"]));
  })().catch((failure) => console.log(JSON.stringify([name, { failure: JSON.stringify(failure) }])));
}
