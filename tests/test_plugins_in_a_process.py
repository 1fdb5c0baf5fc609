"""Plugins in a process of their own: what it prints, and what its environment asks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plugin_code import DENSE, HOOK, Plugin, ran

FIND = "from minidl_core.plugins import loaded_plugins, registry\n"
TRAIN = ["train", "disk(n=20)", "--model", "linear(_,_)", "--epochs", "1"]


def test_installed_plugins_are_found_and_each_is_loaded_once(plugin: Plugin, tmp_path: Path) -> None:
    plugin("extra_test", DENSE + "import sys; sys.stderr.write('loaded ')")
    code = "assert registry() is loaded_plugins().registry; print(registry().find('layer', 'extra_test.dense').target)"
    one = ran(tmp_path, "-c", FIND + code)
    assert (one.returncode, one.stderr, one.stdout) == (0, "loaded ", "minidl_core.nn.linear:Linear\n")


def test_what_a_plugin_prints_while_it_is_loaded_does_not_mix_with_results(plugin: Plugin, tmp_path: Path) -> None:
    plugin("extra_test", "print('imported')" + DENSE + "    print('called')")
    one = ran(tmp_path, "-c", FIND + "loaded_plugins(); print('result')")
    assert (one.returncode, one.stdout, one.stderr) == (0, "result\n", "imported\ncalled\n")
    listed = ran(tmp_path, "-m", "minidl_core", "plugins", "--json")
    assert "extra_test" in [one["plugin"] for one in json.loads(listed.stdout)]


def test_what_a_components_module_does_when_it_is_imported_does_not_mix_with_results_either(
    plugin: Plugin, tmp_path: Path
) -> None:
    (tmp_path / "loud.py").write_text("print('imported')\nfrom minidl_core.nn import ReLU\nclass Loud(ReLU): pass\n")
    (tmp_path / "quits.py").write_text("import pytest\npytest.skip('no GPU', allow_module_level=True)\n")
    code = HOOK + "".join(
        f'    registry.layer("{name}", "{name}:{name.title()}", summary="x")\n' for name in ("loud", "quits")
    )
    plugin("extra_test", code)
    described = ran(tmp_path, "-m", "minidl_core", "describe", "loud", "--input", "2", "--json")
    assert json.loads(described.stdout)["model"] == "loud"
    assert described.stderr == "imported\n"
    one = ran(tmp_path, "-m", "minidl_core", "describe", "quits", "--input", "2")
    assert one.returncode == 2
    assert "cannot be imported from 'quits:Quits': Skipped: no GPU" in one.stderr
    assert "Traceback" not in one.stderr


@pytest.mark.parametrize("filters", ["", "error"])
def test_no_filter_of_warnings_turns_a_broken_plugin_into_an_error(
    plugin: Plugin, tmp_path: Path, filters: str
) -> None:
    plugin("a_test", "import warnings\nwarnings.simplefilter('error')\n" + DENSE)
    plugin("broken_test", "1 / 0")
    one = ran(tmp_path, "-m", "minidl_core", "plugins", PYTHONWARNINGS=filters)
    assert one.returncode == 0
    assert one.stderr.startswith("minidl: plugin 'broken_test' (minidl-broken_test 1.2.3) is left out")


def test_a_plugin_that_breaks_is_told_on_standard_error_and_the_work_goes_on(plugin: Plugin, tmp_path: Path) -> None:
    plugin("broken_test", "1 / 0")
    one = ran(tmp_path, "-c", FIND + "print(registry().find('layer', 'linear').name)")
    assert (one.returncode, one.stdout) == (0, "linear\n")
    assert one.stderr.count("plugin 'broken_test' (minidl-broken_test 1.2.3) is left out") == 1
    assert "Traceback" not in one.stderr


def test_the_environment_of_a_process_is_minded(plugin: Plugin, tmp_path: Path) -> None:
    plugin("broken_test", "1 / 0")
    code = FIND + "print([r.state for r in loaded_plugins().reports if r.provider.plugin == 'broken_test'])"
    assert ran(tmp_path, "-c", code, MINIDL_DISABLE_PLUGINS="broken_test").stdout == "['disabled']\n"
    assert ran(tmp_path, "-c", code, MINIDL_LOAD_PLUGINS="").stdout == "['disabled']\n"
    strict = ran(tmp_path, "-c", code, MINIDL_STRICT_PLUGINS="1")
    assert strict.returncode != 0
    assert "PluginError: plugin 'broken_test'" in strict.stderr


@pytest.mark.parametrize(
    "arguments",
    [["plugins"], ["list-components"], ["show", "linear"], ["describe", "linear(2,2)"], TRAIN],
    ids=lambda arguments: arguments[0],
)
def test_a_broken_plugin_is_one_line_and_exit_code_1_where_strictness_is_asked_for(
    plugin: Plugin, tmp_path: Path, arguments: list[str]
) -> None:
    plugin("broken_test", "1 / 0")
    one = ran(tmp_path, "-m", "minidl_core", *arguments, MINIDL_STRICT_PLUGINS="1")
    assert (one.returncode, one.stdout) == (1, "")
    assert one.stderr == (
        "minidl: plugin 'broken_test' (minidl-broken_test 1.2.3) is left out: ZeroDivisionError: division by zero; "
        "disable it with MINIDL_DISABLE_PLUGINS=broken_test or remove it with 'pip uninstall minidl-broken_test'\n"
    )


def test_finding_plugins_imports_no_torch(plugin: Plugin, tmp_path: Path) -> None:
    plugin("extra_test")
    code = FIND + "import sys; registry().find('layer', 'dense'); print('torch' in sys.modules)"
    assert ran(tmp_path, "-c", code).stdout == "False\n"
