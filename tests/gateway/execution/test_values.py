from typing import Any

import pytest
from graphql import parse

from gateway.execution.values import MAX_NESTING, NestedTooDeeply, check_literals, check_variables
from gateway.settings import Settings
from resolvers.errors import BadUserInput

SETTINGS = Settings(max_list=3)


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_variables_within_the_bounds() -> None:
    check_variables(
        {"a": [1, 2, 3], "b": {"c": [[1, 2, 3]] * 3, "d": None}, "e": nested(MAX_NESTING), "f": "x" * 1_000}, SETTINGS
    )


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([1] * 4, ""),
        ({"flows": {"id": {"any": [1] * 4}}}, " at flows.id.any"),
        ([{}, {"b": [[], [1] * 4]}], " at 1.b.1"),
    ],
)
def test_a_long_list_is_named(value: Any, place: str) -> None:
    with pytest.raises(BadUserInput) as raised:
        check_variables({"ok": [1], "v": value}, SETTINGS)
    assert (
        raised.value.message == f'Variable "$v" has a list of 4 items{place}, more than 3 (PREFECT_GRAPHQL_MAX_LIST).'
    )


def test_nesting() -> None:
    with pytest.raises(NestedTooDeeply, match=r'Variable "\$v" is nested more than 100 levels deep'):
        check_variables({"v": nested(MAX_NESTING + 1)}, SETTINGS)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ a(x: [1, 2, 3, 4]) }", 'Argument "x" of "a" has a list of 4 items, more than 3'),
        ("{ a { b(x: {y: [{z: [1, 2, 3, 4]}]}) } }", 'Argument "x" of "b" has a list of 4 items at y.0.z, more than 3'),
        ("{ ...f } fragment f on T { c(x: [1, 2, 3, 4]) }", 'Argument "x" of "c" has a list of 4 items'),
        ("{ a @d(x: [1, 2, 3, 4]) }", 'Argument "x" of "a" has a list of 4 items'),
        ("query @d(x: [1, 2, 3, 4]) { a }", 'Argument "x" of the query has a list of 4 items'),
        ("query ($v: [Int] = [1, 2, 3, 4]) { a(x: $v) }", 'The default of variable "$v" has a list of 4 items'),
    ],
)
def test_long_literals(query: str, words: str) -> None:
    with pytest.raises(BadUserInput) as raised:
        check_literals(parse(query), SETTINGS)
    assert words in raised.value.message


def test_literals_within_the_bounds() -> None:
    check_literals(parse("query ($v: [Int] = [1, 2, 3]) { a(x: [1, 2, $v], y: {z: [[1], [2], [3]]}) }"), SETTINGS)
