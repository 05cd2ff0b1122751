"""The keys whose type differs from the upstream's on purpose, and why: GraphQL has neither maps nor unions of scalars and lists."""

_ANY = "GraphQL's scalar JSON, which is any value."
_LENGTH = "A number of seconds: the upstream also reads text."
_SEVERAL = "A list: the upstream also takes its only element."
_MAP = "An object of unknown keys: GraphQL has JSON for it."

ACCEPTED: dict[str, str] = {
    "AutomationCreate.actions.schedule_after": _LENGTH,
    "AutomationCreate.trigger.match_related": _ANY,
    "AutomationCreate.trigger.require": _ANY,
    "AutomationCreate.trigger.within": _LENGTH,
    "Automation.trigger.require": _ANY,
    "Artifact.key": "Null for artifacts without a key: the latest of a key, which is never null, is read as an artifact.",
    "DeploymentScheduleCreate.schedule.interval": _LENGTH,
    "EventFilter.any_resource": _SEVERAL,
    "EventFilter.related": _SEVERAL,
    "GET /admin/settings": "Settings as they are, JSON: each version of Prefect has others.",
    "PATCH /flow_runs/{id}/labels": _MAP,
    "POST /flow_runs/{id}/resume: run_input": _MAP,
    "POST /ui/schemas/validate: schema": _MAP,
    "POST /ui/schemas/validate: values": _MAP,
    "POST /ui/task_runs/count": "Numbers by the name of a state, JSON.",
    "POST /ui/task_runs/dashboard/counts": "The upstream does not say what is in its objects.",
    "SchemaValuesValidationResponse.errors": "Errors within errors to any depth: GraphQL has JSON for it.",
    "TaskRunPolicy.retry_delay": _ANY,
    "Variable.value": _ANY,
    "VariableCreate.value": _ANY,
    "VariableUpdate.value": _ANY,
}
