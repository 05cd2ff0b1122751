"""The measures of a document, exact at the limit and one beyond it."""

from typing import Any

import pytest
from graphql import get_introspection_query, parse

from gateway.execution.limits import check_limits
from gateway.settings import Settings
from resolvers.errors import BadUserInput, QueryTooComplex


def check(query: str, **limits: Any) -> None:
    check_limits(parse(query), Settings(**limits))


@pytest.mark.parametrize(
    ("measure", "query", "value"),
    [
        ("depth", "{ a { b { c } } d }", 3),
        ("depth", "{ a { ... on T { ... { b } } } }", 2),
        ("depth", "{ a { ...f } } fragment f on T { b { ...g } } fragment g on T { c { d } }", 4),
        ("depth", "{ a { ...f } ...f } fragment f on T { b { c } }", 3),
        ("depth", "query A { a } query B { a { b } }", 2),
        ("introspection_depth", "{ a { b } __schema { types { name } } }", 2),
        (
            "introspection_depth",
            "{ ...f } fragment f on Query { __type(name: 1) { ...g } } fragment g on __Type { ofType { name } }",
            2,
        ),
        ("aliases", "{ x: a { y: b } c }", 2),
        ("aliases", "{ a { ...f } b { ...f } } fragment f on T { x: c y: d }", 4),
        ("directives", "query ($v: Int @d) @d { a @d ... @d { b @d @d } ...f @d } fragment f on T @d { c @d }", 9),
        ("root_fields", "{ a b: a c { d e } }", 3),
        ("root_fields", "{ a ... { b ...f } } fragment f on Query { c d { e } }", 4),
        ("fields", "{ a { b c } d }", 4),
        ("fields", "{ ...f ...f } fragment f on Query { a ... { b } }", 8),
        ("fields", "{ a } fragment f on Query { a b c }", 3),
    ],
)
def test_measures(measure: str, query: str, value: int) -> None:
    check(query, **{f"max_{measure}": value})
    with pytest.raises(QueryTooComplex) as raised:
        check(query, **{f"max_{measure}": value - 1})
    noun = measure.replace("_", " ")
    assert raised.value.message.startswith(f"The query's {noun} ")
    assert raised.value.message.endswith(f" {value}, more than {value - 1} (PREFECT_GRAPHQL_MAX_{measure.upper()}).")


def test_the_introspection_of_tools_is_within_the_defaults() -> None:
    check(get_introspection_query(specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True))


def test_introspection_is_not_depth() -> None:
    check("{ __schema { types { fields { name } } } }", max_depth=1)


def test_unknown_fragments_are_left_to_validation() -> None:
    check("{ ...nowhere }")


def test_a_cycle_is_named() -> None:
    with pytest.raises(BadUserInput, match=r"themselves: [ab] -> [ab]\."):
        check("{ ...a } fragment a on T { x { ...b } } fragment b on T { ...a }")
