import { graphql } from "react-relay";

export const query = graphql`
  query FlowPageQuery($id: ID!, $first: Int!, $after: String) {
    node(id: $id) {
      __typename
      ...FlowPage_runs @alias(as: "flow") @arguments(first: $first, after: $after)
    }
    ...FlowPage_flows
    flow(id: $id) {
      name @required(action: LOG)
      ...FlowPage_name
      ...FlowPage_slow @defer
    }
  }
`;

export const runs = graphql`
  fragment FlowPage_runs on Flow
  @argumentDefinitions(first: { type: "Int", defaultValue: 50 }, after: { type: "String" })
  @refetchable(queryName: "FlowPagePaginationQuery") {
    flowRuns(first: $first, after: $after, sort: ID_DESC)
      @connection(key: "FlowPage_flowRuns", filters: ["sort"]) {
      totalCount
      edges {
        node {
          ...FlowPage_run
        }
      }
    }
  }
`;

export const run = graphql`
  fragment FlowPage_run on FlowRun @refetchable(queryName: "FlowPageRunQuery") {
    name @required(action: NONE)
    stateName
    flow {
      name
    }
  }
`;

export const name = graphql`
  fragment FlowPage_name on Flow @inline {
    name
    tags
  }
`;

export const slow = graphql`
  fragment FlowPage_slow on Flow {
    deployments(first: 5) {
      totalCount
    }
  }
`;

export const flows = graphql`
  fragment FlowPage_flows on Query
  @argumentDefinitions(first: { type: "Int", defaultValue: 10 }, after: { type: "String" })
  @refetchable(queryName: "FlowPageFlowsQuery") {
    flows(first: $first, after: $after, sort: NAME_ASC) @connection(key: "FlowPage_flows") {
      __id
      edges {
        node {
          name
        }
      }
    }
  }
`;

export const streamed = graphql`
  fragment FlowPage_streamed on Query
  @argumentDefinitions(first: { type: "Int", defaultValue: 10 }, after: { type: "String" })
  @refetchable(queryName: "FlowPageStreamedQuery") {
    flowRuns(first: $first, after: $after) @stream_connection(key: "FlowPage_streamed_flowRuns", initial_count: 2) {
      edges {
        node {
          name
        }
      }
    }
  }
`;

export const create = graphql`
  mutation FlowPageCreateMutation($name: String!, $connections: [ID!]!) {
    createFlow(input: { name: $name }) @prependNode(connections: $connections, edgeTypeName: "FlowEdge") {
      id
      name
    }
  }
`;

export const remove = graphql`
  mutation FlowPageDeleteMutation($id: ID!, $connections: [ID!]!) {
    deleteFlow(id: $id) @deleteEdge(connections: $connections) @deleteRecord
  }
`;

export const rename = graphql`
  mutation FlowPageRenameMutation($id: ID!, $name: String!) {
    updateFlowRun(id: $id, input: { name: $name }) {
      ...FlowPage_run
    }
  }
`;
