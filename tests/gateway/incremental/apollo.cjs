// Asks a query by Apollo Client with one of its handlers of incremental delivery; prints each result as a line of JSON.
const { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } = require("@apollo/client");
const handlers = require("@apollo/client/incremental");

const [url, query, handler] = process.argv.slice(2);
const client = new ApolloClient({
  link: new HttpLink({ uri: url }),
  cache: new InMemoryCache(),
  incrementalHandler: new handlers[handler](),
});
const results = client.watchQuery({ query: gql(query), fetchPolicy: "no-cache", errorPolicy: "all" });
results.subscribe(({ data, error, loading, dataState }) => {
  if (data) console.log(JSON.stringify({ data, errors: error?.errors?.map(({ message }) => message) ?? [] }));
  if (!loading && dataState !== "streaming") client.stop();
});
