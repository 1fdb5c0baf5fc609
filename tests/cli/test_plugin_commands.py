"""Commands that plugins bring: named in the help without being imported, imported when called, each broken alone."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from commands import HELLO, Minidl, commands_in_help, listed, unusable
from plugin_code import CORE_VERSION, NEXT_CORE, Plugin, is_imported, ran

# -- commands that work ---------------------------------------------------------------------------------------


def test_a_command_is_listed_in_the_help_with_its_origin_and_is_not_imported(command: Plugin, minidl: Minidl) -> None:
    entry_point = command("hello_test", "raise AssertionError('imported')", "minidl-greetings")
    assert commands_in_help(minidl)["hello_test"] == "From minidl-greetings 1.2.3."
    assert listed(minidl, "hello_test") == {"minidl-greetings": ("ok", "")}
    assert "hello_test" in minidl("plugins").out
    assert not is_imported(entry_point)


def test_listing_commands_imports_neither_them_nor_torch(command: Plugin, tmp_path) -> None:
    command("hello_test", "import torch" + HELLO)
    program = "import sys; from minidl_core.cli.main import run; run(sys.argv[1:]); assert 'torch' not in sys.modules"
    for arguments in ["--help"], ["plugins"], ["list-components"]:
        assert ran(tmp_path, "-c", program, *arguments).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([], "hello you\n"),
        (["3"], "hello you hello you hello you\n"),
        (["--name", "me", "2"], "hello me hello me\n"),
        (["--name=train"], "hello train\n"),
    ],
)
def test_a_command_is_called_with_its_own_options(
    command: Plugin, minidl: Minidl, arguments: list[str], printed: str
) -> None:
    entry_point = command("hello_test", HELLO)
    assert minidl("hello_test", *arguments) == (0, printed, "")
    assert is_imported(entry_point)


def test_a_command_has_its_own_help_under_the_name_of_its_entry_point(command: Plugin, minidl: Minidl) -> None:
    command("hello_test", HELLO)
    shown = minidl("hello_test", "--help")
    assert shown.code == 0
    assert shown.out.startswith("Usage: minidl hello_test [OPTIONS] [TIMES]\n")
    for text in "Say hello.", "--name TEXT", "[default: you]":
        assert text in shown.out


@pytest.mark.parametrize("arguments", [["--nmae", "me"], ["many"], ["1", "2"]])
def test_a_wrong_request_is_refused_by_the_command(command: Plugin, minidl: Minidl, arguments: list[str]) -> None:
    command("hello_test", HELLO)
    refused = minidl("hello_test", *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert "minidl hello_test --help" in refused.err


def test_a_group_of_commands_is_a_command(command: Plugin, minidl: Minidl) -> None:
    group = "@click.group()\ndef hello(): pass\n@hello.command()\ndef world(): click.echo('hello world')\n"
    command("hello_test", f"import click\n{group}")
    assert minidl("hello_test", "world") == (0, "hello world\n", "")


@pytest.mark.parametrize(
    ("body", "code", "err"),
    [
        ("return 3", 3, ""),
        ("click.get_current_context().exit(4)", 4, ""),
        ("raise DataError('no rows')", 1, "minidl: no rows\n"),
        ("raise RequestError('no such thing')", 2, "minidl: no such thing\n"),
        ("raise KeyboardInterrupt", 130, "\nminidl: interrupted\n"),
        (
            "open('absent/file')",
            1,
            "minidl: the command 'hello_test' of minidl-hello_test 1.2.3 failed: FileNotFoundError: [Errno 2] No such "
            "file or directory: 'absent/file'; disable it with MINIDL_DISABLE_PLUGINS=hello_test or remove it with "
            "'pip uninstall minidl-hello_test'\n",
        ),
        (
            "1 / 0",
            1,
            "minidl: the command 'hello_test' of minidl-hello_test 1.2.3 failed: ZeroDivisionError: division by zero; "
            "disable it with MINIDL_DISABLE_PLUGINS=hello_test or remove it with 'pip uninstall minidl-hello_test'\n",
        ),
    ],
)
def test_what_a_command_returns_or_raises_becomes_the_exit_code(
    command: Plugin, minidl: Minidl, body: str, code: int, err: str
) -> None:
    head = "import click\nfrom minidl_core.errors import DataError, RequestError\n@click.command()\ndef hello():\n"
    command("hello_test", f"{head}    {body}\n")
    assert minidl("hello_test") == (code, "", err)


def test_what_a_command_prints_while_it_is_imported_does_not_mix_with_its_results(
    command: Plugin, minidl: Minidl
) -> None:
    command("hello_test", "print('imported')" + HELLO)
    assert minidl("hello_test") == (0, "hello you\n", "imported\n")


def test_a_misspelt_command_of_a_plugin_is_suggested(command: Plugin, minidl: Minidl) -> None:
    entry_point = command("hello_test", HELLO)
    refused = minidl("helo_test")
    assert refused.code == 2
    assert "there is no command 'helo_test'; did you mean 'hello_test'?" in refused.err
    assert not is_imported(entry_point)


# -- commands that break --------------------------------------------------------------------------------------

BROKEN = {
    "raises when imported": ("1 / 0", "ZeroDivisionError: division by zero"),
    "imports what is not there": ("import plug_absent", "ModuleNotFoundError: No module named 'plug_absent'"),
    "leaves when imported": ("raise SystemExit('bye')", "SystemExit: bye"),
    "leaves without a word": ("raise SystemExit", "SystemExit"),
    "is skipped when imported": ("import pytest; pytest.skip('no', allow_module_level=True)", "Skipped: no"),
    "has none": ("", "AttributeError: module 'MODULE' has no attribute 'hello'"),
    "is a function": ("def hello(): pass", "'MODULE:hello' is no click command"),
    "is a class": (HELLO + "hello = type(hello)", "'MODULE:hello' is no click command"),
    "is none": ("hello = None", "'MODULE:hello' is no click command"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("arguments", [[], ["--help"], ["--name", "me"]])
def test_a_command_that_breaks_says_why_when_it_is_called(
    command: Plugin, minidl: Minidl, case: str, arguments: list[str]
) -> None:
    code, reason = BROKEN[case]
    entry_point = command("broken", code)
    command("good", HELLO)
    assert {"broken", "good"} <= commands_in_help(minidl).keys()
    assert minidl("broken", *arguments) == (1, "", unusable(reason.replace("MODULE", entry_point.module)))
    assert minidl("good") == (0, "hello you\n", "")


def test_a_command_that_breaks_disturbs_no_other_command_in_strict_mode_either(
    command: Plugin, minidl: Minidl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIDL_STRICT_PLUGINS", "1")
    command("broken", "1 / 0")
    assert minidl("describe", "linear(2,2)").code == 0
    assert minidl("broken") == (1, "", unusable("ZeroDivisionError: division by zero"))


def test_a_command_for_another_core_is_not_imported(command: Plugin, minidl: Minidl) -> None:
    entry_point = command("broken", HELLO, requires=(f"minidl-core>={NEXT_CORE}",))
    reason = f"it requires minidl-core>={NEXT_CORE}, and this is minidl-core {CORE_VERSION}"
    assert minidl("broken") == (1, "", unusable(reason))
    assert listed(minidl, "broken") == {"minidl-broken": ("incompatible", reason)}
    assert not is_imported(entry_point)


def test_a_command_whose_requirement_cannot_be_read_costs_that_command_alone(command: Plugin, minidl: Minidl) -> None:
    command("broken", HELLO, requires=("minidl-core>>what",))
    command("good", HELLO)
    assert minidl("good").code == 0
    refused = minidl("broken")
    assert refused.code == 1
    assert "InvalidRequirement" in refused.err
    assert listed(minidl, "broken")["minidl-broken"][0] == "failed"


@pytest.mark.parametrize("variable", ["MINIDL_LOAD_PLUGINS", "MINIDL_DISABLE_PLUGINS"])
def test_a_disabled_command_is_hidden_and_says_which_variable_did_it(
    command: Plugin, minidl: Minidl, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "" if variable == "MINIDL_LOAD_PLUGINS" else "broken")
    entry_point = command("broken", HELLO)
    reason = f"{'not ' * (variable == 'MINIDL_LOAD_PLUGINS')}named in {variable}"
    assert "broken" not in commands_in_help(minidl)
    assert listed(minidl, "broken") == {"minidl-broken": ("disabled", reason)}
    refused = minidl("broken")
    assert refused.code == 1
    assert refused.err.startswith("minidl: the command 'broken' of minidl-broken 1.2.3 cannot be used: ")
    assert refused.err.endswith(f"{reason}\n")
    assert not is_imported(entry_point)


def test_following_the_advice_disables_the_command_and_nothing_else(
    command: Plugin, plugin: Plugin, minidl: Minidl, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("broken", "1 / 0")
    plugin("broken", distribution="minidl-of-another")  # a plugin of components that has the command's name
    [advised] = re.findall(r"MINIDL_DISABLE_PLUGINS=(\S+)", minidl("broken").err)
    monkeypatch.setenv("MINIDL_DISABLE_PLUGINS", advised)
    command("good", HELLO)
    states = {report["distribution"]: report["state"] for report in minidl("plugins", "--json").json()}
    assert {name: states[name] for name in ("minidl-broken", "minidl-of-another", "minidl-good")} == {
        "minidl-broken": "disabled",
        "minidl-of-another": "ok",
        "minidl-good": "ok",
    }


@pytest.mark.parametrize("name", ["Hello", "2hello", "_hello", "hello world", "hello.test", "h\u202eollE"])
def test_a_command_whose_name_cannot_be_written_is_not_imported(command: Plugin, minidl: Minidl, name: str) -> None:
    entry_point = command(name, HELLO, "minidl-greetings")
    reason = f"invalid command name {name!r}: a command's name is [a-z][a-z0-9_-]*"
    shown = name.encode("unicode_escape").decode()
    assert listed(minidl, shown) == {"minidl-greetings": ("failed", reason)}
    assert "minidl-greetings" not in minidl("--help").out
    refused = minidl(name)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith(f"minidl: the command '{shown}' of minidl-greetings 1.2.3 cannot be used: {reason}; ")
    assert not is_imported(entry_point)


@pytest.mark.parametrize("name", ["h", "hello-2", "h_-"])
def test_a_command_may_have_a_name_of_any_length_with_dashes(command: Plugin, minidl: Minidl, name: str) -> None:
    command(name, HELLO)
    assert minidl(name) == (0, "hello you\n", "")


def test_where_a_command_failed_to_load_is_shown_to_who_asks_for_it(
    command: Plugin, minidl: Minidl, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = command("broken", "1 / 0").module
    monkeypatch.setenv("MINIDL_DEBUG", "1")
    assert f'{module}.py", line 1, in <module>\n    1 / 0\n' in minidl("broken").err


# -- one name for two -----------------------------------------------------------------------------------------


def two_of_a_name(command: Plugin) -> list[metadata.EntryPoint]:
    return [command("broken", HELLO, distribution) for distribution in ("dist-b", "dist-a")]


def test_neither_of_two_commands_of_a_name_is_called(command: Plugin, minidl: Minidl) -> None:
    entry_points = two_of_a_name(command)
    assert list(commands_in_help(minidl)).count("broken") == 1
    assert minidl("broken") == (
        1,
        "",
        unusable("dist-a 1.2.3 has a command 'broken' too", distribution="dist-b", disable="dist-b"),
    )
    assert listed(minidl, "broken") == {
        "dist-a": ("conflict", "dist-b 1.2.3 has a command 'broken' too"),
        "dist-b": ("conflict", "dist-a 1.2.3 has a command 'broken' too"),
    }
    assert not any(map(is_imported, entry_points))


@pytest.mark.parametrize("disabled", ["dist-a", "dist-b"])
def test_once_one_of_two_is_disabled_the_other_is_called(
    command: Plugin, minidl: Minidl, monkeypatch: pytest.MonkeyPatch, disabled: str
) -> None:
    monkeypatch.setenv("MINIDL_DISABLE_PLUGINS", disabled)
    two_of_a_name(command)
    states = {distribution: state for distribution, (state, _) in listed(minidl, "broken").items()}
    assert states == {name: "disabled" if name == disabled else "ok" for name in ("dist-a", "dist-b")}
    assert "broken" in commands_in_help(minidl)
    assert minidl("broken") == (0, "hello you\n", "")


@pytest.mark.parametrize("distribution", ["dist-a", "dist-z"])
def test_a_command_for_another_core_takes_no_name(command: Plugin, minidl: Minidl, distribution: str) -> None:
    command("hello_test", HELLO, "dist-m")
    command("hello_test", HELLO, distribution, requires=(f"minidl-core>={NEXT_CORE}",))
    assert minidl("hello_test") == (0, "hello you\n", "")
    assert {name: state for name, (state, _) in listed(minidl, "hello_test").items()} == {
        "dist-m": "ok",
        distribution: "incompatible",
    }


@pytest.mark.parametrize("name", ["train", "list-components", "plugins"])
def test_minidls_own_commands_stay_its_own(command: Plugin, minidl: Minidl, name: str) -> None:
    before, shown = commands_in_help(minidl), minidl(name, "--help")
    entry_point = command(name, HELLO)
    assert commands_in_help(minidl) == before
    assert minidl(name, "--help") == shown
    assert listed(minidl, name) == {f"minidl-{name}": ("conflict", f"minidl has a command '{name}' of its own")}
    assert not is_imported(entry_point)
