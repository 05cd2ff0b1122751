import { graphql } from "./gql";
import type { BoardQuery, BoardQueryVariables } from "./gql/graphql";
import type { DocumentTypeDecoration } from "@graphql-typed-document-node/core";

export const Board = graphql(`
  query Board($filter: FlowRunFilters, $first: Int!, $after: String) {
    flowRuns(filter: $filter, sort: START_TIME_DESC, first: $first, after: $after) {
      nodes {
        id
        name
        stateType
        startTime
        parameters
        flow {
          name
        }
        taskRuns(first: 3) {
          totalCount
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const Cancel = graphql(`
  mutation Cancel($id: ID!) {
    setFlowRunState(id: $id, input: { type: CANCELLING }) {
      status
      flowRun {
        id
        stateName
      }
    }
  }
`);

declare function send<R, V>(document: DocumentTypeDecoration<R, V>, variables: V): Promise<R>;

const variables: BoardQueryVariables = { first: 20, filter: { flowRuns: { state: { type: { any: ["FAILED"] } } } } };

export async function names(): Promise<string[]> {
  const board: BoardQuery = await send(Board, variables);
  return (board.flowRuns?.nodes ?? []).flatMap((run) => (run ? [`${run.name}: ${run.flow?.name ?? "?"}`] : []));
}

export async function cancel(id: string): Promise<string | undefined> {
  const done = await send(Cancel, { id });
  return done.setFlowRunState?.flowRun?.stateName ?? undefined;
}

// What is wrong must not compile.
// @ts-expect-error: `first` is missing
export const unbounded: BoardQueryVariables = {};
// @ts-expect-error: no such state
export const unknown: BoardQueryVariables = { first: 1, filter: { flowRuns: { state: { type: { any: ["LOST"] } } } } };
