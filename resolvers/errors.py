"""Every error that a client can see, as one small tree.

GatewayError
├── BadUserInput            BAD_USER_INPUT          the client can mend it
├── QueryTooComplex         QUERY_TOO_COMPLEX       the document is beyond a limit
├── Unlisted                PERSISTED_QUERY_...     an operation that is asked for by its id, or must be; see gateway.execution.persisted
└── UpstreamError           UPSTREAM_ERROR          the upstream's answer makes no sense, or it failed
    ├── Rejected            BAD_USER_INPUT          400, 422: the upstream refused the input
    ├── Unauthenticated     UNAUTHENTICATED         401
    ├── Forbidden           FORBIDDEN               403
    ├── NotFound            NOT_FOUND               404
    ├── Lacking             UPSTREAM_ERROR          404, 405: the upstream has no such route, being older for example
    ├── Conflict            CONFLICT                409
    ├── RateLimited         RATE_LIMITED            423, 429: all slots are taken, or too many requests
    ├── Unavailable         UPSTREAM_UNAVAILABLE    502 to 504, or no connection
    └── UpstreamTimeout     UPSTREAM_TIMEOUT        the operation's deadline passed

Anything else is a defect of ours: INTERNAL, logged, and told to the client without its text.
"""

from typing import Any

from graphql import GraphQLError


class GatewayError(GraphQLError):
    """An error with a code (`extensions.code`) that a client can act on."""

    code = "INTERNAL"

    def __init__(self, message: str, **extensions: Any) -> None:
        super().__init__(message, extensions={"code": self.code, **extensions})


class BadUserInput(GatewayError):
    """An argument that can't be used; the message names it and says what is allowed."""

    code = "BAD_USER_INPUT"


class QueryTooComplex(GatewayError):
    """A document beyond a limit; the message names the measure, its value and the setting."""

    code = "QUERY_TOO_COMPLEX"


class Unlisted(GatewayError):
    """An operation that the gateway does not know by its id, or accepts only by one; the code says which."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class UpstreamError(GatewayError):
    """The upstream failed, or answered what it must not.

    `extensions.upstream` is `{status, method, path}`; status is null where there was no response.
    """

    code = "UPSTREAM_ERROR"

    def __init__(
        self, message: str, *, status: int | None = None, method: str | None = None, path: str | None = None
    ) -> None:
        super().__init__(message, upstream={"status": status, "method": method, "path": path})


class Rejected(UpstreamError):
    code = "BAD_USER_INPUT"


class Unauthenticated(UpstreamError):
    code = "UNAUTHENTICATED"


class Forbidden(UpstreamError):
    code = "FORBIDDEN"


class NotFound(UpstreamError):
    code = "NOT_FOUND"


class Lacking(UpstreamError):
    """The upstream has no such route; it may be older than the schema."""


class Conflict(UpstreamError):
    code = "CONFLICT"


class RateLimited(UpstreamError):
    code = "RATE_LIMITED"


class Unavailable(UpstreamError):
    code = "UPSTREAM_UNAVAILABLE"


class UpstreamTimeout(UpstreamError):
    code = "UPSTREAM_TIMEOUT"


BY_STATUS: dict[int, type[UpstreamError]] = {
    400: Rejected,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Rejected,
    423: RateLimited,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
