"""A training on one page of HTML, which needs no network and runs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from minidl_core.errors import RequestError
from minidl_core.pictures.gallery import pictures_of
from minidl_core.pictures.wording import count

if TYPE_CHECKING:
    from minidl_core.training import Training
    from minidl_core.training.statistics import Figure

TEMPLATE = "report.html.jinja"
MOST_CLASSES = 30
"""In a table of a matrix; there is a picture of more."""


@dataclass(frozen=True)
class About:
    """What a report tells of a training that the training does not know."""

    data: str
    """As the user named it."""
    when: str
    state: Literal["done", "interrupted", "diverged"]
    versions: Mapping[str, str]
    """Of the packages that have a part in it, by name."""
    problem: str = ""
    """Why it diverged."""


def report_html(
    training: Training,
    request: Mapping[str, Any],
    defaults: Mapping[str, Any] | None,
    about: About,
    warnings: Sequence[str] = (),
) -> str:
    """The page: figures, warnings, pictures, what was asked for, and with which packages.

    Args:
        request: what was asked for, by name.
        defaults: what would have been without asking; where the request differs from it stands out. None marks nothing.
        warnings: what the training told, as text of any number of lines.

    Raises RequestError where jinja2 or matplotlib is not installed.
    """
    try:
        import jinja2
    except ModuleNotFoundError as error:
        if error.name != "jinja2":
            raise
        raise RequestError(
            "reports are written with jinja2, which is not installed: pip install 'minidl-core[report]'"
        ) from None
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = (resources.files("minidl_core") / "templates" / TEMPLATE).read_text(encoding="utf-8")
    page = environment.from_string(text).render(
        about=about,
        summary=_summary(training),
        figures=_figures(training),
        rounds=_rounds(training),
        matrices=_matrices(training),
        classes=training.trained.classes,
        warnings=warnings,
        pictures=list(pictures_of(training).values()),
        request=[(name, _written(value), _is_changed(name, value, defaults)) for name, value in request.items()],
        has_defaults=defaults is not None,
    )
    # A path may have bytes that are no text.
    return page.encode("utf-8", "replace").decode("utf-8")


def _summary(training: Training) -> dict[str, str]:
    """What was trained on what, by a word each."""
    from minidl_core.data.in_words import columns_in_words, parts_in_words, target_in_words

    trained, seeds = training.trained, training.trained.seeds
    rounds = f"{len(seeds)} rounds, seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    said = {
        "rows": parts_in_words(training.data),
        "columns": "; ".join(columns_in_words(training.data)),
        "target": target_in_words(training.data),
        "model": str(trained.model),
        "loss": str(trained.loss),
        "optimizer": str(training.optimizer),
        "schedule": str(training.schedule),
        "training": f"{count(training.epochs, 'epoch')} of batches of {training.batch_size}; {rounds}; "
        f"{training.seconds:.1f} s",
    }
    if training.best_epochs is not None:
        first, last = min(training.best_epochs), max(training.best_epochs)
        said["best"] = f"epoch {first}" if first == last else f"epochs {first} to {last}, by round"
    return said


def _parts(training: Training) -> dict[str, dict[str, Figure]]:
    """The figures of each part that there is, by its heading."""
    return {"training" if part == "train" else part: figures for part, figures in training.parts.items()}


def _figures(training: Training) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """A heading for each part, and a row for each metric, the loss last."""
    parts = _parts(training)
    return list(parts), [(name, [str(part[name]) for part in parts.values()]) for name in _numbers(training)]


def _numbers(training: Training) -> list[str]:
    """The names of the metrics that are one number a round, the loss last."""
    from minidl_core.training import MatrixStatistics

    names = [name for name, figure in training.train.items() if not isinstance(figure, MatrixStatistics)]
    return [*(name for name in names if name != "loss"), "loss"]


def _rounds(training: Training) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """A heading for each metric of each part, and a row for each seed; none of a single round."""
    from minidl_core.training import Statistics

    if len(training.trained.seeds) == 1:
        return [], []
    columns = {
        f"{part} {name}": figure.values
        for name in _numbers(training)
        for part, figures in _parts(training).items()
        if isinstance(figure := figures[name], Statistics)
    }
    best = training.best_epochs
    headings = [*columns, *(["best epoch"] if best else [])]
    rows = []
    for number, seed in enumerate(training.trained.seeds):
        cells = [f"{values[number]:.4g}" for values in columns.values()]
        rows.append((seed, [*cells, *([str(best[number])] if best else [])]))
    return headings, rows


def _matrices(training: Training) -> list[tuple[str, list[list[str]]]]:
    """A heading for each matrix of each part, and its cells, the mean over rounds."""
    from minidl_core.training import MatrixStatistics

    return [
        (f"{name}, {part}", [[f"{cell.mean:.6g}" for cell in row] for row in figure.cells])
        for part, figures in _parts(training).items()
        for name, figure in figures.items()
        if isinstance(figure, MatrixStatistics) and len(figure.cells) <= MOST_CLASSES
    ]


def _written(value: Any) -> str:
    if value is None or value in ((), [], ""):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _is_changed(name: str, value: Any, defaults: Mapping[str, Any] | None) -> bool:
    return defaults is not None and (name not in defaults or _written(defaults[name]) != _written(value))
