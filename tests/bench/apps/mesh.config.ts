import { defineConfig } from '@graphql-mesh/compose-cli';
import { loadOpenAPISubgraph } from '@omnigraph/openapi';

const root = ['flow_runs_filter', 'flows_filter', 'deployments_filter'];

export const composeConfig = defineConfig({
  subgraphs: [
    {
      sourceHandler: loadOpenAPISubgraph('prefect', {
        source: './openapi.json',
        endpoint: process.env.UPSTREAM,
        selectQueryOrMutationField: root.map(fieldName => ({ type: 'Query', fieldName })),
      }),
    },
  ],
  additionalTypeDefs: /* GraphQL */ `
    extend type FlowRun {
      flow: Flow
        @resolveTo(
          sourceName: "prefect"
          sourceTypeName: "Query"
          sourceFieldName: "flows_filter"
          keyField: "flow_id"
          keysArg: "input.flows.id.any_"
          additionalArgs: { input: { limit: 200 } }
        )
      deployment: Deployment
        @resolveTo(
          sourceName: "prefect"
          sourceTypeName: "Query"
          sourceFieldName: "deployments_filter"
          keyField: "deployment_id"
          keysArg: "input.deployments.id.any_"
          additionalArgs: { input: { limit: 200 } }
        )
    }
  `,
});
