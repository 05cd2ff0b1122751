// Composes the subgraphs on the standard input, [{name, sdl}], by the composer of the npm package named first;
// prints {errors: [message], sdl}.
const { readFileSync } = require("node:fs");
const { parse, print } = require("graphql");

const composer = process.argv[2];
const composition = require(composer);
const subgraphs = JSON.parse(readFileSync(0, "utf8")).map(({ name, sdl }) => ({
  name,
  url: `http://${name}.test/graphql`,
  typeDefs: parse(sdl),
}));

function federate() {
  const result = composition.federateSubgraphs({
    subgraphs: subgraphs.map(({ name, url, typeDefs }) => ({ name, url, definitions: typeDefs })),
    version: composition.LATEST_ROUTER_COMPATIBILITY_VERSION,
  });
  return { errors: result.errors, supergraphSdl: result.success ? print(result.federatedGraphAST) : null };
}

const { errors, supergraphSdl } =
  composer === "@wundergraph/composition" ? federate() : composition.composeServices(subgraphs);
console.log(JSON.stringify({ errors: (errors ?? []).map(({ message }) => message), sdl: supergraphSdl ?? null }));
