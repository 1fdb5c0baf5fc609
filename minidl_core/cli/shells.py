"""How bash, zsh and fish ask for completions, and what they do with them.

click's own scripts end a word where it is complete, split completions at their commas (fish) and lose what stands
before a word's `=` or `:`; a spec has all of these.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    shell_complete,
    split_arg_string,
)

VARIABLE = "_MINIDL_COMPLETE"
"""Set by the shell that asks: `bash_source` for the script, which then sets `bash_complete`."""

_BASH = """\
%(complete_func)s() {
    local response type value
    response=$(env COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_WORD="$2" %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            plain) COMPREPLY+=("$value") ;;
            part) COMPREPLY+=("$value"); compopt -o nospace ;;
            file) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$value"); compopt -o filenames ;;
            dir) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$value"); compopt -o filenames ;;
        esac
    done <<< "$response"
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local -a response words_described parts_described
    local type value about
    response=("${(@f)$(env COMP_WORDS="${words[1,CURRENT]}" %(complete_var)s=zsh_complete "$words[1]")}")
    for type value about in "${(@)response}"; do
        case $type in
            plain) words_described+=("${value//:/\\\\:}:$about") ;;
            part) parts_described+=("${value//:/\\\\:}:$about") ;;
            file) compset -P 1 '--*='; _path_files -f ;;
            dir) compset -P 1 '--*='; _path_files -/ ;;
        esac
    done
    [[ -n $words_described ]] && _describe -V completion words_described -U
    [[ -n $parts_described ]] && _describe -V completion parts_described -U -S ''
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = """\
function %(complete_func)s
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp | string collect) %(prog_name)s)
    for completion in $response
        set -l metadata (string split --max 1 , $completion)
        switch $metadata[1]
            case dir
                __fish_complete_directories $metadata[2]
            case file
                __fish_complete_path $metadata[2]
            case '*'
                echo $metadata[2]
        end
    end
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


def answer(command: click.Command, instruction: str) -> int:
    """Answer a shell that asks for its script or for completions; whatever goes wrong completes nothing.

    A word on standard error, as of a plugin that is left out, would stand amidst the line that is being typed.
    """
    for shell in (_Bash, _Zsh, _Fish):
        add_completion_class(shell)
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return shell_complete(command, {}, "minidl", VARIABLE, instruction)
        except Exception:
            return 1


class _WholeWord(ShellComplete):
    """The shell tells the line up to the cursor, in COMP_WORDS, and a completion is the whole last word of it."""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        # A space ends the last word, unless it is quoted and belongs to it.
        if len(split_arg_string(f"{line}x")) > len(words):
            words.append("")
        return words[1:-1], words[-1]

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        option, equals, _ = incomplete.partition("=")
        before = f"{option}=" if equals and option.startswith("--") else ""
        items = super().get_completions(args, incomplete)
        for item in items:
            item.value = before + item.value
        return items


class _QuoteCloser(_WholeWord):
    """The shell closes the quotes behind the only completion there is, so that one that may go on needs a second."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        items = super().get_completions(args, incomplete)
        if len(items) == 1 and _type(items[0]) == "part":
            items.append(CompletionItem(items[0].value + items[0].onward, onward=items[0].onward))
        return items


class _Bash(_QuoteCloser, BashComplete):
    source_template = _BASH

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        # Of an unquoted word, readline replaces what stands behind the last `=` or `:`, COMP_WORD. And it would
        # replace what is written by what all completions have in common, be that less.
        replaced = os.environ.get("COMP_WORD", incomplete)
        if not incomplete.endswith(replaced):
            return []
        items = [one for one in super().get_completions(args, incomplete) if one.value.startswith(incomplete)]
        for item in items:
            item.value = item.value[len(incomplete) - len(replaced) :]
        return items

    def format_completion(self, item: CompletionItem[str]) -> str:
        return f"{_type(item)},{item.value}"


class _Zsh(_WholeWord, ZshComplete):
    source_template = _ZSH

    def format_completion(self, item: CompletionItem[str]) -> str:
        return f"{_type(item)}\n{item.value}\n{item.help or ''}"


class _Fish(_QuoteCloser, FishComplete):
    source_template = _FISH


def _type(item: CompletionItem[str]) -> str:
    """`part`, of a word that may go on, else what click calls it. No word goes on with a parenthesis unquoted."""
    line = os.environ["COMP_WORDS"]
    is_quoted = len(split_arg_string(f"{line} x")) == len(split_arg_string(line))
    return "part" if item.onward and (is_quoted or item.onward != "(") else item.type
