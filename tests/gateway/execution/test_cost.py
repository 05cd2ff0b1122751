"""Worst-case rows, read off the limit at which a query is refused."""

from typing import Any

import pytest
from graphql import get_introspection_query

from gateway.execution import GraphQLRequest
from tests.gateway import toy


async def message(query: str, variables: dict[str, Any] | None = None, **settings: Any) -> str | None:
    answer = await toy.execution(toy.upstream(), **settings).run(
        GraphQLRequest(query, deadline=1e9, variables=variables or {})
    )
    return str(answer.errors[0]["message"]) if answer.errors else None


@pytest.mark.parametrize(
    ("query", "variables", "rows"),
    [
        ("{ flows { nodes { id } } }", {}, 20),
        ("{ flows(first: 7) { nodes { id } } }", {}, 7),
        ("{ flows(first: null) { nodes { id } } }", {}, 20),
        ("query ($n: Int) { flows(first: $n) { nodes { id } } }", {"n": 9}, 9),
        ("query ($n: Int) { flows(first: $n) { nodes { id } } }", {}, 20),
        ("query ($n: Int = 5) { flows(first: $n) { nodes { id } } }", {}, 5),
        ("{ flows(first: 3) { nodes { flows(first: 4) { nodes { id } } } } }", {}, 3 + 12),
        (
            "{ flows(first: 3) { nodes { a: flows(first: 4) { nodes { id } } b: flows(first: 2) { nodes { id } } } } }",
            {},
            3 + 12 + 6,
        ),
        ("{ a: flows(first: 3) { nodes { id } } b: flows(first: 4) { nodes { id } } }", {}, 7),
        ("{ flows(first: 3) { nodes { id } } flows(first: 3) { nodes { name } } }", {}, 3),
        ("{ flows(first: 3) { nodes { ...f ...f } } } fragment f on Flow { flows(first: 2) { nodes { id } } }", {}, 9),
        ("{ flow { flows(first: 3) { nodes { parent { flows(first: 2) { nodes { id } } } } } } }", {}, 9),
        ('{ nodes(ids: ["1", "2"]) { flows(first: 5) { nodes { id } } } }', {}, 12),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["1"] * 6}, 6),
        (
            "query ($no: Boolean!) { flows(first: 3) { nodes { id flows @skip(if: $no) { nodes { id } } } } }",
            {"no": True},
            3,
        ),
        (
            "query ($no: Boolean!) { flows(first: 3) { nodes { id flows @skip(if: $no) { nodes { id } } } } }",
            {"no": False},
            63,
        ),
        ("{ flows(first: 3) { nodes { id } } flow { flows @include(if: false) { nodes { id } } } }", {}, 3),
        ("{ flows(first: 3) { nodes { ... @defer { flows(first: 4) { nodes { id } } } } } }", {}, 3 + 3 + 12),
        ("{ flows(first: 3) { nodes @stream { ...f @defer ...f } } } fragment f on Flow { id }", {}, 3 + 3),
    ],
)
async def test_rows(query: str, variables: dict[str, Any], rows: int) -> None:
    assert await message(query, variables, max_rows=rows) is None
    assert (
        await message(query, variables, max_rows=rows - 1)
        == f"The query's rows are {rows}, more than {rows - 1} (PREFECT_GRAPHQL_MAX_ROWS)."
    )


async def test_a_count_alone_makes_no_row() -> None:
    query = "{ flows(first: 1000) { totalCount __typename } flow { flows(first: 1000) { totalCount } } }"
    assert await message(query, max_rows=1) is None


async def test_first_is_bounded_even_where_it_makes_no_row() -> None:
    expected = 'Argument "first" of "flows" is 6, more than 5 (PREFECT_GRAPHQL_MAX_FIRST).'
    assert await message("{ flows(first: 6) { nodes { id } } }", max_first=5) == expected
    assert await message("{ flows(first: 5) { nodes { id } } }", max_first=5) is None
    assert await message("query ($n: Int) { flows(first: $n) { totalCount } }", {"n": 6}, max_first=5) == expected


async def test_introspection_costs_as_much_as_the_schema_has() -> None:
    types = len(toy.SCHEMA._schema.type_map)
    assert await message("{ __schema { types { name } } }", max_rows=types) is None
    aliases = " ".join(f"a{i}: __schema {{ types {{ name }} }}" for i in range(3))
    assert await message(f"{{ {aliases} }}", max_rows=types * 3 - 1) == (
        f"The query's rows are {types * 3}, more than {types * 3 - 1} (PREFECT_GRAPHQL_MAX_ROWS)."
    )


async def test_the_introspection_of_tools_is_within_the_defaults() -> None:
    assert await message(get_introspection_query(input_value_deprecation=True)) is None
