"""Requests that are made to cost much, each with the status and the words of its refusal."""

from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class Attack:
    name: str
    body: bytes
    status: int
    code: str
    words: str


def _query(name: str, query: str, code: str, words: str, status: int = 400, **variables: Any) -> Attack:
    return Attack(name, orjson.dumps({"query": query, "variables": variables}), status, code, words)


def _chain(fragment: str, last: str, length: int) -> str:
    """A chain of fragments `f0`, `f1`, ... `fragment` says with `%s` how one spreads the next."""
    links = " ".join(f"fragment f{i} on Query {{ {fragment.replace('%s', f'...f{i + 1}')} }}" for i in range(length))
    return f"{{ ...f0 }} {links} fragment f{length} on Query {{ {last} }}"


COMPLEX, INPUT = "QUERY_TOO_COMPLEX", "BAD_USER_INPUT"
MIB = 1024 * 1024

ATTACKS = [
    _query("tokens", "{" + "echo " * 100_000 + "}", COMPLEX, "PREFECT_GRAPHQL_MAX_TOKENS"),
    _query("tokens within the text's bound", "{" + "echo " * 5_000 + "}", COMPLEX, "tokens are at least 5001, more than 5000 (PREFECT_GRAPHQL_MAX_TOKENS)"),
    _query("comments", "#\n" * 40_000 + "{ echo }", COMPLEX, "PREFECT_GRAPHQL_MAX_TOKENS"),
    _query("a long string", '{ echo(text: "' + "x" * (MIB - 200) + '") }', COMPLEX, "send long values as variables"),
    _query("depth", "{ flow " + "{ parent " * 26 + "{ id }" + "}" * 27, COMPLEX, "The query's depth is 28, more than 25 (PREFECT_GRAPHQL_MAX_DEPTH)."),
    _query("depth through fragments", _chain("flow { ...on Query { %s } }", "echo", 40), COMPLEX, "depth is 41, more than 25"),
    _query("10,000 levels of selections", "{ flow " + "{ parent " * 10_000, COMPLEX, "PREFECT_GRAPHQL_MAX_DEPTH"),
    _query("10,000 levels of a list", "{ echo(json: " + "[" * 10_000 + "]" * 10_000 + ") }", COMPLEX, "more than 200 levels of selections or values"),
    _query("10,000 levels of an object", "{ echo(json: " + "{a: " * 10_000 + "1" + "}" * 10_000 + ") }", COMPLEX, "more than 200 levels of selections or values"),
    _query("a list literal that parses", "{ echo(json: " + "[" * 150 + "]" * 150 + ") }", INPUT, 'Argument "json" of "echo" is nested more than 100 levels deep'),
    Attack("10,000 levels of JSON", b'{"query": "{ echo }", "variables": {"v": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}", 400, INPUT, "not valid JSON"),
    Attack("1 MiB of levels of JSON", b"[" * (MIB - 1), 400, INPUT, "not valid JSON"),
    Attack("JSON that parses", b'{"query": "{ echo }", "variables": {"v": ' + b"[" * 900 + b"]" * 900 + b"}}", 400, INPUT, 'Variable "$v" is nested more than 100 levels deep'),
    _query("aliases", "{" + " ".join(f"a{i}: echo" for i in range(1_500)) + "}", COMPLEX, "aliases are 1500, more than 100 (PREFECT_GRAPHQL_MAX_ALIASES)"),
    _query("5,000 aliases", "{" + " ".join(f"a{i}: echo" for i in range(5_000)) + "}", COMPLEX, "PREFECT_GRAPHQL_MAX_TOKENS"),
    _query("aliases of fragments", _chain("a: flow { id } %s b: flow { id } %s", "echo", 20), COMPLEX, "aliases are 2097150, more than 100"),
    _query("directives", "{ echo " + "@include(if: true) " * 600 + "}", COMPLEX, "directives are 600, more than 100 (PREFECT_GRAPHQL_MAX_DIRECTIVES)"),
    _query("unknown directives", "{ echo " + "@x " * 2_400 + "}", COMPLEX, "directives are 2400, more than 100"),
    _query("root fields", "{" + "echo " * 4_900 + "}", COMPLEX, "root fields are 4900, more than 100 (PREFECT_GRAPHQL_MAX_ROOT_FIELDS)"),
    _query("a fragment bomb", _chain("flow { ...on Query { %s } } flow { ...on Query { %s } }", "echo", 23), COMPLEX, "more than 5000 (PREFECT_GRAPHQL_MAX_FIELDS)"),
    _query("a bomb at the root", _chain("%s %s", "echo", 300), COMPLEX, "root fields are"),
    _query("a bomb of two to the power of 500", _chain("flow { id } %s %s", "echo", 280), COMPLEX, "root fields are"),
    _query("a cycle of fragments", "{ ...a } fragment a on Query { ...b ...b } fragment b on Query { ...a ...a }", INPUT, "Fragments can't spread themselves: a -> b"),
    _query("a cycle of one", "{ ...a } fragment a on Query { ...a }", INPUT, "Fragments can't spread themselves: a"),
    _query("a long cycle", _chain("%s", "...f0", 500), INPUT, "Fragments can't spread themselves"),
    _query("a long chain", _chain("%s", "echo", 500), COMPLEX, "spreads too often"),
    _query("2,000 equal fields", "{ flow { " + "id " * 2_000 + "} }", COMPLEX, "repeats the same fields"),
    _query("1,500 equal selections", "{ flow { " + "parent { id } " * 1_200 + "} }", COMPLEX, "repeats the same fields"),
    _query("equal fields with arguments", "{ flow { " + "flows(first: 1) { totalCount } " * 500 + "} }", COMPLEX, "repeats the same fields"),
    _query("equal trees", "{ flow { " + ("parent { " * 20 + "id" + "}" * 20) * 75 + " } }", COMPLEX, "repeats the same fields"),
    _query("many fragments of equal fields", "{ flow {" + " ".join(f"...f{i}" for i in range(450)) + "} }" + " ".join(f"fragment f{i} on Flow {{ id name }}" for i in range(450)), COMPLEX, "repeats the same fields"),
    _query("unknown fields", "{ flow { " + " ".join(f"x{i}" for i in range(4_900)) + "} }", INPUT, "Cannot query field"),
    _query("first", "{ flows(first: 1001) { nodes { id } } }", INPUT, 'Argument "first" of "flows" is 1001, more than 1000 (PREFECT_GRAPHQL_MAX_FIRST)'),
    _query("rows", "{ flows(first: 1000) { nodes { flows(first: 1000) { nodes { id } } } } }", COMPLEX, "rows are 1001000, more than 50000 (PREFECT_GRAPHQL_MAX_ROWS)"),
    _query("rows by variables", "query ($n: Int) { flows(first: $n) { nodes { flows(first: $n) { nodes { id } } } } }", COMPLEX, "rows are 1001000", n=1_000),
    _query("rows by ids", "query ($ids: [ID!]!) { nodes(ids: $ids) { flows(first: 100) { nodes { id } } } }", COMPLEX, "rows are 101000", ids=["1"] * 1_000),
    _query("introspection's depth", "{ __schema { types " + "{ ofType " * 26 + "{ name }" + "}" * 28, COMPLEX, "introspection depth is 28, more than 25 (PREFECT_GRAPHQL_MAX_INTROSPECTION_DEPTH)"),
    _query("a huge any", "query ($f: AnyOf) { flows(filter: $f) { nodes { id } } }", INPUT, 'Variable "$f" has a list of 90000 items at any, more than 1000 (PREFECT_GRAPHQL_MAX_LIST)', f={"any": ["12345"] * 90_000}),
    _query("a huge any, written out", "{ flows(filter: {any: [" + '"1" ' * 4_900 + "]}) { nodes { id } } }", INPUT, 'Argument "filter" of "flows" has a list of 4900 items at any'),
    _query("a huge default", "query ($f: [ID!] = [" + '"1" ' * 1_001 + "]) { nodes(ids: $f) { id } }", INPUT, 'The default of variable "$f" has a list of 1001 items'),
    _query("1 MiB of small objects", "query ($v: JSON) { __typename }", INPUT, "is never used", v={str(i): {} for i in range(85_000)}),
    Attack("invalid UTF-8", b'{"query": "{ echo(text: \\"\xff\xfe\\") }"}', 400, INPUT, "not valid JSON"),
    Attack("a batch", b"[" + b'{"query":"{ echo }"},' * 40_000 + b'{"query":"{ echo }"}]', 400, INPUT, "Batches are not supported"),
    Attack("a body over the limit", b" " * (MIB + 1), 413, INPUT, "PREFECT_GRAPHQL_MAX_BODY"),
]  # fmt: skip
