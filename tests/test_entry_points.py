"""Entry points are found also where those of some distribution cannot be read."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from plugin_code import Plugin, ran

from minidl_core import installed
from minidl_core.installed import COMMAND_GROUP, GROUP, find_entry_points

MALFORMED = {
    "no value": "[console_scripts]\nthis line has no value\n",
    "no value, for minidl": "[minidl]\nextra\n",
    "no UTF-8": "[minidl]\n\xe4 = b\n",
}


@pytest.fixture(autouse=True)
def torch_is_imported_as_ever_once_the_test_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_DEVICE_BACKEND_AUTOLOAD", "1")


def installed_with(text: str, folder: Path, name: str = "someones-tool", version: str = "1.0") -> None:
    """Install a distribution with this text as its entry_points.txt."""
    information = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
    (information / "entry_points.txt").write_text(text, "latin-1")


def told(name: str, folder: Path) -> str:
    return (
        f"{name} 1.0 is left out: its entry_points.txt is malformed; repair or delete that file in {folder}, before "
        f"which pip can neither upgrade nor uninstall {name}"
    )


def test_one_by_one_the_same_is_found_as_at_once(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin("extra_test")
    plugin("hello_test", group=COMMAND_GROUP)
    at_once = find_entry_points()
    assert {"extra_test"} <= {one.name for one in at_once.plugins}
    assert {"hello_test"} <= {one.name for one in at_once.commands}

    def fail(**_: str) -> None:
        raise TypeError("a malformed line")

    monkeypatch.setattr(metadata, "entry_points", fail)
    assert find_entry_points() == at_once


@pytest.mark.parametrize("case", MALFORMED)
def test_a_distribution_whose_entry_points_are_malformed_costs_nothing_else(
    plugin: Plugin, tmp_path: Path, case: str
) -> None:
    plugin("extra_test")
    plugin("hello_test", "import click\nhello = click.Command('hello')", group=COMMAND_GROUP, attribute="hello")
    installed_with(MALFORMED[case], tmp_path)
    with pytest.raises((TypeError, ValueError)):
        list(metadata.entry_points(group=GROUP))
    found = find_entry_points()
    assert "extra_test" in [one.name for one in found.plugins]
    assert "hello_test" in [one.name for one in found.commands]
    assert found.problems == ([told("someones-tool", tmp_path)] if case == "no value, for minidl" else [])


def test_it_is_one_line_on_standard_error(plugin: Plugin, tmp_path: Path) -> None:
    plugin("extra_test")
    installed_with(MALFORMED["no value, for minidl"], tmp_path, "minidl-bad")
    installed_with("[console_scripts]\nno value\n[minidl]\nworse = minidl_worse", tmp_path, "aaa")
    lines = f"minidl: {told('aaa', tmp_path)}\nminidl: {told('minidl-bad', tmp_path)}\n"
    for arguments in ["plugins"], ["list-components"], ["describe", "dense(2,2)"]:
        one = ran(tmp_path, "-m", "minidl_core", *arguments)
        assert (one.returncode, one.stderr) == (0, lines)
    strict = ran(tmp_path, "-m", "minidl_core", "plugins", MINIDL_STRICT_PLUGINS="1")
    assert (strict.returncode, strict.stderr) == (1, lines.splitlines(keepends=True)[0])


def test_following_the_advice_ends_it(plugin: Plugin, tmp_path: Path) -> None:
    plugin("extra_test")
    installed_with(MALFORMED["no value, for minidl"], tmp_path, "minidl-bad")
    (tmp_path / "minidl_bad-1.0.dist-info" / "entry_points.txt").unlink()
    assert find_entry_points().problems == []


def test_of_two_distributions_of_a_name_the_first_on_the_path_counts(
    plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin("extra_test")
    installed_with(MALFORMED["no value"], tmp_path)
    for folder, name in (("later", "Of.Two"), ("first", "of-two")):
        installed_with(f"[minidl]\nof_{folder} = {folder}\n", tmp_path / folder, name)
        monkeypatch.syspath_prepend(tmp_path / folder)
    names = {one.name for one in installed.find_entry_points().plugins}
    assert {"of_first", "extra_test"} <= names
    assert "of_later" not in names


def test_a_distribution_whose_metadata_cannot_be_read_costs_nothing_else(plugin: Plugin, tmp_path: Path) -> None:
    plugin("extra_test")
    plugin("other_test")
    plugin("third_test")
    for number in (1, 2):
        (tmp_path / f"plug_{number}-1.2.3.dist-info" / "METADATA").write_bytes(b"Name: \xff\xfe\n")
    for malformed in (False, True):
        if malformed:
            installed_with(MALFORMED["no value"], tmp_path)
        one = ran(tmp_path, "-m", "minidl_core", "plugins")
        assert one.returncode == 0, one.stderr
        assert "extra_test" in one.stdout
        assert {"other_test", "third_test"} <= {found.name for found in find_entry_points().plugins}
        assert one.stderr.count("\n") == 2
