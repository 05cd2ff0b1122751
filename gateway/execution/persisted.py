"""Operations that clients ask for by an id: trusted documents and automatic persisted queries.

Trusted documents are known from the start. Automatic persisted queries are Apollo's protocol: a client sends the hash of a
query alone, is told that it is not known, and sends both, once for all clients.

PERSISTED_QUERY_NOT_FOUND         send the text along with the hash
PERSISTED_QUERY_NOT_SUPPORTED     send texts alone from now on
PERSISTED_QUERY_HASH_MISMATCH     the hash is not that of the text
PERSISTED_QUERY_NOT_IN_LIST       only trusted documents are accepted, and this id is none of theirs
PERSISTED_QUERY_ONLY              only trusted documents are accepted, and this request names none
"""

from collections.abc import Mapping
from dataclasses import replace

from gateway.execution.documents import Documents, Invalid
from gateway.execution.manifest import PREFIX, bare, read_manifest
from gateway.execution.request import GraphQLRequest
from gateway.execution.texts import Texts, hash_of, open_texts
from gateway.settings import Settings
from resolvers.errors import GatewayError, Unlisted

MOST_TOLD = 3
"""Documents of a manifest that are told to be invalid."""


class HashMismatch(Unlisted):
    """A hash that is not that of the text beside it: a request that is malformed."""


class Persisted:
    """Finds the texts of operations that are asked for by their ids."""

    def __init__(self, trusted: Mapping[str, str], texts: Texts | None, *, only: bool) -> None:
        self._trusted = trusted
        self._texts = texts
        self._only = only

    def concerns(self, request: GraphQLRequest) -> bool:
        """Tell whether a request is not simply its text."""
        return self._only or request.id is not None

    def trusted(self, request: GraphQLRequest) -> GraphQLRequest:
        """Return a request with the text of the trusted document that it names, if it does; raises Unlisted."""
        if request.id is None and not self._only:
            return request
        if request.id is None:
            raise Unlisted(
                "PERSISTED_QUERY_ONLY",
                "Only trusted documents are accepted here (PREFECT_GRAPHQL_TRUSTED_ONLY): send the `documentId` of one, not a query.",
            )
        text = self._trusted.get(bare(request.id))
        if text is None and self._only:
            raise Unlisted(
                "PERSISTED_QUERY_NOT_IN_LIST",
                f"No trusted document has the id {request.id[:100]!r}: is the manifest (PREFECT_GRAPHQL_TRUSTED_DOCUMENTS) that of this client?",
            )
        return request if text is None else replace(request, query=text)

    async def whole(self, request: GraphQLRequest) -> GraphQLRequest:
        """Return a request with its text; raises Unlisted."""
        request = self.trusted(request)
        if request.id is None or bare(request.id) in self._trusted:
            return request
        return replace(request, query=await self._text(request, request.id))

    async def keep(self, request: GraphQLRequest) -> None:
        """Keep the text of a good request for those who know its hash alone."""
        id_ = request.id or ""
        if self._texts is not None and _hashed(request) and bare(id_) not in self._trusted:
            await self._texts.keep(bare(id_), request.query)

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._texts is not None:
            await self._texts.aclose()

    async def _text(self, request: GraphQLRequest, id_: str) -> str:
        # Apollo's message is what clients of before its codes look for.
        if request.automatic and self._texts is None:
            raise Unlisted("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
        if request.query:
            if _hashed(request) and hash_of(request.query) != bare(id_):
                raise HashMismatch(
                    "PERSISTED_QUERY_HASH_MISMATCH", f"The SHA-256 hash of the query is not {id_[:100]!r}."
                )
            return request.query
        text = None if self._texts is None else await self._texts.get(bare(id_))
        if text is None:
            raise Unlisted("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        return text


def open_persisted(settings: Settings, documents: Documents) -> Persisted:
    """Make what finds persisted operations; raises ValueError for settings or a manifest that can't be used."""
    if settings.trusted_only and settings.trusted_documents is None:
        msg = "PREFECT_GRAPHQL_TRUSTED_ONLY needs a manifest: set PREFECT_GRAPHQL_TRUSTED_DOCUMENTS."
        raise ValueError(msg)
    trusted = read_manifest(settings.trusted_documents) if settings.trusted_documents else {}
    _check(trusted, documents)
    return Persisted(trusted, open_texts(settings.persisted_queries), only=settings.trusted_only)


def _check(trusted: Mapping[str, str], documents: Documents) -> None:
    """Refuse a manifest that was made for another schema; raises ValueError."""
    problems = []
    for id_, text in trusted.items():
        try:
            documents.get(text)
        except Invalid as invalid:
            problems.append(f"{id_}: {invalid.errors[0].message}")
        except GatewayError as refused:
            problems.append(f"{id_}: {refused.message}")
    if problems:
        more = f" (and {len(problems) - MOST_TOLD} more)" if len(problems) > MOST_TOLD else ""
        told = "; ".join(problems[:MOST_TOLD])
        msg = f"The manifest (PREFECT_GRAPHQL_TRUSTED_DOCUMENTS) has documents that this schema refuses: {told}{more}"
        raise ValueError(msg)


def _hashed(request: GraphQLRequest) -> bool:
    """Tell whether the id of a request is the hash of its text."""
    return request.automatic or (request.id or "").startswith(PREFIX)
