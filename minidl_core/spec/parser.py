"""Text -> syntax tree: a recursive descent over the grammar, one method a rule."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from minidl_core.spec.limits import MAX_DIGITS, MAX_NESTING, MAX_TEXT
from minidl_core.spec.problems import Problem, spec_error
from minidl_core.spec.syntax import Argument, Broken, Call, Chain, Hole, Item, ListValue, Literal, Span, Value

_TOKEN = re.compile(
    r"""
      (?P<space>  [ \t\r\n\f\v]+ | \#[^\n]* )
    | (?P<number> (?: [0-9]+\.?[0-9]* | \.[0-9]+ ) (?: [eE][+-]?[0-9]+ )? )
    | (?P<word>   [^\W\d]\w* (?: \.\w+ )* )
    | (?P<string> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )
    | (?P<mark>   [-*:,()=\[\]] )
    | (?P<bad>    [^\s\w"'()\[\],=:*\-\#]*\\["'] | [^\s\w"'()\[\],=:*\-\#]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*", re.ASCII)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_Rule = TypeVar("_Rule")
_CONSTANTS = {"true": True, "false": False, "none": None}


def parse(text: str) -> Chain:
    """Read a spec. Raises SpecError with every problem found; nothing is looked up or built."""
    chain, problems = read(text)
    if problems:
        raise spec_error(text, problems)
    return chain


def read(text: str) -> tuple[Chain, list[Problem]]:
    """Read what can be read of a spec, and say what cannot."""
    if len(text) > MAX_TEXT:
        too_long = Problem(
            "spec error", f"the spec has {len(text)} characters, at most {MAX_TEXT} are read", Span(0, 1)
        )
        return Chain((Item(Broken()),)), [too_long]
    return _Parser(text).whole()


class _Token(NamedTuple):
    kind: str
    text: str
    span: Span


class _Unreadable(Exception):
    """The rule at hand cannot go on; its problem has been noted."""


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[Problem] = []
        self.tokens = self._tokens()
        self.closings = self._closings()
        self.position = 0
        self.opened: list[int] = []

    def _tokens(self) -> list[_Token]:
        tokens = []
        for match in _TOKEN.finditer(self.text):
            kind, span = match.lastgroup or "bad", Span(*match.span())
            if kind == "bad":
                unclosed = match[0] in "\"'"
                message = "a string that is never closed" if unclosed else f"unexpected {match[0][:20]!r}"
                self.problem(message, span, "close it on the same line" if unclosed else "remove it")
            elif kind != "space":
                tokens.append(_Token(kind, match[0], span))
        end = tokens[-1].span.end if tokens else 0
        return [*tokens, _Token("end", "", Span(end, end))]

    def _closings(self) -> dict[int, int]:
        """Where the parenthesis or bracket that opens at a token is closed, if it ever is."""
        closings: dict[int, int] = {}
        opened: list[int] = []
        for position, token in enumerate(self.tokens):
            if token.kind == "mark" and token.text in "([":
                opened.append(position)
            elif token.kind == "mark" and token.text in ")]" and opened:
                closings[opened.pop()] = position
        return closings

    # -- what the rules are made of -------------------------------------------------------------------------

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def take(self) -> _Token:
        token = self.token
        self.position += token.kind != "end"
        return token

    def at(self, *marks: str) -> bool:
        return self.token.kind == "mark" and self.token.text in marks

    def next_is(self, mark: str) -> bool:
        following = self.tokens[min(self.position + 1, len(self.tokens) - 1)]
        return following.kind == "mark" and following.text == mark

    def problem(self, message: str, span: Span, advice: str = "") -> None:
        self.problems.append(Problem("spec error", message, span, advice))

    def unreadable(self, expected: str) -> _Unreadable:
        found = f"'{self.token.text[:40]}'" if self.token.kind != "end" else "the end of the spec"
        self.problem(f"expected {expected}, found {found}", self.token.span)
        return _Unreadable()

    def expect(self, mark: str, expected: str) -> _Token:
        if not self.at(mark):
            raise self.unreadable(expected)
        return self.take()

    def open(self) -> _Token:
        self.opened.append(self.position)
        opening = self.take()
        if len(self.opened) > MAX_NESTING:
            self.problem(f"nested more than {MAX_NESTING} deep", opening.span)
            raise _Unreadable()
        return opening

    def close(self, mark: str, expected: str) -> _Token:
        closing = self.expect(mark, expected)
        self.opened.pop()
        return closing

    def leave(self, depth: int) -> None:
        """Go on behind everything that was opened beyond `depth`, if that is ever closed."""
        for opening in self.opened[depth : depth + 1]:
            self.position = max(self.position, self.closings.get(opening, -1) + 1)
        del self.opened[depth:]

    def skip_to(self, *marks: str) -> None:
        """Go on to the next of `marks` that stands outside any parentheses opened on the way."""
        inside = 0
        while self.token.kind != "end":
            if inside == 0 and self.at(*marks, ")", "]"):
                return
            inside += self.at("(", "[") - self.at(")", "]")
            self.take()

    # -- the rules ------------------------------------------------------------------------------------------

    def whole(self) -> tuple[Chain, list[Problem]]:
        if self.token.kind == "end" and not self.problems:
            self.problem("the spec is empty", Span(0, 0), "write a component's name, as in linear(2,25)-relu")
        if self.problems and len(self.tokens) == 1:
            return Chain((Item(Broken()),)), self.problems
        chain = self.chain()
        items = list(chain.items)
        while self.token.kind != "end":
            if not self.problems or self.problems[-1].span != self.token.span:
                advice = "remove it" if self.at(")", "]") else "join layers with '-'"
                self.problem(f"unexpected '{self.token.text[:40]}'", self.token.span, advice)
            if self.at(")", "]"):
                self.take()
            self.skip_to("-")
            if self.at("-"):
                self.take()
                items += self.chain().items
        return Chain(tuple(items), chain.span), self.problems

    def chain(self) -> Chain:
        start = self.token.span.start
        items = [self.item()]
        while self.at("-"):
            self.take()
            items.append(self.item())
        return Chain(tuple(items), Span(start, items[-1].span.end))

    def item(self) -> Item:
        start, depth = self.token.span.start, len(self.opened)
        try:
            label = None
            if self.token.kind == "word" and self.next_is(":"):
                label = self.name("a label", dotted=False)
                self.take()
            unit = self.unit()
            repeat = self.repeat() if self.at("*") else 1
            return Item(unit, label, repeat, Span(start, self.tokens[self.position - 1].span.end))
        except _Unreadable:
            self.leave(depth)
            self.skip_to("-", ",")
            return Item(Broken(), span=Span(start, self.token.span.start))

    def unit(self) -> Call | Chain:
        if not self.at("("):
            return self.call()
        opening = self.open()
        chain = self.chain()
        closing = self.close(")", "')' or '-'")
        return Chain(chain.items, Span(opening.span.start, closing.span.end))

    def repeat(self) -> int:
        self.take()
        if self.token.kind != "number" or not self.token.text.isdigit() or not self.token.text.strip("0"):
            raise self.unreadable("how often to repeat, a whole number of at least 1")
        if self.is_too_long(self.token.text, self.token.span):
            raise _Unreadable()
        return int(self.take().text)

    def call(self) -> Call:
        name_span = self.token.span
        name = self.name("the name of a component")
        if not self.at("("):
            return Call(name, (), name_span, name_span)
        self.open()
        arguments = self.separated(self.argument, ")")
        closing = self.close(")", "',' or ')'")
        return Call(name, tuple(arguments), Span(name_span.start, closing.span.end), name_span)

    def argument(self) -> Argument:
        start, name = self.token.span.start, None
        if self.token.kind == "word" and self.next_is("="):
            name = self.take().text
            self.take()
        value = self.value()
        return Argument(name, value, Span(start, value.span.end))

    def value(self) -> Value:
        token = self.token
        if token.kind == "number" or (self.at("-") and self.tokens[self.position + 1].kind == "number"):
            return self.number()
        if token.kind == "string":
            return Literal(_ESCAPE.sub(_unescaped, self.take().text[1:-1]), token.span)
        if token.kind == "word" and token.text in _CONSTANTS:
            return Literal(_CONSTANTS[self.take().text], token.span)
        if token.kind == "word" and token.text == "_":
            return Hole(self.take().span)
        if self.at("["):
            opening = self.open()
            values = self.separated(self.value, "]")
            closing = self.close("]", "',' or ']'")
            return ListValue(tuple(values), Span(opening.span.start, closing.span.end))
        if token.kind == "word" or self.at("("):
            return self.chain()
        raise self.unreadable("a value: a number, a string, true, false, none, '_', a list or a component")

    def number(self) -> Literal | Chain:
        start = self.token.span.start
        sign = -1 if self.at("-") and self.take() else 1
        text, span = self.token.text, Span(start, self.take().span.end)
        if self.is_too_long(text, span):
            return Chain((Item(Broken(span), span=span),), span)
        value = int(text) if text.isdigit() else float(text)
        if not math.isfinite(value):
            self.problem(f"{text} is too large for a number", span)
            return Chain((Item(Broken(span), span=span),), span)
        return Literal(sign * value, span)

    def is_too_long(self, number: str, span: Span) -> bool:
        if len(number) > MAX_DIGITS:
            self.problem(f"a number of {len(number)} characters, at most {MAX_DIGITS} are read", span)
        return len(number) > MAX_DIGITS

    def separated(self, rule: Callable[[], _Rule], closing: str) -> list[_Rule]:
        """`[ rule { "," rule } ]`, up to the closing mark."""
        found = [] if self.at(closing) else [rule()]
        while self.at(","):
            self.take()
            found.append(rule())
        return found

    def name(self, expected: str, *, dotted: bool = True) -> str:
        if self.token.kind != "word":
            raise self.unreadable(expected)
        token = self.take()
        if not _NAME.fullmatch(token.text) or (not dotted and "." in token.text) or token.text in _CONSTANTS:
            lower = token.text.lower()
            near = _NAME.fullmatch(lower) and lower != token.text
            advice = f"did you mean '{lower}'?" if near else "names are of a-z, 0-9 and _, and begin with a letter"
            self.problem(f"'{token.text[:40]}' is not {expected}", token.span, advice)
            if near and lower not in _CONSTANTS and (dotted or "." not in lower):
                return lower
            raise _Unreadable()
        return token.text


def _unescaped(escape: re.Match[str]) -> str:
    """What a backslash and what follows it stand for: `\\n`, `\\u00e9`; any other character stands for itself."""
    what = escape[1]
    return chr(int(what[1:], 16)) if len(what) > 1 else _ESCAPED.get(what, what)
