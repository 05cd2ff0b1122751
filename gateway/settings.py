"""Every setting of the gateway, read from `PREFECT_GRAPHQL_*` in the environment and from the command line."""

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings, each documented by its description; the README's table is made of them."""

    model_config = SettingsConfigDict(
        env_prefix="PREFECT_GRAPHQL_", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    upstream: str | None = Field(
        default=None,
        validation_alias=AliasChoices("PREFECT_GRAPHQL_UPSTREAM", "PREFECT_API_URL"),
        description="URL of the Prefect REST API to stand before (`http://127.0.0.1:4200/api`); none: the embedded server.",
    )
    database_url: str = Field(
        default="sqlite:///prefect-graphql.db",
        description="Database of the embedded server: `sqlite:///file`, `sqlite+aiosqlite:///file` or `postgresql://...`.",
    )
    encryption_key: SecretStr | None = Field(
        default=None,
        description="Fernet key that encrypts the values of blocks in the embedded server's database; behind a comma, keys"
        " that only decrypt what was written by them before. None: a key that the database keeps.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("PREFECT_GRAPHQL_API_KEY", "PREFECT_API_KEY"),
        description="API key (a bearer token) sent upstream for callers without an `Authorization` header.",
    )
    api_auth_string: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("PREFECT_GRAPHQL_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"),
        description="`user:password` (basic authentication) sent upstream for callers without an `Authorization` header.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=4300, ge=0, le=65535, description="Port to listen on.")
    services: bool = Field(
        default=True,
        description="Whether the embedded server works by itself: schedules make runs, what is late or silent is marked so.",
    )
    event_days: float = Field(
        default=7.0, gt=0, description="Days for which the embedded server keeps events; older ones are deleted."
    )
    workers: int = Field(
        default=1, ge=1, description="Processes that serve; above 1 needs a remote upstream or PostgreSQL."
    )

    page_size: int = Field(default=200, ge=1, le=200, description="Rows in one page of the upstream's API.")
    max_concurrency: int = Field(default=16, ge=1, description="Upstream calls at once to one collection.")
    retries: int = Field(default=3, ge=0, description="Times that a read is repeated after a fault of the upstream.")
    deadline: float = Field(default=30.0, gt=0, description="Seconds that an operation may take, queueing included.")
    compiled: bool = Field(
        default=True, description="Whether a query that comes again is compiled; the answers are the same either way."
    )

    max_tokens: int = Field(default=5_000, ge=1, description="Tokens in a document.")
    max_depth: int = Field(default=25, ge=1, description="Levels of nested selections in an operation.")
    max_introspection_depth: int = Field(
        default=25, ge=1, description="Levels of nested selections under `__schema` and `__type`."
    )
    max_aliases: int = Field(default=100, ge=0, description="Aliases in an operation.")
    max_directives: int = Field(default=100, ge=0, description="Directives in an operation.")
    max_root_fields: int = Field(default=100, ge=1, description="Root fields of an operation.")
    max_fields: int = Field(default=5_000, ge=1, description="Fields of an operation after its fragments are expanded.")
    max_rows: int = Field(
        default=50_000,
        ge=1,
        description="Rows that an operation could return: the product of the `first`s down the tree.",
    )
    max_first: int = Field(default=1_000, ge=1, description="Largest `first` of a connection.")
    max_list: int = Field(
        default=1_000, ge=1, description="Items in one list of a filter or of an input, such as `any`."
    )
    max_body: int = Field(default=1_048_576, ge=1, description="Bytes of a request's body on `/graphql`.")
    max_subscriptions: int = Field(default=100, ge=1, description="Operations at once over one websocket.")
    max_subscribers: int = Field(
        default=10_000,
        ge=1,
        description="Subscriptions at once in one process, over websockets and server-sent events.",
    )
    max_waiting: int = Field(
        default=1_000, ge=1, description="Answers that may wait for a slow subscriber before its subscription is ended."
    )
    max_batch: int = Field(
        default=0, ge=0, description="Operations in one batch, a JSON array of requests; 0: batches are refused."
    )

    cors_origins: str | None = Field(
        default=None,
        description="Origins whose pages may use `/graphql` in a browser, with commas between (`https://app.example.com`), or `*` for all.",
    )
    persisted_queries: str = Field(
        default="memory",
        pattern=r"^(off|memory|(redis|rediss|unix)://.+)$",
        description="Where automatic persisted queries are kept: `memory`, `redis://host:6379/0` (shared by all processes) or `off`.",
    )
    trusted_documents: Path | None = Field(
        default=None,
        description="Manifest of operations that clients ask for by their ids, as graphql-codegen, Relay or Apollo writes it.",
    )
    trusted_only: bool = Field(
        default=False, description="Whether operations of the manifest are the only ones that are accepted."
    )
