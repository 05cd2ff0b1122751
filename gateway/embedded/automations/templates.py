"""Templates of users (Jinja), checked and rendered in a sandbox, and parameters that are made of them."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import orjson
from jinja2 import ChainableUndefined, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel

MOST_LOOPS, DEEPEST_LOOP, LONGEST_RANGE = 10, 2, 100

EXPRESSION = re.compile(r"\s*{{(((?!{{).)*)}}\s*", re.DOTALL)
FLOW_RUN = re.compile(r"flow-run/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
KIND = "__prefect_kind"


class Invalid(ValueError):
    """A template cannot be used; `line` is where, 0 for the whole."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message, self.line = message, line


def _range(*given: int) -> range:
    made = range(*given)
    if len(made) > LONGEST_RANGE:
        msg = f"Range too big. The sandbox blocks ranges larger than MAX_TEMPLATE_RANGE={LONGEST_RANGE}."
        raise OverflowError(msg)
    return made


def _flow_run_id(text: str | None) -> str | None:
    found = FLOW_RUN.search(text or "")
    return found and found[1]


def _json(value: Any) -> str:
    """Write JSON; raises TypeError for what is none, such as a name that nothing is known by."""
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(type(value).__name__)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=ChainableUndefined)
    environment.globals["range"] = _range
    # The embedded server has no UI whose addresses could be told.
    environment.filters |= {
        "tojson": _json,
        "flow_run_id": _flow_run_id,
        "ui_url": lambda _: None,
        "ui_resource_events_url": lambda _: None,
    }
    return environment


def is_template(text: str) -> bool:
    """Tell whether a text is more than itself."""
    return "{{" in text or "{%" in text


def check(template: str) -> None:
    """Raise Invalid for what is no template, or one with too many loops."""
    try:
        tree = _environment().parse(template)
    except TemplateSyntaxError as error:
        raise Invalid(str(error.message), error.lineno) from None
    loops = list(tree.find_all(nodes.For))
    if len(loops) > MOST_LOOPS:
        msg = f"Contains {len(loops)} for loops. Templates can contain no more than {MOST_LOOPS} for loops."
        raise Invalid(msg)
    if (deepest := _depth(tree)) > DEEPEST_LOOP:
        msg = (
            f"Contains nested for loops at a depth of {deepest}. "
            f"Templates can nest for loops no more than {DEEPEST_LOOP} loops deep."
        )
        raise Invalid(msg)


def _depth(node: nodes.Node) -> int:
    within = max((_depth(child) for child in node.iter_child_nodes()), default=0)
    return within + isinstance(node, nodes.For)


def names(templates: list[str]) -> set[str]:
    """Return the names that templates take from their context."""
    return set().union(*(meta.find_undeclared_variables(_environment().parse(each)) for each in templates))


def render(template: str, context: Mapping[str, Any]) -> str:
    """Render a template; raises whatever its expressions raise."""
    return _environment().from_string(template).render(context) if is_template(template) else template


def templates_in(value: Any) -> Iterator[str]:
    """Find the templates in parameters."""
    if isinstance(value, str) and is_template(value):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from templates_in(each)


def filled(value: Any, context: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    """Fill in parameters; a text that is one expression becomes the expression's value, of its own type.

    Objects with the key `__prefect_kind` say what they are made of (`none`, `json`, `jinja`, `workspace_variable`).
    Raises LookupError and ValueError, and whatever an expression raises.
    """
    if isinstance(value, list):
        return [filled(each, context, variables) for each in value]
    if isinstance(value, dict):
        if KIND in value:
            return _made(value, context, variables)
        return {name: filled(each, context, variables) for name, each in value.items()}
    if not isinstance(value, str) or not is_template(value):
        return value
    if one := EXPRESSION.fullmatch(value):
        return orjson.loads(render(f"{{{{ ({one[1]}) | tojson }}}}", context))
    return render(value, context)


def _made(value: dict[str, Any], context: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    match value[KIND]:
        case "none":
            return value.get("value")
        case "json":
            text = filled(value.get("value"), context, variables)
            return orjson.loads(text) if isinstance(text, str) else text
        case "jinja":
            return render(value.get("template", ""), context)
        case "workspace_variable":
            return variables[value["variable_name"]]
        case kind:
            msg = f"Unknown {KIND} {kind!r}"
            raise ValueError(msg)
