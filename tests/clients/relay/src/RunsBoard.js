import { graphql } from "react-relay";

export const query = graphql`
  query RunsBoardQuery($flowId: ID!, $first: Int!, $after: String) {
    flow(id: $flowId) {
      name
      ...RunsBoard_runs @arguments(first: $first, after: $after)
    }
    ...RunsBoard_latest
  }
`;

export const runs = graphql`
  fragment RunsBoard_runs on Flow
  @argumentDefinitions(first: { type: "Int", defaultValue: 50 }, after: { type: "String" })
  @refetchable(queryName: "RunsBoardPaginationQuery") {
    flowRuns(first: $first, after: $after, sort: START_TIME_DESC) @connection(key: "RunsBoard_flowRuns") {
      edges {
        node {
          ...RunsBoard_run
        }
      }
    }
  }
`;

export const run = graphql`
  fragment RunsBoard_run on FlowRun @refetchable(queryName: "RunsBoardRunQuery") {
    name
    stateName
    startTime
    deployment {
      name
    }
  }
`;

export const latest = graphql`
  fragment RunsBoard_latest on Query
  @argumentDefinitions(first: { type: "Int", defaultValue: 10 }, after: { type: "String" })
  @refetchable(queryName: "RunsBoardLatestQuery") {
    flowRuns(first: $first, after: $after, filter: { flowRuns: { state: { type: { any: [RUNNING] } } } })
      @connection(key: "RunsBoard_latest_flowRuns") {
      edges {
        node {
          ...RunsBoard_run
        }
      }
    }
  }
`;

export const cancel = graphql`
  mutation RunsBoardCancelMutation($id: ID!) {
    setFlowRunState(id: $id, input: { type: CANCELLING }) {
      status
      flowRun {
        ...RunsBoard_run
      }
    }
  }
`;

export const changes = graphql`
  subscription RunsBoardSubscription {
    flowRunUpdated {
      ...RunsBoard_run
    }
  }
`;
