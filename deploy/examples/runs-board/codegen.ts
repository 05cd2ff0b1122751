import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  // For a copy of this folder elsewhere: a gateway that runs, GRAPHQL_SCHEMA=http://127.0.0.1:4300/graphql, or a file.
  schema: process.env.GRAPHQL_SCHEMA ?? "../../../schema/schema.graphql",
  documents: "src/**/*.{ts,tsx}",
  generates: {
    "src/gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: { unmaskFunctionName: "unmask" } },
      config: {
        scalars: { DateTime: "string" },
        defaultScalarType: "unknown",
        enumsAsTypes: true,
        useTypeImports: true,
      },
    },
  },
};

export default config;
