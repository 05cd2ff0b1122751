// A subscription, a query and what is wrong, by the client of graphql-sse.
const { createClient } = require("graphql-sse");

const client = createClient({ url: `${process.argv[2]}/graphql` });

async function first(query) {
  for await (const result of client.iterate({ query })) return result;
}

(async () => {
  const counted = await first("subscription { flowRunCounts { total } }");
  const queried = await first("{ __typename }");
  const wrong = await first("subscription { nothing }");
  console.log(JSON.stringify(counted.data), queried.data.__typename, wrong.errors[0].extensions.code);
  client.dispose();
})();
