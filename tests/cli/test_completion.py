"""Shell completion: what it offers, what each shell is told, and what then stands on the line of a real shell."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import termios
import time
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from minidl_core import plugins
from minidl_core.cli.completion import complete_spec
from minidl_core.errors import PluginWarning
from minidl_core.plugins import load_plugins
from minidl_core.registry import Registry

SHELLS = ("bash", "zsh", "fish")
HOOKS = """
from minidl_core.hookspecs import hookimpl

@hookimpl
def minidl_register_components(registry):
    registry.layer("residual", "completed_components:Residual", summary="x + f(x)")
    registry.layer("unread", "completed_nowhere:Unread", summary="its source is not there")
    registry.loss("hubble", "completed_components:Hubble", summary="of the plugin")
    registry.loss("twofold", "completed_components:Hubble", summary="of both plugins")
"""
OTHER_HOOKS = """
from minidl_core.hookspecs import hookimpl

@hookimpl
def minidl_register_components(registry):
    registry.loss("twofold", "completed_components:Hubble", summary="of both plugins")
"""
COMPONENTS = """
raise SystemExit("imported")
from minidl_core import losses
from minidl_core.nn import Initializer as Start, Module, Sequential

class Residual(Module):
    def __init__(self, inner: Sequential, *more: Module, start: Start | str = "zeros", odd: "no type" = 1): ...

class Hubble(losses.Loss):
    def __init__(self, delta: float = 1.0, mean: bool | None = None, base: Unknown = 2): ...
"""
ENTRY_POINTS = """
[minidl]
extra = completed_hooks
other = completed_other_hooks
broken = completed_absent
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH with a distribution: two plugins that work, and one that does not."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "completed_hooks.py").write_text(HOOKS, "utf-8")
    (folder / "completed_other_hooks.py").write_text(OTHER_HOOKS, "utf-8")
    (folder / "completed_components.py").write_text(COMPONENTS, "utf-8")
    information = folder / "completed-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: completed\nVersion: 1.0\n", "utf-8")
    (information / "entry_points.txt").write_text(ENTRY_POINTS, "utf-8")
    return folder


