"""The routes that the GraphQL schema leaves out on purpose, at most 12, and why."""

UNMIRRORED: dict[str, str] = {
    "GET /flow_runs/{id}/logs/download": "A file to download, CSV as a stream: `logs` gives its rows.",
}
