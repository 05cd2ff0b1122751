// One page of the flow runs that the test has made.
export const RUNS = `
  query Runs($after: String) {
    flowRuns(filter: { flowRuns: { tags: { all: ["paged"] } } }, sort: ID_DESC, first: 100, after: $after) {
      edges {
        node {
          id
          name
          flow {
            id
            name
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
      totalCount
    }
  }
`;