@pytest.fixture
def registry(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The components of the core and of the two plugins."""
    monkeypatch.syspath_prepend(folder)
    names = {"extra": "completed_hooks", "other": "completed_other_hooks"}
    with warnings.catch_warnings(action="ignore", category=PluginWarning):  # a name is in both
        loaded = load_plugins([metadata.EntryPoint(name, names[name], "minidl") for name in names], {})
    monkeypatch.setattr(plugins, "loaded_plugins", lambda: loaded)
    yield loaded.registry
    for name in names.values():
        sys.modules.pop(name, None)


LAYERS = ["linear", "relu", "residual", "sequential", "sigmoid", "tanh", "unread"]
INITIALIZERS = ["kaiming_uniform", "normal", "xavier_normal", "xavier_uniform", "zeros"]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        # names
        ("layer", "", LAYERS),
        ("layer", "li", ["linear"]),
        ("layer", "linear(2,25)-re", ["relu", "residual"]),
        ("layer", "linear(2, 25) - rel", ["relu"]),
        ("layer", "linear(2,25)-\n  # first\n  rel", ["relu"]),
        ("layer", "(rel", ["relu"]),
        ("layer", "(relu-tan", ["tanh"]),
        ("layer", "(relu-tanh)*2-rel", ["relu"]),
        ("layer", "hidden:rel", ["relu"]),
        ("layer", "relu-hidden:(rel", ["relu"]),
        ("layer", "core.li", ["core.linear"]),
        ("layer", "relu-extra.re", ["extra.residual"]),
        ("loss", "extra.hu", ["extra.hubble"]),
        ("loss", "twof", ["extra.twofold", "other.twofold"]),
        ("loss", "hub", ["hubble"]),
        ("dataset", "di", ["disk"]),
        ("layer", "nothing_such", []),
        # arguments
        ("layer", "linear(", ["in_features=", "out_features=", "bias=", "init="]),
        ("layer", "linear(2,25,bi", ["bias="]),
        ("layer", "linear(2,25,", ["bias=", "init=", "true", "false"]),
        ("layer", "linear(2,25,true,", ["init=", *INITIALIZERS]),
        ("layer", "linear(bias=true,", ["in_features=", "out_features=", "init="]),
        ("layer", "linear(2,init=zeros,", ["out_features=", "bias="]),
        ("layer", "linear(2,25,bias=", ["true", "false"]),
        ("layer", "linear(2,25,bias=t", ["true"]),
        ("layer", "linear(2,25,init=x", ["xavier_normal", "xavier_uniform"]),
        ("layer", "linear(2,25,init=xavier_normal(ga", ["gain="]),
        ("layer", "linear(2,25,init=zeros)-linear(25,2,bi", ["bias="]),
        ("dataset", "disk(n=1000,no", ["noise="]),
        ("loss", "hubble(", ["delta=", "mean=", "base="]),
        ("loss", "hubble(mean=", ["true", "false"]),
        ("loss", "twofold(", []),
        ("loss", "extra.twofold(de", ["delta="]),
        # combinators
        ("layer", "residual(linear(3,3)-rel", ["relu"]),
        ("layer", "residual((rel", ["relu"]),
        ("layer", "residual(inner=rel", ["relu"]),
        ("layer", "residual(in", ["inner="]),
        ("layer", "residual(relu,rel", ["relu"]),
        ("layer", "residual(relu,tanh,rel", ["relu"]),
        ("layer", "residual(relu,start=z", ["zeros"]),
        ("layer", "residual(relu,o", ["odd="]),
        ("layer", "residual(linear(2,2,bi", ["bias="]),
        ("layer", "sequential(relu,h:tan", ["tanh"]),
        ("layer", "sequential(", LAYERS),
        # nothing
        ("layer", "linear(2,25)", []),
        ("layer", "relu rel", []),
        ("layer", "relu*", []),
        ("layer", "linear(2", []),
        ("layer", "linear(2,25,init='kai", []),
        ("layer", 'linear(2,25,init="kai', []),
        ("layer", "relu # and rel", []),
        ("layer", "linear(2,25,nothing=", []),
        ("layer", "nothing(", []),
        ("layer", "unread(", []),
        ("layer", "linear([", []),
        ("layer", "relu,", []),
        ("layer", ")))", []),
        ("loss", "mse-", []),
        ("loss", "(m", []),
        ("loss", "h:m", []),
        ("loss", "hubble(delta=", []),
        ("loss", "hubble(base=", []),
        ("dataset", "disk(noise=1e-", []),
        ("dataset", "examples/da", []),
    ],
)
@pytest.mark.usefixtures("registry")
def test_what_a_spec_may_go_on_with(kind: str, text: str, expected: list[str]) -> None:
    word = max((text[start:] for start in range(len(text) + 1) if _is_word(text[start:])), key=len)
    before = text[: len(text) - len(word)]
    assert [item.value for item in complete_spec(kind, text)] == [before + one for one in expected]


def _is_word(text: str) -> bool:
    return all(character.isalnum() or character in "_." for character in text)


def test_components_are_explained_by_their_summary_and_arguments_by_their_default(registry: Registry) -> None:
    [item] = complete_spec("layer", "linear(2,25)-rel")
    assert item.help == registry.find("layer", "relu").summary
    assert [item.help for item in complete_spec("layer", "linear(2,")] == [
        "out_features",
        "bias=true",
        "init=kaiming_uniform",
    ]


@pytest.mark.parametrize(
    ("kind", "text", "onward"),
    [
        ("layer", "li", "("),
        ("layer", "rel", "-"),
        ("layer", "residual(rel", "-"),
        ("loss", "hubb", "("),
        ("optimizer", "sg", "("),
        ("loss", "ms", None),
        ("layer", "linear(1,2,init=zer", ")"),
        ("layer", "linear(1,2,bias=fa", ")"),
        ("layer", "linear(1,2,bi", "true"),
        ("layer", "linear(in_", "_"),
    ],
)
@pytest.mark.usefixtures("registry")
def test_what_may_follow_a_completion_is_known(kind: str, text: str, onward: str | None) -> None:
    [item] = complete_spec(kind, text)
    assert item.onward == onward


# -- as a process: what a shell's script asks, and what it is told --------------------------------------------


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MINIDL_", "COMP_", "_MINIDL"))}
    plugins = {"PYTHONPATH": str(folder), "MINIDL_LOAD_PLUGINS": "extra,other,broken"}
    return {**kept, **plugins, "PYTHONWARNINGS": "default", **more}


def told(folder: Path, shell: str, line: str, **more: str) -> list[str]:
    """What `shell` is told when `line` is to be completed; checks that nothing else is said."""
    asked = environment(folder, _MINIDL_COMPLETE=f"{shell}_complete", COMP_WORDS=line, **more)
    code = (
        "import sys; from minidl_core.cli.main import run; code = run([]); assert not {'torch', 'completed_components'}"
    )
    code += " & set(sys.modules); sys.exit(code)"
    ran = subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    return ran.stdout.splitlines() if ran.stdout.strip() else []


def test_bash_is_told_what_replaces_the_word_at_hand(folder: Path) -> None:
    line = 'minidl train disk --model "linear(2,25)-'
    assert told(folder, "bash", line + "rel", COMP_WORD="linear(2,25)-rel") == [
        "part,linear(2,25)-relu",
        "part,linear(2,25)-relu-",
    ]
    assert told(folder, "bash", "minidl train disk --model=h:rel", COMP_WORD="rel") == ["part,relu", "part,relu-"]
    assert told(folder, "bash", "minidl train disk --loss extra.hub", COMP_WORD="extra.hub") == ["plain,extra.hubble"]
    assert told(folder, "bash", "minidl train disk --loss twof", COMP_WORD="twof") == []
    assert told(folder, "bash", r"minidl describe linear\(2,2\)-rel", COMP_WORD=r"linear\(2,2\)-rel") == []


def test_zsh_is_told_type_value_and_help_in_turn(folder: Path) -> None:
    line = 'minidl train disk --model "linear(2,25)-rel'
    assert told(folder, "zsh", line) == ["part", "linear(2,25)-relu", "max(x, 0)"]
    assert told(folder, "zsh", "minidl train disk --model=h:rel") == ["part", "--model=h:relu", "max(x, 0)"]


def test_fish_is_told_value_and_help(folder: Path) -> None:
    line = "minidl train disk --model 'linear(2,25)-rel"
    assert told(folder, "fish", line) == ["plain,linear(2,25)-relu\tmax(x, 0)", "plain,linear(2,25)-relu-"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("minidl train ", ["circles", "disk", "moons", "spirals", "xor", ""]),
        ("minidl train disk --optimizer sg", ["sgd"]),
        ("minidl train disk --test ir", ["ir"]),
        ("minidl train disk --out ru", ["ru"]),
        ("minidl evaluate mo", ["mo"]),
        ("minidl evaluate model mo", ["moons", "mo"]),
        ("minidl predict model mo", ["mo"]),
        ("minidl describe rel", ["relu"]),
        ("minidl show hub", ["hubble"]),
        ("minidl show twof", ["extra.twofold", "other.twofold"]),
        ("minidl show extra.hub", ["extra.hubble"]),
        ("minidl list-components --plugin ex", ["extra"]),
        ("minidl list-components --kind opt", ["optimizer"]),
        ("minidl descr", ["describe"]),
        ("minidl no-such-command rel", []),
        ("minidl describe --no-such-option rel", ["relu"]),
    ],
)
def test_each_option_completes_what_it_takes(folder: Path, line: str, expected: list[str]) -> None:
    assert told(folder, "zsh", line)[1::3] == expected


def test_files_and_folders_are_left_to_the_shell(folder: Path) -> None:
    assert told(folder, "zsh", "minidl train disk --test ir")[0] == "file"
    assert told(folder, "zsh", "minidl train disk --out ir")[0] == "dir"
    assert told(folder, "zsh", "minidl train --config ir")[0] == "file"
    for line in "train --resume ", "runs ", "diff ", "diff one ", "rerun ", "plot ", "plot run --out ":
        assert told(folder, "zsh", f"minidl {line}ru")[0] == "dir"


def test_strict_plugins_complete_nothing_and_say_nothing(folder: Path) -> None:
    assert told(folder, "zsh", "minidl describe rel", MINIDL_STRICT_PLUGINS="1") == []


def test_a_shell_that_is_not_known_is_told_nothing(folder: Path) -> None:
    assert told(folder, "nushell", "minidl describe rel") == []


# -- in real shells -------------------------------------------------------------------------------------------

# Completions come from the real command; run, it shows the words that the shell makes of the line.
COMMAND = f"""#!/bin/sh
if [ -n "$_MINIDL_COMPLETE" ]; then exec '{sys.executable}' -m minidl_core "$@"; fi
for word in "$@"; do printf '<%s>' "$word"; done
echo
"""
STARTED = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
PROMPT = "@> "
# The prompt is written in two parts, so that it is not seen in the echo of this line.
SETUP = {
    "bash": "PS1='@''> '; eval \"$(_MINIDL_COMPLETE=bash_source minidl)\"",
    "zsh": "PS1='@''> '; autoload -Uz compinit; compinit -D -u; eval \"$(_MINIDL_COMPLETE=zsh_source minidl)\"",
    "fish": "function fish_prompt; echo -n '@''> '; end; _MINIDL_COMPLETE=fish_source minidl | source",
}


class _Terminal:
    """A shell at a pseudo terminal, in which each line is typed as it comes and TAB is pressed at each `\\t`."""

    def __init__(self, shell: str, environment: dict[str, str], folder: Path) -> None:
        self.shell = shell
        self.controller, terminal = pty.openpty()
        termios.tcsetwinsize(self.controller, (50, 200))
        command = ["setsid", "--ctty", "--wait", *STARTED[shell]]
        self.process = subprocess.Popen(
            command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, cwd=folder
        )
        os.close(terminal)
        self.shown = b""

    def type(self, line: str) -> None:
        os.write(self.controller, line.encode())

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text.encode() not in self.shown:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.controller], [], [], left)[0]:
                raise AssertionError(f"{text!r} never appeared in {self.shown.decode(errors='replace')!r}")
            self.shown += os.read(self.controller, 4096)
        self.shown = self.shown.partition(text.encode())[2]

    def close(self) -> None:
        os.close(self.controller)  # hangs up
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def terminal(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Iterator[_Terminal]:
    shell: str = request.param
    for needed in (shell, "setsid"):
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not installed")
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "minidl").write_text(COMMAND, "utf-8")
    (commands / "minidl").chmod(0o755)
    (tmp_path / "measured.csv").touch()
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    terminal = _Terminal(shell, environment(folder, PATH=path, HOME=str(tmp_path), TERM="xterm"), tmp_path)
    terminal.type(f"{SETUP[shell]}; minidl ready\n")
    terminal.wait_for("<ready>")
    terminal.wait_for(PROMPT)
    yield terminal
    terminal.close()


@pytest.mark.slow
@pytest.mark.parametrize("terminal", SHELLS, indirect=True)
def test_a_real_shell_completes(terminal: _Terminal) -> None:
    for line, words in (
        ('describe "linear(2,25)-rel\t"', "<describe><linear(2,25)-relu>"),
        ('describe "linear(2,25)-rel\t-lin\t(25,2,bi\tfa\t)"', "<linear(2,25)-relu-linear(25,2,bias=false)>"),
        ("train disk --model 'residual(linear(3,3)-tan\t)'", "<--model><residual(linear(3,3)-tanh)>"),
        ("train disk --model h:rel\t-h2:tan\t", "<--model><h:relu-h2:tanh>"),
        ("train disk --model=h:rel\t-tan\t", "<--model=h:relu-tanh>"),
        ('train disk --model="linear(1,2)-rel\t', "<--model=linear(1,2)-relu>"),
        ("train disk --loss extra.hub\t--seed", "<--loss><extra.hubble><--seed>"),
        ("train meas\t--target", "<train><measured.csv><--target>"),
        ("descri\trelu", "<describe><relu>"),
    ):
        # zsh takes the quotes away where they begin within a word, and says the same with backslashes.
        closing = '"' if '="' in line and terminal.shell != "zsh" else ""
        terminal.type(f"minidl {line}{closing}\r")
        terminal.wait_for(words)
        terminal.wait_for(PROMPT)
