"""What the demo is about: the flows of a small data platform, their tasks, deployments and work pools."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Flow:
    """A flow; `failure` is what its failed runs say, `subflows` are the flows that its runs call."""

    name: str
    tags: tuple[str, ...]
    tasks: tuple[str, ...]
    failure: str
    subflows: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkPool:
    """A work pool and its queues beside the default one, each with its priority."""

    name: str
    type: str
    description: str
    queues: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Deployment:
    """A deployment; its schedule is inactive or it is paused, as no worker would ever take up the runs of an active one."""

    name: str
    flow: str
    pool: str
    queue: str
    schedule: dict[str, Any] | None
    tags: tuple[str, ...] = ()
    paused: bool = False
    concurrency_limit: int | None = None
    parameters: dict[str, Any] = field(default_factory=lambda: {"batch_size": 500, "full": False})


FLOWS = (
    Flow(
        "ingest-orders",
        ("database", "ingest"),
        ("extract_orders", "validate_orders", "load_orders"),
        "OperationalError: deadlock detected while loading orders",
    ),
    Flow(
        "sync-customers",
        ("database", "crm"),
        ("fetch_accounts", "match_customers", "upsert_customers", "report_changes"),
        "IntegrityError: duplicate key value violates unique constraint customers_email_key",
    ),
    Flow(
        "refresh-materialized-views",
        ("database", "warehouse"),
        ("list_views", "refresh_view", "analyze_tables"),
        "QueryCanceled: canceling statement due to statement timeout",
    ),
    Flow(
        "backup-postgres",
        ("database", "ops"),
        ("take_snapshot", "verify_snapshot", "upload_snapshot"),
        "ConnectionError: connection to server at db-replica-2 was lost",
    ),
    Flow(
        "check-data-quality",
        ("database", "quality"),
        ("count_rows", "check_nulls", "check_foreign_keys", "write_report"),
        "AssertionError: 312 rows of orders have no customer",
    ),
    Flow(
        "train-churn-model",
        ("ml", "gpu"),
        ("load_features", "split_data", "fit_model", "evaluate_model"),
        "MemoryError: cannot allocate 11.2 GiB for the feature matrix",
    ),
    Flow(
        "score-leads",
        ("ml",),
        ("load_model", "score_batch", "store_scores"),
        "ValueError: the model expects 48 features, got 47",
    ),
    Flow(
        "build-sales-report",
        ("reporting",),
        ("query_sales", "render_charts", "publish_report"),
        "HTTPStatusError: 503 Service Unavailable from the report server",
    ),
    Flow(
        "send-daily-digest",
        ("reporting", "email"),
        ("collect_highlights", "render_email", "send_emails"),
        "SMTPServerDisconnected: connection unexpectedly closed",
    ),
    Flow(
        "clean-up-storage",
        ("ops",),
        ("list_objects", "delete_expired"),
        "PermissionError: access denied to s3://archive/2021/",
    ),
    Flow(
        "nightly-pipeline",
        ("ingest", "critical"),
        ("check_sources", "notify_team"),
        "RuntimeError: a subflow run did not complete",
        subflows=("ingest-orders", "refresh-materialized-views", "build-sales-report"),
    ),
)

NEVER_RUN = Flow("archive-audit-log", ("ops", "compliance"), (), "")
"""A flow without runs. The last thing to be created: where it is, the demo is whole."""

WORK_POOLS = (
    WorkPool("local", "process", "Processes on the scheduler's own machine."),
    WorkPool("kubernetes", "kubernetes", "The shared cluster.", (("high", 1), ("low", 20))),
    WorkPool("gpu", "docker", "Machines with a GPU.", (("training", 1),)),
)


def _cron(cron: str) -> dict[str, Any]:
    return {"cron": cron, "timezone": "UTC"}


def _every(seconds: int) -> dict[str, Any]:
    return {"interval": seconds, "anchor_date": "2025-01-01T00:00:00Z", "timezone": "UTC"}


DEPLOYMENTS = (
    Deployment(
        "hourly", "ingest-orders", "kubernetes", "high", _cron("0 * * * *"), ("production",), concurrency_limit=2
    ),
    Deployment("backfill", "ingest-orders", "kubernetes", "low", None, ("backfill",), parameters={"batch_size": 5000}),
    Deployment("every-15-minutes", "sync-customers", "kubernetes", "high", _every(900), ("production",)),
    Deployment("hourly", "refresh-materialized-views", "kubernetes", "default", _cron("30 * * * *"), ("production",)),
    Deployment("nightly", "backup-postgres", "local", "default", _cron("0 2 * * *"), ("production", "critical")),
    Deployment("daily", "check-data-quality", "kubernetes", "low", _cron("0 6 * * *"), ("production",)),
    Deployment("weekly", "train-churn-model", "gpu", "training", {"rrule": "FREQ=WEEKLY;BYDAY=SU"}, ("production",)),
    Deployment("every-6-hours", "score-leads", "gpu", "default", _every(21_600), ("staging",), paused=True),
    Deployment("weekdays", "send-daily-digest", "local", "default", _cron("0 7 * * 1-5"), ("production",), paused=True),
    Deployment("nightly", "nightly-pipeline", "kubernetes", "high", _cron("0 1 * * *"), ("production", "critical")),
)

# One string each, as a list of forty literals is forty lines.
ADJECTIVES = (
    "amber ancient brave brisk calm clever copper crimson dapper eager fuzzy gentle golden happy hidden humble jolly keen "
    "lively lucky mellow misty nimble olive patient polite proud quick quiet rapid rustic silent silver steady sunny swift"
)
ANIMALS = (
    "badger beaver bison crane crow dolphin eagle falcon ferret finch fox gecko heron ibis jackal kestrel koala lemur lynx "
    "magpie marten moose newt otter owl panda puffin quail raven robin seal stork swan tapir toad vole wombat wren yak zebra"
)
