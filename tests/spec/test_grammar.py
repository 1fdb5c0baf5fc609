"""Text -> syntax tree, one rule of the grammar after the other; and back to text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl_core.errors import SpecError
from minidl_core.spec import parse
from minidl_core.spec.syntax import Argument, Call, Chain, Hole, Item, ListValue, Literal, Span, Value


def chain(*units: Call | Chain | Item) -> Chain:
    return Chain(tuple(unit if isinstance(unit, Item) else Item(unit) for unit in units))


def call(name: str, *values: Value | int | float | str | bool | None, **named: Value | int | float | str) -> Call:
    """The tree of a call, so that a test reads as the text that it is about."""
    arguments = [(None, value) for value in values] + list(named.items())
    nodes = (Literal, Hole, ListValue, Chain)
    return Call(name, tuple(Argument(n, v if isinstance(v, nodes) else Literal(v)) for n, v in arguments))


def value_of(text: str) -> Value:
    """The tree of a text where a value may stand."""
    [item] = parse(f"f({text})").items
    assert isinstance(item.unit, Call)
    [argument] = item.unit.arguments
    return argument.value


def literal(text: str) -> Any:
    value = value_of(text)
    assert isinstance(value, Literal)
    return value.value


# -- one rule after the other ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("relu", chain(call("relu"))),
        ("relu()", chain(call("relu"))),
        ("relu-tanh-relu", chain(call("relu"), call("tanh"), call("relu"))),
        ("linear(2,25)", chain(call("linear", 2, 25))),
        ("linear(2,25,bias=false)", chain(call("linear", 2, 25, bias=Literal(False)))),
        ("linear(out_features=25,in_features=2)", chain(call("linear", out_features=25, in_features=2))),
        ("linear(_,_)", chain(call("linear", Hole(), Hole()))),
        ("h:relu", chain(Item(call("relu"), "h"))),
        ("relu*3", chain(Item(call("relu"), repeat=3))),
        ("h:relu*3", chain(Item(call("relu"), "h", 3))),
        ("relu*1", chain(call("relu"))),
        ("relu*007", chain(Item(call("relu"), repeat=7))),
        ("(relu)", chain(chain(call("relu")))),
        ("(relu-tanh)*2", chain(Item(chain(call("relu"), call("tanh")), repeat=2))),
        ("h:(relu-tanh)*2-relu", chain(Item(chain(call("relu"), call("tanh")), "h", 2), call("relu"))),
        ("((relu)*2)*3", chain(Item(chain(Item(chain(call("relu")), repeat=2)), repeat=3))),
        ("extra_losses.huber", chain(call("extra_losses.huber"))),
        ("a.b2.c_d(1)", chain(call("a.b2.c_d", 1))),
        ("residual(linear(25,25)-relu)", chain(call("residual", chain(call("linear", 25, 25), call("relu"))))),
        ("residual(a:relu*2,gain=2)", chain(call("residual", chain(Item(call("relu"), "a", 2)), gain=2))),
        ("residual((relu-tanh)-relu)", chain(call("residual", chain(chain(call("relu"), call("tanh")), call("relu"))))),
        ("adam(betas=[0.9,0.99])", chain(call("adam", betas=ListValue((Literal(0.9), Literal(0.99)))))),
        ("f([])", chain(call("f", ListValue(())))),
        (
            "f([[1],[_,none]])",
            chain(call("f", ListValue((ListValue((Literal(1),)), ListValue((Hole(), Literal(None))))))),
        ),
        ("f(init=normal(std=2))", chain(call("f", init=chain(call("normal", std=2))))),
        ("linear(2,3)-linear(3,1)", chain(call("linear", 2, 3), call("linear", 3, 1))),
    ],
)
def test_text_is_read_as_its_tree(text: str, tree: Chain) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("25", 25),
        ("-3", -3),
        ("- 3", -3),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-0.1", -0.1),
        ("1e-3", 0.001),
        ("-1e-3", -0.001),
        ("2.5E+2", 250.0),
        ("1e3", 1000.0),
        ("1e16", 1e16),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_a_number_is_its_value(text: str, number: float) -> None:
    assert literal(text) == number
    assert type(literal(text)) is type(number)


def test_a_minus_within_parentheses_is_a_sign_and_outside_it_joins() -> None:
    assert parse("leaky_relu(-0.1)-linear(2,3)") == chain(call("leaky_relu", -0.1), call("linear", 2, 3))
    assert parse("sgd(lr=1e-3)") == chain(call("sgd", lr=0.001))


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("none", None)])
def test_true_false_and_none_are_constants(text: str, value: bool | None) -> None:
    assert literal(text) is value


def test_true_is_not_the_number_one() -> None:
    assert parse("f(true)") != parse("f(1)")
    assert Literal(False) != Literal(0)
    assert Literal("1") != Literal(1)
    assert Literal(1.0) == Literal(1)
    assert hash(Literal(1.0)) == hash(Literal(1))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"same"', "same"),
        ("'same'", "same"),
        ('""', ""),
        ('"it\'s"', "it's"),
        ("'say \"hi\"'", 'say "hi"'),
        (r'"say \"hi\""', 'say "hi"'),
        (r"'it\'s'", "it's"),
        (r'"a\\b"', "a\\b"),
        (r'"\n\t\r\b\f"', "\n\t\r\b\f"),
        (r'"\u00e9\u0000\u"', "é\0u"),
        (r'"\q\u12"', "qu12"),
        ('"# no comment, ) - * : ="', "# no comment, ) - * : ="),
        ('"日本"', "日本"),
        ('"true"', "true"),
    ],
)
def test_a_string_is_what_stands_between_its_quotes(text: str, value: str) -> None:
    assert literal(text) == value


@pytest.mark.parametrize(
    "text",
    [
        " linear ( 2 , 25 ) - relu ",
        "linear(2,25)\n-relu",
        "\tlinear(2,\r\n25)\f-\vrelu\n\n",
        "linear(2,25) # the first layer - tanh\n - # then\nrelu# done",
        "# a heading\nlinear(2,25)-relu",
    ],
)
def test_white_space_new_lines_and_comments_are_free(text: str) -> None:
    assert parse(text) == parse("linear(2,25)-relu")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" linear( 2 ,25 )\n", "linear(2,25)"),
        ("relu()*1", "relu"),
        ("sgd(lr=1e-1)", "sgd(lr=0.1)"),
        ("f(5.0,1e16,-0.0,1e-7)", "f(5,1e+16,0,1e-07)"),
        ("f('it\\'s',\"\\u0007\")", 'f("it\'s","\\u0007")'),
        ("h : ( relu - tanh ) * 2", "h:(relu-tanh)*2"),
        ("f( [ 1 , [ ] ] , a = _ )", "f([1,[]],a=_)"),
    ],
)
def test_the_canonical_text_has_one_form(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical


# -- what is not of the grammar -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "under"),
    [
        ("", "the spec is empty", ""),
        (" # nothing\n ", "the spec is empty", ""),
        ("-relu", "expected the name of a component, found '-'", "-"),
        ("relu-", "expected the name of a component, found the end of the spec", ""),
        ("relu--tanh", "expected the name of a component, found '-'", "-"),
        ("relu tanh", "unexpected 'tanh'", "tanh"),
        ("relu)", "unexpected ')'", ")"),
        ("relu(2)(3)", "unexpected '('", "("),
        ("relu*2*3", "unexpected '*'", "*"),
        ("(relu", "expected ')' or '-', found the end of the spec", ""),
        ("()", "expected the name of a component, found ')'", ")"),
        ("relu(", "expected a value", ""),
        ("relu(2", "expected ',' or ')', found the end of the spec", ""),
        ("relu(2 3)", "expected ',' or ')', found '3'", "3"),
        ("relu(2,)", "expected a value", ")"),
        ("relu(,2)", "expected a value", ","),
        ("relu(a=)", "expected a value", ")"),
        ("relu([1)", "expected ',' or ']', found ')'", ")"),
        ("relu(2]", "expected ',' or ')', found ']'", "]"),
        ("relu(-)", "expected a value", "-"),
        ("relu(--2)", "expected a value", "-"),
        ("relu*0", "how often to repeat", "0"),
        ("relu*000", "how often to repeat", "000"),
        ("relu*1.5", "how often to repeat", "1.5"),
        ("relu*-1", "how often to repeat", "-"),
        ("relu*h", "how often to repeat", "h"),
        ("2:relu", "expected the name of a component, found '2'", "2"),
        ("a:b:relu", "unexpected ':'", ":"),
        ("a.b:relu", "'a.b' is not a label", "a.b"),
        ("_:relu", "'_' is not a label", "_"),
        ("true", "'true' is not the name of a component", "true"),
        ("none:relu", "'none' is not a label", "none"),
        ("_relu", "'_relu' is not the name of a component", "_relu"),
        ("a.2b", "'a.2b' is not the name of a component", "a.2b"),
        ("línear(2)", "'línear' is not the name of a component", "línear"),
        ("٣relu", "unexpected '٣'", "٣"),
        ("relu;", "unexpected ';'", ";"),
        ("relu@@tanh", "unexpected '@@'", "@@"),
        ('f("abc)', "a string that is never closed", '"'),
        ("f('a\nb')", "a string that is never closed", "'"),
        ("f(1e999)", "1e999 is too large for a number", "1e999"),
        ("f(-1e999)", "1e999 is too large for a number", "-1e999"),
    ],
)
def test_what_the_grammar_has_not_is_refused_at_its_place(text: str, message: str, under: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse(text)
    found = [(p.message, text[p.span.start : p.span.end]) for p in refused.value.problems]
    assert any(message in said and under == where for said, where in found), found


@pytest.mark.parametrize(
    "text",
    [
        "linear(2 3,25)-relu",
        "linear(,25)-relu",
        "linear(2,,25)-relu",
        "linear(2,25,bias=)-relu",
        "linear(2,[25,3)-relu",
        "linear(2,25]-relu",
        "linear(2,25-relu-tanh",
        "residual(linear(2 3)-relu,5)-relu",
        "relu)-tanh",
        "relu(2)(3,4)-tanh",
        "relu*0-tanh",
        "(relu;tanh)-relu",
        "linear(Relu,3)",
        "linear(1e999,3)",
    ],
)
def test_one_mistake_is_one_problem(text: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse(text)
    assert len(refused.value.problems) == 1 + (";" in text), str(refused.value)


def test_reading_goes_on_behind_each_mistake() -> None:
    text = "relu*0-linear(2 3)-(tanh-)-f(a=)-relu)-Tanh"
    with pytest.raises(SpecError) as refused:
        parse(text)
    assert [text[p.span.start :][:1] for p in refused.value.problems] == ["0", "3", ")", ")", ")", "T"]
    assert [p.span.start for p in refused.value.problems] == [5, 16, 25, 31, 37, 39]


@pytest.mark.parametrize("text", ["Relu", "RELU", "ReLU"])
def test_an_upper_case_name_is_refused_with_the_lower_case_one(text: str) -> None:
    with pytest.raises(SpecError, match="did you mean 'relu'"):
        parse(text)


@pytest.mark.parametrize("text", ["f(True)", "f(a=None)", "f([FALSE])"])
def test_an_upper_case_constant_is_refused_with_the_lower_case_one(text: str) -> None:
    with pytest.raises(SpecError, match=r"did you mean '(true|none|false)'"):
        parse(text)


# -- spans ----------------------------------------------------------------------------------------------------


def test_each_node_knows_where_it_stands() -> None:
    text = "h:(relu - tanh(-2, a=[1,'x']))*2"
    [item] = parse(text).items
    group = item.unit
    assert isinstance(group, Chain)
    tanh = group.items[1].unit
    assert isinstance(tanh, Call)
    first, second = tanh.arguments
    nodes: list[Any] = [item, group, group.items[0], tanh, first, first.value, second, second.value]
    assert [text[node.span.start : node.span.end] for node in nodes] == [
        text,
        "(relu - tanh(-2, a=[1,'x']))",
        "relu",
        "tanh(-2, a=[1,'x'])",
        "-2",
        "-2",
        "a=[1,'x']",
        "[1,'x']",
    ]
    assert text[tanh.name_span.start : tanh.name_span.end] == "tanh"


@pytest.mark.parametrize(
    "node", [Literal(1), Hole(), ListValue(()), Argument(None, Hole()), call("f"), chain(call("f"))]
)
def test_a_node_cannot_be_changed(node: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        node.span = Span(1, 2)


def test_spans_take_no_part_in_equality() -> None:
    assert parse("  relu") == parse("relu")
    assert hash(parse("  relu")) == hash(parse("relu"))


# -- any tree -------------------------------------------------------------------------------------------------

RESERVED = {"true", "false", "none"}
idents = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True).filter(lambda name: name not in RESERVED)
names = st.lists(idents, min_size=1, max_size=3).map(".".join)
numbers = st.integers(-(10**38), 10**38) | st.floats(allow_nan=False, allow_infinity=False)
literals = st.builds(Literal, st.none() | st.booleans() | numbers | st.text(max_size=12))


def _calls(chains: st.SearchStrategy[Chain]) -> st.SearchStrategy[Call]:
    values = st.recursive(
        literals | st.builds(Hole) | chains,
        lambda inner: st.lists(inner, max_size=3).map(lambda v: ListValue(tuple(v))),
    )
    arguments = st.builds(Argument, st.none() | idents, values)
    return st.builds(Call, names, st.lists(arguments, max_size=3).map(tuple))


def _chains(units: st.SearchStrategy[Call | Chain]) -> st.SearchStrategy[Chain]:
    items = st.builds(Item, units, st.none() | idents, st.just(1) | st.integers(1, 10**12))
    return st.lists(items, min_size=1, max_size=3).map(lambda found: Chain(tuple(found)))


trees: st.SearchStrategy[Chain] = st.recursive(
    _chains(st.builds(Call, names)), lambda inner: _chains(_calls(inner) | inner), max_leaves=8
)


@settings(max_examples=200, deadline=None)
@given(trees)
def test_the_text_of_a_tree_is_read_as_that_tree(tree: Chain) -> None:
    assert parse(str(tree)) == tree
    assert str(parse(str(tree))) == str(tree)


class Typist:
    """Writes a tree as anyone might, with white space, comments and either quote, and notes where each node stands.

    A second implementation of `str` and of the spans, to compare the parser with.
    """

    def __init__(self, random: Random) -> None:
        self.random, self.text = random, ""

    def token(self, token: str) -> Span:
        self.text += self.random.choice(["", "", "", " ", "\n", " \t", "# - a ( comment\n"])
        start = len(self.text)
        self.text += token
        return Span(start, len(self.text))

    def chain(self, node: Chain) -> Iterator[tuple[str, Span]]:
        spans = []
        for index, item in enumerate(node.items):
            if index:
                self.token("-")
            spans += list(self.item(item))
        items = [span for kind, span in spans if kind == "item at this level"]
        yield from (("item", span) if kind == "item at this level" else (kind, span) for kind, span in spans)
        yield "chain", Span(items[0].start, items[-1].end)

    def item(self, node: Item) -> Iterator[tuple[str, Span]]:
        start = None
        if node.label is not None:
            start = self.token(node.label).start
            self.token(":")
        if isinstance(node.unit, Chain):
            opening = self.token("(")
            *spans, _ = self.chain(node.unit)  # the chain of a group stands within its parentheses
            unit = Span(opening.start, self.token(")").end)
            yield from [*spans, ("chain", unit)]
        else:
            assert isinstance(node.unit, Call)
            spans = list(self.call(node.unit))
            unit = spans[-1][1]
            yield from spans
        end = unit.end
        if node.repeat != 1 or self.random.random() < 0.1:
            self.token("*")
            end = self.token(str(node.repeat)).end
        yield "item at this level", Span(unit.start if start is None else start, end)

    def call(self, node: Call) -> Iterator[tuple[str, Span]]:
        name = self.token(node.name)
        end = name.end
        if node.arguments or self.random.random() < 0.1:
            self.token("(")
            for index, argument in enumerate(node.arguments):
                if index:
                    self.token(",")
                start = None
                if argument.name is not None:
                    start = self.token(argument.name).start
                    self.token("=")
                spans = list(self.value(argument.value))
                yield from spans
                yield "argument", Span(spans[-1][1].start if start is None else start, spans[-1][1].end)
            end = self.token(")").end
        yield "name", name
        yield "call", Span(name.start, end)

    def value(self, node: Value) -> Iterator[tuple[str, Span]]:
        if isinstance(node, Chain):
            yield from self.chain(node)
        elif isinstance(node, ListValue):
            opening = self.token("[")
            for index, value in enumerate(node.values):
                if index:
                    self.token(",")
                yield from self.value(value)
            yield "list", Span(opening.start, self.token("]").end)
        elif isinstance(node, Hole):
            yield "hole", self.token("_")
        elif isinstance(node.value, str):
            quote = self.random.choice("\"'")
            escapes = {"\\": "\\\\", quote: "\\" + quote, "\n": "\\n"}
            written = "".join(escapes.get(character, character) for character in node.value)
            yield "literal", self.token(quote + written + quote)
        else:
            constants: dict[Any, str] = {True: "true", False: "false", None: "none"}
            is_number = type(node.value) in (int, float)
            yield "literal", self.token(repr(node.value) if is_number else constants[node.value])


def spans_of(node: Any) -> Iterator[tuple[str, Span]]:
    """The spans of a tree that was read, in the order in which a Typist notes them."""
    if isinstance(node, Chain):
        for item in node.items:
            yield from spans_of(item.unit)
            yield "item", item.span
        yield "chain", node.span
    elif isinstance(node, Call):
        for argument in node.arguments:
            yield from spans_of(argument.value)
            yield "argument", argument.span
        yield "name", node.name_span
        yield "call", node.span
    elif isinstance(node, ListValue):
        for value in node.values:
            yield from spans_of(value)
        yield "list", node.span
    else:
        yield type(node).__name__.lower(), node.span


@settings(max_examples=150, deadline=None)
@given(trees, st.randoms(use_true_random=False))
def test_every_way_to_type_a_tree_is_read_as_it_and_every_span_is_its_place(tree: Chain, random: Random) -> None:
    typist = Typist(random)
    expected = list(typist.chain(tree))
    read = parse(typist.text)
    assert read == tree
    assert list(spans_of(read)) == expected
