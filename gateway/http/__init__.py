"""The HTTP edge: the GraphQL endpoint, its limits, the pages for a browser."""
