"""The floor: no GraphQL at all, the same calls by hand with aiohttp and orjson in a bare ASGI app.

The path says what is asked, /runs?limit=50 or /fields?limit=1000; the page's offset stands in the body, as GraphQL's.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import orjson

UPSTREAM = os.environ["UPSTREAM"]
PAGE = 200
JSON = {"content-type": "application/json"}
Row = dict[str, Any]


class Rest:
    """The upstream; its session is made once the event loop runs."""

    session: aiohttp.ClientSession

    def open(self) -> None:
        connector = aiohttp.TCPConnector(limit=64)
        self.session = aiohttp.ClientSession(connector=connector, skip_auto_headers=["User-Agent"])

    async def read(self, collection: str, **body: Any) -> list[Row]:
        url = f"{UPSTREAM}/{collection}/filter"
        async with self.session.post(url, data=orjson.dumps(body), headers=JSON) as response:
            rows: list[Row] = orjson.loads(await response.read())
            return rows

    async def by_id(self, collection: str, ids: set[str]) -> list[Row]:
        return await self.read(collection, **{collection: {"id": {"any_": sorted(ids)}}})


rest = Rest()


async def runs(limit: int, offset: int) -> Any:
    rows = await rest.read("flow_runs", limit=limit, offset=offset)
    flows, deployments = await asyncio.gather(
        rest.by_id("flows", {row["flow_id"] for row in rows}),
        rest.by_id("deployments", {row["deployment_id"] for row in rows if row["deployment_id"]}),
    )
    flow = {row["id"]: {"id": row["id"], "name": row["name"], "tags": row["tags"]} for row in flows}
    deployment = {row["id"]: {"id": row["id"], "name": row["name"]} for row in deployments}
    return [
        {
            "id": row["id"],
            "name": row["name"],
            "stateType": row["state_type"],
            "startTime": row["start_time"],
            "flow": flow.get(row["flow_id"]),
            "deployment": deployment.get(row["deployment_id"]),
        }
        for row in rows
    ]


async def fields(limit: int, offset: int) -> Any:
    starts = range(0, limit, PAGE)
    pages = await asyncio.gather(
        *(rest.read("flow_runs", limit=min(PAGE, limit - start), offset=offset + start) for start in starts)
    )
    return [
        {
            "id": row["id"],
            "name": row["name"],
            "created": row["created"],
            "updated": row["updated"],
            "flowId": row["flow_id"],
            "deploymentId": row["deployment_id"],
            "stateType": row["state_type"],
            "stateName": row["state_name"],
            "runCount": row["run_count"],
            "startTime": row["start_time"],
            "endTime": row["end_time"],
            "totalRunTime": row["total_run_time"],
        }
        for rows in pages
        for row in rows
    ]


WORK: dict[str, Callable[[int, int], Awaitable[Any]]] = {"/runs": runs, "/fields": fields}


async def lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            rest.open()
        else:
            await rest.session.close()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    body = orjson.loads((await receive())["body"])
    limit = int(parse_qs(scope["query_string"])[b"limit"][0])
    rows = await WORK[scope["path"]](limit, body.get("variables", {}).get("offset", 0))
    out = orjson.dumps({"data": {"flowRuns": rows}})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(out)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": out})
    return None
