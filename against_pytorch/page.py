"""The tables of `docs/pytorch.md` and `docs/conformance.md`; the prose around them is written by hand."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from against_pytorch.inputs import Input
from against_pytorch.not_supported import not_supported
from against_pytorch.pair import Pair
from against_pytorch.pairs import PAIRS, WITHOUT_COUNTERPART, theirs_without_counterpart
from minidl_core.plugins import registry
from minidl_core.registry import Registration
from minidl_core.testing import Result, check_component

ROOT = Path(__file__).parents[1]
PYTORCH, CONFORMANCE = ROOT / "docs" / "pytorch.md", ROOT / "docs" / "conformance.md"
JUDGED = ("component", "PyTorch's class", "inputs judged", "largest error", "not supported, and why")
ERROR = JUDGED.index("largest error")
CHECKED = ("kind", "component", "checks that ran", "did not apply", "expected failures, and why")

Errors = Callable[[Pair, list[Input]], str]


def components() -> list[Registration]:
    """The components of this repository; others may be installed beside them."""
    projects = [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    ours = {tomllib.loads(project.read_text(encoding="utf-8"))["project"]["name"] for project in projects}
    return [one for one in registry().components() if one.provider.distribution in ours]


def judged(pair: Pair) -> list[Input]:
    """The inputs of a component that are judged: what is not supported is left out, or another is in its place."""
    found = [(given, not_supported(pair.component, given)) for given in pair.own_inputs()]
    return [
        entry.instead(given) if entry and entry.instead else given
        for given, entry in found
        if not entry or entry.instead
    ]


def largest_error(pair: Pair, inputs: list[Input]) -> str:
    """Judges all of them. Raises Disagreement."""
    largest = max((pair.judge(given) for given in inputs), default=0.0)
    return f"{largest:.0e}" if largest else "0"


def judged_rows(kind: str, errors: Errors) -> list[tuple[str, ...]]:
    """A row for each component of a kind and each class that it is held against."""
    rows: list[tuple[str, ...]] = []
    for pair in PAIRS:
        if pair.kind == kind:
            inputs = judged(pair)
            entries = [not_supported(pair.component, given) for given in pair.own_inputs()]
            reasons = Counter(entry.reason for entry in entries if entry)
            why = "; ".join(f"{count}: {reason}" for reason, count in reasons.items())
            theirs = f"`{pair.theirs.__name__}`"
            rows.append((f"`{pair.component}`", theirs, str(len(inputs)), errors(pair, inputs), why))
    return rows


def pytorch_parts(errors: Errors = largest_error) -> dict[str, str]:
    """What is between the marks of `docs/pytorch.md`."""
    modules, optimizers = theirs_without_counterpart()
    without = [(kind, f"`{name}`", why) for (kind, name), why in WITHOUT_COUNTERPART.items()]
    return {
        **{f"{kind} table": table(JUDGED, judged_rows(kind, errors)) for kind in ("layer", "loss", "optimizer")},
        "ours": table(("kind", "component", "why"), without),
        "modules": f"{', '.join(modules)}.\n",
        "optimizers": f"{', '.join(optimizers)}.\n",
    }


def conformance_parts() -> dict[str, str]:
    """What is between the marks of `docs/conformance.md`: all checks of all components run. None must fail."""
    found = {one: check_component(one.kind, one.qualified_name) for one in components()}
    wrong = [str(result) for results in found.values() for result in results if not result.ok]
    assert not wrong, "\n".join(wrong)
    return {"checks": table(CHECKED, [checked_row(one, results) for one, results in found.items()])}


def checked_row(component: Registration, results: Sequence[Result]) -> tuple[str, ...]:
    """How many checks ran, and which failed as they were expected to."""
    expected = {f"{one.check}: {one.detail}" for one in results if one.outcome == "failed as expected"}
    ran = sum(result.ran for result in results)
    return component.kind, f"`{component.name}`", str(ran), str(len(results) - ran), "; ".join(sorted(expected))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |".replace("  |", " |") for line in lines) + "\n"


def filled(text: str, parts: dict[str, str]) -> str:
    """A page with each part between its marks, `<!-- name -->` and `<!-- end -->`."""
    for name, part in parts.items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        assert end, f"the page has no place for '{name}'"
        text = f"{before}{begin}\n{part}\n{end}{after}"
    return text


def rows_between(text: str, name: str) -> list[list[str]]:
    """The cells of the table of this name in a page."""
    [part] = re.findall(rf"<!-- {name} -->\n(.*?)<!-- end -->", text, flags=re.S)
    return [re.split(r" *(?<!\\)\| *", line.strip("|").strip()) for line in part.strip().splitlines()]
