"""The README's chart, an SVG that reads on light and on dark pages."""

from html import escape

from tests.bench.peers import GATEWAYS, OURS
from tests.bench.queries import MAIN
from tests.bench.results import Results
from tests.bench.tables import number

QUERIES = "aed"
WIDTH, LABEL, VALUE = 760, 230, 70
BAR, GAP, HEAD = 18, 8, 34

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.head { font-weight: 600; }
.bar { fill: #8c959f; }
.ours { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .bar { fill: #6e7681; }
  .ours { fill: #4493f8; }
}
"""


def chart(results: Results) -> str:
    """Draw the requests a second of each gateway, a panel for each query."""
    panels, top = [], 4
    for operation in MAIN:
        rates = _rates(results, operation.name)
        if operation.name in QUERIES and rates:
            panels.append(_panel(f"({operation.name}) {operation.title}, requests/s", rates, top))
            top += HEAD + len(rates) * (BAR + GAP) + GAP
    title = "Requests a second of each gateway"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" '
        f'role="img" aria-label="{title}">\n<title>{title}</title>\n<style>{STYLE}</style>\n{"".join(panels)}</svg>\n'
    )


def _rates(results: Results, operation: str) -> dict[str, float]:
    figures = {name: results.figures(name, operation) for name in GATEWAYS if name != "tailcall-by-id"}
    return {name: found.rate for name, found in figures.items() if found}


def _panel(title: str, rates: dict[str, float], top: int) -> str:
    most = max(rates.values())
    parts = [f'<text class="head" x="0" y="{top + 18}">{escape(title)}</text>\n']
    for row, (name, value) in enumerate(rates.items()):
        y = top + HEAD + row * (BAR + GAP)
        length = max(1, round((WIDTH - LABEL - VALUE) * value / most))
        kind = "ours" if name == OURS else "bar"
        parts.append(
            f'<text x="0" y="{y + 14}">{escape(GATEWAYS[name].title)}</text>'
            f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{length}" height="{BAR}" rx="2"/>'
            f'<text x="{LABEL + length + 6}" y="{y + 14}">{number(value)}</text>\n'
        )
    return "".join(parts)
