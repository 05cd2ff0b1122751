// Puts parts together as Apollo Client and urql do; prints what each of them has in the end, in a line of JSON.
const fs = require("fs");
const { disableFragmentWarnings, gql } = require("@apollo/client");
const { Defer20220824Handler, GraphQL17Alpha9Handler } = require("@apollo/client/incremental");
const { createRequest, makeOperation, makeResult, mergeResultPatch } = require("@urql/core");

const copied = (value) => JSON.parse(JSON.stringify(value));

function byApollo(handler, query, parts) {
  const request = handler.startRequest({ query: handler.documentTransform?.transformDocument(query) ?? query });
  return parts.reduce((result, part) => request.handle(result?.data, part), undefined).data;
}

function byUrql(query, parts) {
  const operation = makeOperation("query", createRequest(query, {}), {});
  return parts.reduce(
    (result, part) => (result ? mergeResultPatch(result, part, undefined, []) : makeResult(operation, part)),
    undefined,
  ).data;
}

disableFragmentWarnings();
for (const { text, parts, of2022 } of JSON.parse(fs.readFileSync(0))) {
  const query = gql(text);
  const apollo = byApollo(new GraphQL17Alpha9Handler(), query, copied(parts));
  const apolloOf2022 = byApollo(new Defer20220824Handler(), query, copied(of2022));
  console.log(JSON.stringify({ apollo, apolloOf2022, urql: byUrql(query, copied(of2022)) }));
}
