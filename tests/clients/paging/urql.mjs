// urql with Graphcache's relayPagination pages through all flow runs; prints their names as JSON.
import { Client, fetchExchange, gql } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { RUNS } from "./runs.mjs";

const client = new Client({
  url: process.argv[2],
  exchanges: [cacheExchange({ resolvers: { Query: { flowRuns: relayPagination() } } }), fetchExchange],
});

const QUERY = gql(RUNS);

let found;
let after = null;
for (let pages = 0; found === undefined || found.pageInfo.hasNextPage; pages++) {
  if (pages > 50) throw new Error("the pages do not end");
  const { data, error } = await client.query(QUERY, { after });
  if (error) throw error;
  found = data.flowRuns;
  after = found.pageInfo.endCursor;
}
console.log(JSON.stringify({ names: found.edges.map(({ node }) => node.name), total: found.totalCount }));
