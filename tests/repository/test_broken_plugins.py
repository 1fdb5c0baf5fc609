"""Twelve broken plugins, each a package of its own: what each one's user reads, and that nothing else breaks."""

from __future__ import annotations

import json
import re
import venv
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from broken_plugins import BROKEN
from environments import build, install, run, uninstall

GOOD = "minidl-extra-losses"
ASKED = ["--model", "linear(_,4)-relu-linear(4,_)", "--loss", "mse", "--optimizer", "sgd", "--epochs", "2"]
TRAIN = ["train", "disk", *ASKED, "--json"]


def environment_beside(shared: Path, folder: Path) -> Path:
    """A fresh environment that sees what is installed in another one, and never changes it."""
    venv.create(folder, with_pip=False, symlinks=True)
    [own], [others] = (where.glob("lib/python*/site-packages") for where in (folder, shared))
    (own / "shared.pth").write_text(f"{others}\n")
    return folder


def minidl(environment: Path, *arguments: str, **variables: str) -> tuple[str, str]:
    """What a command that does its work prints on standard output and on standard error."""
    process = run(environment, environment, ["python", "-m", "minidl_core", *arguments], variables)
    assert process.returncode == 0, process.stderr
    return process.stdout, process.stderr


def trained(environment: Path) -> tuple[dict[str, Any], str]:
    """What a training gives, but its time and place, and what it says on standard error."""
    out, err = minidl(environment, *TRAIN)
    result = json.loads(out)
    assert result["epochs"] == 2
    assert all(0 <= result[part]["accuracy"]["mean"] <= 1 for part in ("train", "test"))
    assert result.pop("seconds") > 0
    assert (environment / result.pop("out") / "model.safetensors").exists()
    return result, err


def listed(environment: Path, **variables: str) -> tuple[list[dict[str, Any]], str]:
    out, err = minidl(environment, "plugins", "--json", **variables)
    return json.loads(out), err


def install_one_by_one(environment: Path, wheels: list[Path]) -> None:
    for wheel in wheels:
        install(environment, "--no-deps", "--no-index", wheel)


@dataclass(frozen=True)
class Outcome:
    """What is told in one order of installation."""

    result: dict[str, Any]
    lines: tuple[str, ...]
    """What is printed on standard error."""
    reports: list[dict[str, Any]]


def outcome(environment: Path, wheels: list[Path]) -> Outcome:
    install_one_by_one(environment, wheels)
    result, err = trained(environment)
    reports, again = listed(environment)
    assert again == err
    return Outcome(result, tuple(err.splitlines()), reports)


def in_both_orders(environment: Path, wheels: dict[str, Path]) -> tuple[Outcome, Outcome]:
    """With these distributions installed as they come, and then, all removed, in the other order."""
    first = outcome(environment, list(wheels.values()))
    uninstall(environment, *wheels)
    return first, outcome(environment, list(wheels.values())[::-1])


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def broken_wheels(pool, tmp_path_factory) -> dict[str, Path]:
    """The wheel of each broken plugin by its name."""
    folder = tmp_path_factory.mktemp("broken")
    for name, broken in BROKEN.items():
        broken.write(folder / name)
    built = pool.map(lambda name: build(folder / name, folder / name / "dist"), BROKEN)
    return dict(zip(BROKEN, built, strict=True))


@pytest.fixture(scope="module")
def without_plugins(environment, tmp_path_factory) -> dict[str, Any]:
    """What the training gives with the core alone."""
    result, err = trained(environment_beside(environment, tmp_path_factory.mktemp("plain")))
    assert err == ""
    return result


@dataclass(frozen=True)
class Seen:
    """What is told of one broken plugin beside the good one."""

    broken_first: Outcome
    good_first: Outcome
    disabled: tuple[list[dict[str, Any]], str]
    """Once it is disabled as its line says."""
    removed: tuple[list[dict[str, Any]], str]
    """Once it is removed as its line says."""


def see(environment: Path, wheels: dict[str, Path]) -> Seen:
    """What its one line says, and what comes of both ways out, of which the last is that of the broken plugin."""
    broken_first, good_first = in_both_orders(environment, wheels)
    [line] = good_first.lines
    advice = re.search(r"; disable \w+ with (\w+)=(.*=)?([\w-]+),? or remove \w+ with .*'pip uninstall (\S+)'$", line)
    assert advice is not None, line
    disabled = listed(environment, **{advice[1]: advice[3]})
    uninstall(environment, advice[4])
    return Seen(broken_first, good_first, disabled, listed(environment))


class AtWork(NamedTuple):
    """What is being found out side by side, each in an environment of its own."""

    all_at_once: Future[tuple[Outcome, Outcome]]
    """All twelve together, in both orders."""
    seen: dict[str, Future[Seen]]
    """Each by its name."""


@pytest.fixture(scope="module")
def at_work(pool, environment, wheels, broken_wheels, tmp_path_factory) -> AtWork:
    folder, good = tmp_path_factory.mktemp("beside"), {GOOD: wheels["minidl_extra_losses"]}
    packages = {name: {broken.distribution: broken_wheels[name]} for name, broken in BROKEN.items()}
    together = {distribution: wheel for package in packages.values() for distribution, wheel in package.items()}
    return AtWork(  # what takes longest is begun first
        pool.submit(in_both_orders, environment_beside(environment, folder / "all"), together | good),
        {
            name: pool.submit(see, environment_beside(environment, folder / name), package | good)
            for name, package in packages.items()
        },
    )


def by_distribution(reports: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """State and reason of each plugin."""
    return {report["distribution"]: (report["state"], report["reason"]) for report in reports}


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_says_what_is_wrong_and_costs_nothing_else(at_work, without_plugins, name):
    broken, told = BROKEN[name], at_work.seen[name].result()
    assert told.good_first.lines == (broken.line,)
    assert told.good_first.result == without_plugins
    assert by_distribution(told.good_first.reports) == {
        "minidl-core": ("ok", ""),
        GOOD: broken.of_good,
        broken.distribution: (broken.state, broken.reason),
    }
    components = {report["distribution"]: report["components"] for report in told.good_first.reports}
    assert "loss cross_entropy" in components[GOOD]
    assert len(components[broken.distribution]) == (1 if broken.state == "conflict" else 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_nothing_depends_on_which_was_installed_first(at_work, name):
    told = at_work.seen[name].result()
    assert told.broken_first == told.good_first


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_both_ways_out_work_as_they_are_printed(at_work, name):
    broken, told = BROKEN[name], at_work.seen[name].result()
    well = {"minidl-core": ("ok", ""), GOOD: ("ok", "")}
    reports, err = told.disabled
    assert err == ""
    assert by_distribution(reports) == {**well, broken.distribution: ("disabled", "named in MINIDL_DISABLE_PLUGINS")}
    reports, err = told.removed
    assert err == ""
    assert by_distribution(reports) == well


@pytest.mark.slow
def test_all_twelve_at_once_are_told_alike_in_both_orders(at_work, without_plugins):
    one, other = at_work.all_at_once.result()
    assert one == other
    assert one.result == without_plugins
    in_one = "MINIDL_DISABLE_PLUGINS=extra_losses or =same_component"
    in_both = "MINIDL_DISABLE_PLUGINS=minidl-extra-losses or =same_component"  # as another plugin has the name
    assert sorted(one.lines) == sorted(broken.line.replace(in_one, in_both) for broken in BROKEN.values())
    assert {name: state for name, (state, _) in by_distribution(one.reports).items()} == {
        "minidl-core": "ok",
        GOOD: "conflict",
        **{broken.distribution: broken.state for broken in BROKEN.values()},
    }
