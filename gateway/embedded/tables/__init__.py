"""The tables: one for each collection, and the few that its rows are put together from."""

from pydantic import BaseModel
from sqlalchemy import MetaData, Table

from gateway.embedded.tables.columns import columns
from gateway.embedded.tables.indexes import add_indexes
from gateway.embedded.tables.tags import MANY, tags_of
from schema import COLLECTIONS
from schema.global_concurrency_limits import GlobalConcurrencyLimit
from schema.schedules import DeploymentSchedule

METADATA = MetaData()


class Reference(BaseModel):
    """That a row refers to another of its collection, under a name."""

    id: str
    parent_id: str
    name: str
    reference_id: str


class Configuration(BaseModel):
    """What the server is told to do by default, under a key."""

    id: str
    key: str
    value: str


def _table(name: str, row: type[BaseModel]) -> Table:
    table = Table(name, METADATA, *columns(name, row))
    add_indexes(table)
    if name in MANY:
        table.info["sqlite"] = tags_of(name)
    return table


TABLES = {collection.name: _table(collection.name, collection.row) for collection in COLLECTIONS if collection.stored}
"""The table of each collection, by the collection's name."""

DEPLOYMENT_SCHEDULES = _table("deployment_schedules", DeploymentSchedule)
CONCURRENCY_LIMITS = _table("concurrency_limits_v2", GlobalConcurrencyLimit)
BLOCK_SCHEMA_REFERENCES = _table("block_schema_references", Reference)
BLOCK_DOCUMENT_REFERENCES = _table("block_document_references", Reference)
CONFIGURATIONS = _table("configurations", Configuration)
