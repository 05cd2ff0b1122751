// The rules that @graphql-eslint recommends for schemas, and the exceptions from them, each with its reason.
const { join } = require("node:path");
const graphql = require("@graphql-eslint/eslint-plugin");

const { rules } = graphql.configs["flat/schema-recommended"];
const [error, names] = rules["@graphql-eslint/naming-convention"];
const OBJECTS = "ObjectTypeDefinition,ObjectTypeExtension";

const exceptions = {
  // Only rows have an id, and `Node` asks for it; connections, edges and the objects within a row have none.
  "@graphql-eslint/strict-id-in-types": "off",
  // Fields are named as in REST: the `concurrencyLimit` of a ConcurrencyLimit, the `flowRuns` of a Flow.
  "@graphql-eslint/no-typename-prefix": "off",
  "@graphql-eslint/naming-convention": [
    error,
    {
      ...names,
      // The federation specification begins its names so: `_entities`, `_Any`.
      allowLeadingUnderscore: true,
      // Prefect's word for a kind of block.
      [OBJECTS]: { ...names[OBJECTS], ignorePattern: "^BlockType$" },
    },
  ],
  // The federation specification says what `_Any` is, and Strawberry prints it without a description.
  "@graphql-eslint/require-description": [
    error,
    { ...rules["@graphql-eslint/require-description"][1], ignoredSelectors: ["ScalarTypeDefinition[name.value=_Any]"] },
  ],
};

module.exports = [
  {
    files: ["**/*.graphql"],
    plugins: { "@graphql-eslint": graphql },
    languageOptions: {
      parser: graphql.parser,
      parserOptions: {
        graphQLConfig: { schema: [join(process.cwd(), "schema.graphql"), join(__dirname, "federation.graphql")] },
      },
    },
    rules: { ...rules, ...exceptions },
  },
];
