"""What a shell may complete: component names and arguments within a spec, plugins, files.

Components are known by their registration and their source; none is imported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from click import Context, Parameter
from click.shell_completion import CompletionItem

from minidl_core.errors import UnknownNameError
from minidl_core.plugins import registry
from minidl_core.registry import Registration
from minidl_core.spec import signature

_TOKEN = re.compile(
    r"""
      \s+ | \#[^\n]*\n
    | (?P<string>     "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' )
    | (?P<unfinished> ["'\#].* )
    | (?P<word>       [\w.]+ )
    | (?P<mark>       . )
    """,
    re.VERBOSE | re.DOTALL,
)
"""The parser's tokens, but for a text that breaks off: a name may end in its dot, a string or a comment nowhere."""

_Completer = Callable[[Context, Parameter, str], list[CompletionItem[str]]]


class _Offer(NamedTuple):
    """What may be written next."""

    text: str
    about: str | None = None
    onward: str | None = None
    """What may follow it; None where the spec ends there."""


def complete_spec(kind: str, text: str) -> list[CompletionItem[str]]:
    """The texts that a spec of this kind, written as far as `text`, may go on as; `onward`, what may follow each."""
    tokens = [match for match in _TOKEN.finditer(text) if match.lastgroup]
    word = tokens.pop()[0] if tokens and tokens[-1].lastgroup == "word" and tokens[-1].end() == len(text) else ""
    level, previous = _place(kind, [match[0] for match in tokens])
    before = text[: len(text) - len(word)]
    offers = {offer.text: offer for offer in level.offers(previous, word) if _continues(offer.text, word)}
    return [CompletionItem(before + one.text, help=one.about, onward=one.onward) for one in offers.values()]


def spec(kind: str) -> _Completer:
    """Completes an option or argument that is a spec."""
    return lambda _, __, incomplete: complete_spec(kind, incomplete)


def data(_: Context, __: Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Completes DATA: a dataset or a file."""
    return [*complete_spec("dataset", incomplete), CompletionItem(incomplete, type="file")]


def component(_: Context, __: Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Completes the name of a component of any kind."""
    named = {name: one for one in registry().components() for name in _names(one, incomplete)}
    return [CompletionItem(name, help=one.summary) for name, one in named.items() if _continues(name, incomplete)]


def plugin(_: Context, __: Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Completes the name of a plugin that brings components."""
    providers = {one.provider.plugin: one.provider for one in registry().components()}
    return [
        CompletionItem(name, help=f"{provider.distribution} {provider.version}")
        for name, provider in sorted(providers.items())
        if name.startswith(incomplete)
    ]


def file(_: Context, __: Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Leaves it to the shell to complete a file."""
    return [CompletionItem(incomplete, type="file")]


def folder(_: Context, __: Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Leaves it to the shell to complete a folder."""
    return [CompletionItem(incomplete, type="dir")]


def _continues(offer: str, word: str) -> bool:
    """Whether an offer begins with what is written, or is the qualified form of a name that does."""
    return offer.startswith(word) or ("." not in word and offer.rpartition(".")[2].startswith(word))


def _names(registration: Registration, word: str) -> Iterator[str]:
    """How a component is named, and in full too once what is written has a dot."""
    yield registry().name_to_write(registration)
    if "." in word:
        yield registration.qualified_name


class _Level:
    """What is between a pair of parentheses that is still open, or the whole spec."""

    def __init__(self, kind: str | None, call: list[signature.Parameter] | None = None, end: str | None = ")") -> None:
        self.kind, self.end = kind, end
        """The components that may be named here."""
        self.call = call
        """The arguments of the call whose parentheses these are; None where they are no call's."""
        self.argument: signature.Parameter | None = None
        """The one that is being written."""
        self.given: set[str] = set()
        self.is_by_name = False
        """Whether an argument was given by its name, so that no other may follow by its position."""
        if call is not None:
            self.next_argument()

    def next_argument(self) -> None:
        """Go on to the argument that a value without a name would be."""
        if self.argument and not self.argument.variadic:
            self.given.add(self.argument.name)
        left = (one for one in self.call or [] if one.name not in self.given and not one.keyword_only)
        self.write(None if self.is_by_name else next(left, None))

    def named_argument(self, name: str) -> None:
        """Go on to the value of the argument of this name."""
        self.is_by_name = True
        self.write(next((one for one in self.call or [] if one.name == name and not one.variadic), None))

    def write(self, argument: signature.Parameter | None) -> None:
        self.argument = argument
        self.kind = signature.kind_taken(argument) if argument else None

    def inner(self, called: str | None) -> _Level:
        """What a parenthesis opens: the arguments of the component that was `called`, or else a group of layers."""
        if called is None:
            return _Level(self.kind if self.kind == "layer" else None)
        try:
            found = registry().find(self.kind, called) if self.kind else None
        except UnknownNameError:
            found = None
        return _Level(None, (signature.parameters(found) if found else None) or [])

    def offers(self, previous: str | None, word: str) -> Iterator[_Offer]:
        """What may stand behind the mark `previous`; the caller drops what does not continue `word`."""
        begins_argument = self.call is not None and previous in ("(", ",")
        if begins_argument:
            for one in self.call or []:
                if one.name not in self.given and not one.variadic:
                    yield _Offer(f"{one.name}=", str(one), "_" if one.required else str(one).partition("=")[2])
        begins_value = begins_argument or previous in (None, "(", "=")
        joins_layers = previous in ("-", ":") and self.kind == "layer"
        if self.kind and (begins_value or joins_layers):
            end = "-" if self.kind == "layer" else self.end
            for registration in registry().components(self.kind):
                onward = "(" if signature.parameters(registration) else end
                for name in _names(registration, word):
                    yield _Offer(name, registration.summary, onward)
        if self.argument and "bool" in self.argument.types and begins_value:
            yield from (_Offer("true", onward=self.end), _Offer("false", onward=self.end))


def _place(kind: str, tokens: list[str]) -> tuple[_Level, str | None]:
    """Where a text ends that has these tokens: the innermost level that is open there, and the last token."""
    levels, previous = [_Level(kind, end=None)], None
    for token in tokens:
        level = levels[-1]
        if token == "(":
            levels.append(level.inner(previous if previous and re.fullmatch(r"[\w.]+", previous) else None))
        elif token == "[":
            levels.append(_Level(None))
        elif token in (")", "]") and len(levels) > 1:
            levels.pop()
        elif token == ",":
            level.next_argument()
        elif token == "=":
            level.named_argument(previous or "")
        previous = token
    return levels[-1], previous
