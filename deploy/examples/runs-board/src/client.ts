// One client: queries and mutations by HTTP, subscriptions over one websocket, and a cache in which a run is there once.
import { createClient } from "graphql-ws";
import { Client, fetchExchange, subscriptionExchange } from "urql";
import { cache } from "./cache";
import { connected, lost } from "./connection";

export const url = new URL(import.meta.env.VITE_GRAPHQL_URL || "/graphql", location.href).href;

const socket = createClient({
  url: url.replace(/^http/, "ws"),
  keepAlive: 10_000,
  retryAttempts: Infinity,
  // Of a server that is down browsers tell an error before the close, and graphql-ws retries after a close only.
  shouldRetry: () => true,
  // A random part, so that not all pages come back at the same moment.
  retryWait: (times) => new Promise((done) => setTimeout(done, Math.min(500 * 2 ** times, 5_000) * (0.5 + Math.random() / 2))),
  on: { connected, closed: lost },
});

export const client = new Client({
  url,
  requestPolicy: "cache-and-network",
  preferGetMethod: false,
  exchanges: [
    cache,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({
          unsubscribe: socket.subscribe({ query: query ?? "", variables: variables ?? {} }, sink),
        }),
      }),
    }),
  ],
});
