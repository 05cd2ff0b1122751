// Asks one query twice by each client that knows persisted queries; prints what each sent and got:
// {client: {data: [...], sent: [[method, whether the text of the query was in it, status], ...]}}.
const { createHash } = require("node:crypto");
const { ApolloClient, HttpLink, InMemoryCache, gql } = require("@apollo/client");
const { PersistedQueryLink } = require("@apollo/client/link/persisted-queries");
const { Client, fetchExchange } = require("@urql/core");
const { persistedExchange } = require("@urql/exchange-persisted");

const [url, query, trusted] = process.argv.slice(2);
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

function recording() {
  const sent = [];
  const record = async (address, options) => {
    const response = await fetch(address, options);
    const text = options.method === "GET" ? new URL(address).searchParams.get("query") : JSON.parse(options.body).query;
    sent.push([options.method, Boolean(text), response.status]);
    return response;
  };
  return { sent, record };
}

async function apollo(useGETForHashedQueries) {
  const { sent, record } = recording();
  const link = new PersistedQueryLink({ sha256, useGETForHashedQueries }).concat(new HttpLink({ uri: url, fetch: record }));
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const ask = async () => (await client.query({ query: gql(query), fetchPolicy: "network-only" })).data;
  return { data: [await ask(), await ask()], sent };
}

async function urql(options, text = query) {
  const { sent, record } = recording();
  const client = new Client({ url, fetch: record, exchanges: [persistedExchange(options), fetchExchange] });
  const ask = async () => {
    const { data, error } = await client.query(text, {}, { requestPolicy: "network-only" });
    if (error) throw error;
    return data;
  };
  return { data: [await ask(), await ask()], sent };
}

async function main() {
  if (trusted) {
    const known = { enforcePersistedQueries: true, generateHash: async () => trusted, preferGetForPersistedQueries: false };
    return { urql: await urql(known) };
  }
  return { apollo: await apollo(false), "apollo by GET": await apollo(true), urql: await urql({}, query.replace("query A", "query U")) };
}

main().then((told) => console.log(JSON.stringify(told)));
