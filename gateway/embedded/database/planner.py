"""What SQLite's planner is told of the data: the same in every database.

Its own ANALYZE tells of the moment at which it ran, and plans made for ten rows are kept at a million. What the indexes
say of themselves (`info["spread"]`) makes the plans of a small database those of a large one.
"""

from sqlalchemy import Connection, Index

WRITTEN = "SELECT tbl, idx, stat FROM sqlite_stat1"
ANALYZED = "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'"


def tell_planner(connection: Connection, indexes: list[Index]) -> None:
    """Write the statistics of the indexes (https://www.sqlite.org/fileformat2.html#stat1tab), read when a connection opens."""
    told = {
        (index.table.name, index.name, " ".join(map(str, index.info["spread"])))
        for index in indexes
        if index.table is not None and "spread" in index.info
    }
    if not told:
        return
    if not connection.exec_driver_sql(ANALYZED).scalar():
        # It makes the table of statistics; ours has one row.
        connection.exec_driver_sql("ANALYZE prefect_graphql")
    if {tuple(row) for row in connection.exec_driver_sql(WRITTEN)} != told:
        connection.exec_driver_sql("DELETE FROM sqlite_stat1")
        connection.exec_driver_sql("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", sorted(told))
