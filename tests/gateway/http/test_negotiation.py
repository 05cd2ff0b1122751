import pytest

from gateway.http.multipart import accepted
from gateway.http.negotiation import GRAPHQL, HTML, JSON, preferred

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        ("APPLICATION/JSON", JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", JSON),
        (f"{GRAPHQL};q=0.5, {JSON};q=0.9", JSON),
        (f"{GRAPHQL}; charset=utf-8, {JSON};q=0.9", GRAPHQL),
        (f"{JSON};q=0, */*", GRAPHQL),
        (f"{JSON};q=0, {GRAPHQL};q=0", None),
        (URQL, GRAPHQL),
        ("application/json, text/event-stream", JSON),
        ("text/event-stream, application/json", JSON),
        ("text/event-stream", None),
        ("text/html", None),
        ("nonsense", None),
        (f"{JSON};q=high", None),
        (BROWSER, JSON),
    ],
)
def test_answers(accept: str | None, media: str | None) -> None:
    assert preferred(accept, (JSON, GRAPHQL)) == media


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (BROWSER, HTML),
        ("*/*", JSON),
        (None, JSON),
        (URQL, GRAPHQL),
        ("text/html;q=0.1, application/json", JSON),
        ("text/*", HTML),
    ],
)
def test_page_or_answer(accept: str | None, media: str | None) -> None:
    assert preferred(accept, (JSON, GRAPHQL, HTML)) == media


@pytest.mark.parametrize(
    ("accept", "parameter"),
    [
        (None, None),
        ("*/*", None),
        ("multipart/*", None),
        (URQL, "deferSpec=20220824"),
        ("multipart/mixed;deferSpec=20220824,application/json;q=0.9", "deferSpec=20220824"),
        ("multipart/mixed; deferSpec=20220824, application/json", "deferSpec=20220824"),
        ("multipart/mixed;incrementalSpec=v0.2,application/json", "incrementalSpec=v0.2"),
        ('Multipart/Mixed; IncrementalSpec="v0.2"; q=0.5', "incrementalSpec=v0.2"),
        ("multipart/mixed;q=0.5, multipart/mixed;incrementalSpec=v0.2;q=0.9", "incrementalSpec=v0.2"),
        ("multipart/mixed;subscriptionSpec=1.0", None),
        ("multipart/mixed;q=0", None),
        ("multipart/mixed;q=high", None),
    ],
)
def test_formats_of_parts(accept: str | None, parameter: str | None) -> None:
    chosen = accepted(accept)
    assert (chosen and chosen.parameter) == parameter
