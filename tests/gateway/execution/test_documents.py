import pytest

from gateway.execution.documents import Documents, Invalid
from gateway.settings import Settings
from resolvers.errors import BadUserInput, QueryTooComplex
from tests.gateway.toy import SCHEMA


def documents(max_documents: int = 1_000, max_bytes: int = 1_000_000) -> Documents:
    return Documents(SCHEMA, Settings(), max_documents=max_documents, max_bytes=max_bytes)


def test_a_text_is_read_once() -> None:
    kept = documents()
    assert kept.get("{ echo }") is kept.get("{ echo }")
    assert kept.get("{ echo }") is not kept.get("{ echo  }")


def test_the_least_recently_used_goes_first() -> None:
    kept = documents(max_documents=2)
    first, second = kept.get("{ echo }"), kept.get("{ e: echo }")
    assert kept.get("{ echo }") is first
    kept.get("{ __typename }")
    assert len(kept) == 2
    assert kept.get("{ echo }") is first
    assert kept.get("{ e: echo }") is not second


def test_large_documents_push_out_others() -> None:
    kept = documents(max_bytes=40_000)
    for number in range(10):
        kept.get(f"{{ echo(text: {'x' * 5_000!r}) e{number}: echo }}".replace("'", '"'))
    assert len(kept) == 1


def test_a_document_larger_than_all_is_served_but_not_kept() -> None:
    kept = documents(max_bytes=1_000)
    assert kept.get("{ echo }").operation(None).selection_set
    assert len(kept) == 0


@pytest.mark.parametrize(
    "text", ["{", "{ nope }", "{ }", "query { flow }", "subscription { echo }", "type A { b: Int }"]
)
def test_invalid_texts_are_not_kept(text: str) -> None:
    kept = documents()
    with pytest.raises(Invalid) as raised:
        kept.get(text)
    assert raised.value.errors
    assert len(kept) == 0


def test_errors_are_few() -> None:
    with pytest.raises(Invalid) as raised:
        documents().get("{ flow {" + " ".join(f"x{i}" for i in range(90)) + "} }")
    assert len(raised.value.errors) == 21
    assert raised.value.errors[-1].message.startswith("Too many validation errors")


def test_tokens_at_the_limit() -> None:
    kept = Documents(SCHEMA, Settings(max_tokens=7))
    assert kept.get("{ a: echo b: echo }".replace("b: echo", "echo")).ast.token_count == 6
    with pytest.raises(QueryTooComplex, match="PREFECT_GRAPHQL_MAX_TOKENS"):
        kept.get("{ a: echo b: echo }")


def test_operations_by_name() -> None:
    document = documents().get("query A { echo } query B { echo }")
    named = document.operation("B").name
    assert named is not None
    assert named.value == "B"
    with pytest.raises(BadUserInput, match="2 operations: name one of them in `operationName`"):
        document.operation(None)
    with pytest.raises(BadUserInput, match="no operation named 'C'"):
        document.operation("C")


def test_fragments_alone_are_no_operation() -> None:
    with pytest.raises(Invalid):
        documents().get("fragment f on Query { echo }")
