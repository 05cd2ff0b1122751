// A subscription, a query and what is wrong, by the client of graphql-ws.
const { createClient } = require("graphql-ws");
const WebSocket = require("ws");

const client = createClient({ url: `${process.argv[2].replace("http", "ws")}/graphql`, webSocketImpl: WebSocket });

async function first(query) {
  for await (const result of client.iterate({ query })) return result;
}

(async () => {
  const counted = await first("subscription { flowRunCounts { total } }");
  const queried = await first("{ __typename }");
  const code = await first("subscription { nothing }").catch((errors) => errors[0].extensions.code);
  console.log(JSON.stringify(counted.data), queried.data.__typename, code);
  await client.dispose();
})();
