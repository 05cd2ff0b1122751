"""The routes that the GraphQL schema leaves out on purpose, at most 12, and why."""

UNMIRRORED: dict[str, str] = {
    "GET /flow_runs/{id}/logs/download": "A file to download, CSV as a stream: `logs` gives its rows.",
    "POST /automations/templates/validate": "Deprecated in Prefect for POST /templates/validate, `validateTemplate`.",
    "GET /ui/task_runs/{id}": "A task run with its flow run and other task runs: `taskRun` and its relations give them.",
}
