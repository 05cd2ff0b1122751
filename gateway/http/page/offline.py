"""What the pages for a browser share, so that they need no internet: a policy that allows none, and their files."""

import gzip
from os import PathLike, stat_result
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

BUILT = Path(__file__).parent / "built"

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # Monaco and Swagger UI write style elements and attributes
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def page_headers(sources: dict[str, str]) -> dict[str, str]:
    """Make a page's headers; `sources` are directives of its Content-Security-Policy beyond `POLICY`, or in its place."""
    return {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in (POLICY | sources).items()),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


class CompressedFiles(StaticFiles):
    """Serves `name` from `name.gz` in a folder: as it lies to a client that takes gzip, unpacked to any other.

    `cache` is the `Cache-Control` of the answers. Everything else is as in Starlette's `StaticFiles`: content types by
    name, `HEAD`, `ETag`, 404 and 405 raised as `HTTPException` for the app in which it is mounted.
    """

    def __init__(self, directory: Path, *, cache: str) -> None:
        super().__init__(directory=directory)
        self._cache = cache

    def lookup_path(self, path: str) -> tuple[str, stat_result | None]:
        return super().lookup_path(f"{path}.gz")

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        if "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            response.headers["Content-Encoding"] = "gzip"
        else:
            response = Response(gzip.decompress(Path(full_path).read_bytes()), media_type=response.media_type)
        response.headers["Cache-Control"] = self._cache
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
