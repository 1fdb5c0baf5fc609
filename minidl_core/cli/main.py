"""`minidl`: the commands, each imported when it is called, and what becomes of errors."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
import traceback
import warnings
from typing import Any

import click

from minidl_core.cli.plugin_commands import PluginCommand, plugin_commands
from minidl_core.errors import MinidlError, ModelFileWarning, PluginError, PluginWarning, StoppedAtOnce
from minidl_core.foreign import in_one_line
from minidl_core.nearest import did_you_mean

INTERRUPTED = 130
NEW_OBJECTS_UNTIL_COLLECTED = 500_000
"""A training's first step comes after some 300,000, of modules, none of which is garbage. To look among them, as Python
does after 700 each time, would take a tenth of the time until then."""


_COMMANDS = {
    "list-components": "list_components",
    "show": "show",
    "plugins": "plugins",
    "check": "check",
    "describe": "describe",
    "train": "train",
    "runs": "runs",
    "diff": "diff",
    "rerun": "rerun",
    "plot": "plot",
    "evaluate": "evaluate",
    "predict": "predict",
    "new-plugin": "new_plugin",
}
"""The commands in the order of the help, and their modules in this room; the function has the module's name."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *_plugin_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return _plugin_commands().get(cmd_name)
        module = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"minidl_core.cli.{module}"), module)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (
            click.ClickException,
            click.exceptions.Exit,
            click.Abort,
            MinidlError,
            KeyboardInterrupt,
            BrokenPipeError,
        ):
            raise
        except BaseException as error:
            command = _plugin_commands().get(ctx.invoked_subcommand or "")
            if command is None and isinstance(error, Exception):
                raise
            if command is None:  # SystemExit and the like
                raise PluginError(f"{_whose(error)}; MINIDL_DEBUG=1 shows where") from error
            raise command.error(f"failed: {in_one_line(error)}; {command.report.way_out}") from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # minidl's own commands do not look for those of plugins.
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            known = self.list_commands(ctx)
            if args[0] not in known:
                ctx.fail(f"there is no command '{args[0]}'; {did_you_mean(args[0], known)}")
        return super().resolve_command(ctx, args)


def own_commands() -> tuple[str, ...]:
    """The names that no plugin's command can take."""
    return tuple(_COMMANDS)


def _plugin_commands() -> dict[str, PluginCommand]:
    """The commands of plugins by name."""
    commands = {command.entry_point.name: command for command in plugin_commands(own_commands())}
    return {name: command for name, command in commands.items() if name not in _COMMANDS}


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="minidl-core", prog_name="minidl")
def minidl() -> None:
    """Build networks from registered components, train them, and read every derivative.

    A model is a chain of layers: linear(2,25)-relu-linear(25,2). 'minidl list-components' says what there is.
    """


def main() -> None:
    """Run the command line, and exit: 0 done, 1 the work failed, 2 the request was wrong, 130 or 143 interrupted."""
    gc.set_threshold(NEW_OBJECTS_UNTIL_COLLECTED)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command, say on standard error what went wrong, and return the exit code."""
    if asked := os.environ.get("_MINIDL_COMPLETE"):
        from minidl_core.cli.shells import answer

        return answer(minidl, asked)
    warnings.showwarning = _show_warning
    warnings.filterwarnings("always", category=PluginWarning)  # whatever PYTHONWARNINGS says
    log = logging.getLogger("minidl")
    lines = _Lines()
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    try:
        result = minidl.main(arguments, prog_name="minidl", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        # click makes an Abort of any interruption.
        stopped = error if isinstance(error, StoppedAtOnce) else error.__cause__
        code = stopped.exit_code if isinstance(stopped, StoppedAtOnce) else INTERRUPTED
        click.echo(f"minidl: {'interrupted' if code == INTERRUPTED else 'terminated'}", err=True)
        return code
    except BrokenPipeError:
        # Whoever read the output has gone; what Python still holds back has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SystemExit:  # click's own, where whoever read the output has gone
        return 1
    except Exception as error:
        if _is_debugging():
            traceback.print_exc()
        if isinstance(error, MinidlError):
            click.echo(f"minidl: {error}", err=True)
            return error.exit_code
        click.echo(f"minidl: {_whose(error)}; MINIDL_DEBUG=1 shows where", err=True)
        return 1
    finally:
        log.removeHandler(lines)  # so that the next command of this process says each line once
    return result if isinstance(result, int) else 0


def _whose(error: BaseException) -> str:
    """What an unforeseen error says, and whose it is."""
    from minidl_core.cli.blame import culprit

    registration = culprit(error)
    if registration is None:
        return f"internal error: {in_one_line(error)}"
    provider = registration.provider
    whose = f"{registration.kind} '{registration.name}' of {provider.distribution} {provider.version}"
    return f"{whose} failed: {in_one_line(error)}; {provider.ways_out()}"


def _is_debugging() -> bool:
    return os.environ.get("MINIDL_DEBUG", "") not in ("", "0")


class _Lines(logging.Handler):
    """What the library has to say of a work that goes on, a line on standard error each."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"minidl: {record.getMessage()}", file=sys.stderr)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if issubclass(category, (PluginWarning, ModelFileWarning)):
        if _is_debugging() and isinstance(message, Warning) and message.__cause__:
            traceback.print_exception(message.__cause__)
        text = f"minidl: {message}"
    else:
        text = f"minidl: {category.__name__}: {message}"
    print(text, file=sys.stderr)  # not click.echo, which would write into a progress bar that is shown there
