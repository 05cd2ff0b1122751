// Apollo Client with relayStylePagination pages through all flow runs; prints their names as JSON.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import { RUNS } from "./runs.mjs";

const client = new ApolloClient({
  link: new HttpLink({ uri: process.argv[2] }),
  cache: new InMemoryCache({
    typePolicies: { Query: { fields: { flowRuns: relayStylePagination(["filter", "sort"]) } } },
  }),
});

const QUERY = gql(RUNS);

const watched = client.watchQuery({ query: QUERY });
const subscription = watched.subscribe(() => {});
let found = (await watched.refetch()).data.flowRuns;
for (let pages = 1; found.pageInfo.hasNextPage; pages++) {
  if (pages > 50) throw new Error("the pages do not end");
  await watched.fetchMore({ variables: { after: found.pageInfo.endCursor } });
  found = client.readQuery({ query: QUERY }).flowRuns;
}
subscription.unsubscribe();
console.log(JSON.stringify({ names: found.edges.map(({ node }) => node.name), total: found.totalCount }));
