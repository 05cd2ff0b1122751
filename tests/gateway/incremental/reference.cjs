// Executes documents by graphql-js over answers that are known, field by field; prints the payloads of each, in a line of JSON.
const fs = require("fs");
const graphql = require("graphql");

const { sdl, cases } = JSON.parse(fs.readFileSync(0));
const schema = graphql.buildSchema(sdl, { assumeValidSDL: true });
const same = (value) => value;
for (const type of Object.values(schema.getTypeMap())) {
  if (graphql.isLeafType(type)) type.coerceOutputValue = type.coerceInputValue = type.parseValue = same;
}

// A value as it is known, with the errors of the items in their places.
const known = ({ value, items }) =>
  Array.isArray(value) && items ? value.map((each, place) => (items[place] ? new Error(items[place]) : each)) : value;

const resolver = (answers) => (_source, _arguments, _context, info) => {
  const answer = answers[JSON.stringify(graphql.responsePathAsArray(info.path))];
  if (answer === undefined) throw new Error("Nobody knows " + JSON.stringify(graphql.responsePathAsArray(info.path)));
  if (answer.error) throw new Error(answer.error);
  return known(answer);
};

async function payloads({ text, variables, operation, answers }) {
  const document = graphql.parse(text);
  const wrong = graphql.validate(schema, document);
  if (wrong.length) return { wrong: wrong.map(String) };
  const result = await graphql.experimentalExecuteIncrementally({
    schema,
    document,
    variableValues: variables,
    operationName: operation,
    fieldResolver: resolver(answers),
    typeResolver: (value) => value.kind,
  });
  if (!("initialResult" in result)) return [result];
  const parts = [result.initialResult];
  for await (const part of result.subsequentResults) parts.push(part);
  return parts;
}

(async () => {
  for (const each of cases) console.log(JSON.stringify(await payloads(each)));
})();
