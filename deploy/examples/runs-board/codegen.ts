import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  // Of a copy elsewhere: GRAPHQL_SCHEMA=http://127.0.0.1:4300/graphql, a gateway that runs.
  schema: process.env.GRAPHQL_SCHEMA ?? "../../../schema/schema.graphql",
  documents: "src/**/*.{ts,tsx}",
  generates: {
    "src/gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: { unmaskFunctionName: "unmask" } },
      config: {
        scalars: { DateTime: "string", JSON: "unknown", _Any: "unknown" },
        strictScalars: true,
        enumsAsTypes: true,
        useTypeImports: true,
      },
    },
  },
};

export default config;
