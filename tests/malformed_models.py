"""Hundreds of files that are no models, each made from a model file in a way that is always the same."""

from __future__ import annotations

import io
import json
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from model_bytes import BEGINNING, DIGITS, ZEROS, model_file, parts, raw_file, sealed, text_of
from safetensors.torch import save

Named = Iterator[tuple[str, bytes]]
TERABYTE = 2**40


def malformed(good: bytes) -> dict[str, bytes]:
    """Files by a name that says what is wrong with each; all differ from the model file, and from each other."""
    ways = (_cut, _flipped, _lengths, _other_programs, _tables, _texts, _headers, _large)
    found = {f"{way.__name__.strip('_')} {name}": content for way in ways for name, content in way(good)}
    assert good not in found.values()
    return found


def _cut(good: bytes) -> Named:
    """The end is missing, or a piece in the middle; or there is more."""
    for place in sorted({*range(24), *(len(good) * k // 60 for k in range(60))} - {len(good)}):
        yield f"at {place}", good[:place]
    for k in range(1, 20):
        place = len(good) * k // 20
        yield f"a piece at {place}", good[:place] + good[place + k :]
    for more in b"\0", b" " * 100, b"}", good:
        yield f"and {len(more)} more", good + more
        yield f"and {len(more)} more, sealed", sealed(good + more)


def _flipped(good: bytes) -> Named:
    """One bit is wrong, of every part of the file."""
    draw = random.Random(0)
    end = 8 + int.from_bytes(good[:8], "little")
    places = [*range(8 * 8), *(draw.randrange(64, 8 * end) for _ in range(90))]
    places += [8 * byte + draw.randrange(8) for byte in range(DIGITS.start, DIGITS.stop, 5)]
    places += [draw.randrange(8 * end, 8 * len(good)) for _ in range(40)]
    for place in dict.fromkeys(places):
        content = bytearray(good)
        content[place // 8] ^= 1 << place % 8
        yield f"bit {place}", bytes(content)


def _lengths(good: bytes) -> Named:
    """The header is to have another length, with a checksum of the whole that is right."""
    own = int.from_bytes(good[:8], "little")
    near = (own - 9, own - 8, own - 1, own + 1, own + 8, len(good))
    for length in (0, 1, 2, 63, 100, *near, *(2**k for k in (24, 32, 40, 62, 63)), 2**24 + 1, 2**64 - 1):
        yield f"of {length}", sealed(length.to_bytes(8, "little") + good[8:])


def _other_programs(_: bytes) -> Named:
    state = {"0.weight": torch.ones(3, 2), "0.bias": torch.ones(3)}
    for protocol in range(6):
        yield f"pickle {protocol}", pickle.dumps({"weight": [1.0] * 10}, protocol)
    for is_zip in True, False:
        content = io.BytesIO()
        torch.save(state, content, _use_new_zipfile_serialization=is_zip)
        yield f"torch.save {is_zip}", content.getvalue()
    module = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2), module)
    yield "torch.save of a module", module.getvalue()
    for write in np.save, np.savez, np.savez_compressed:
        array = io.BytesIO()
        write(array, np.ones((3, 2)))
        yield write.__name__, array.getvalue()
    objects = io.BytesIO()
    np.save(objects, np.array([{"a": 1}], object), allow_pickle=True)
    yield "np.save of objects", objects.getvalue()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../escape.py", "raise SystemExit")
    yield "zip", archive.getvalue()
    yield "safetensors", save(state)
    yield "safetensors with metadata", save(state, {"format": "pt", "spec": "linear(2,3)"})
    yield "safetensors without tensors", save({})
    yield "json", json.dumps({"model": "linear(2,2)"}).encode()
    yield "csv", b"x,y\n1,2\n"
    yield "zeros", bytes(5000)
    yield "ones", b"\xff" * 5000
    yield "hdf5", b"\x89HDF\r\n\x1a\n" + bytes(500)


def _tables(good: bytes) -> Named:
    """Tensors are declared that are not there, not those of the model, or impossible; the checksum is right."""
    length = int.from_bytes(good[:8], "little")
    whole, data = json.loads(good[8 : 8 + length]), good[8 + length :]
    metadata = whole.pop("__metadata__")

    def file(table: Any, content: bytes = data) -> bytes:
        return raw_file(json.dumps({"__metadata__": metadata, **table}, separators=(",", ":")), content)

    assert sealed(file(whole)) == good.replace(b"} ", b"}") or len(file(whole)) <= len(good)
    for name, entry in whole.items():
        start, end = entry["data_offsets"]
        changes: dict[str, Any] = {
            "dtype": ["F64", "F16", "I32", "BOOL", "C64", "", None, 4, [], "float32"],
            "shape": [
                *([], [TERABYTE], [2**31, 2**31], [2**63], [-1], entry["shape"][::-1], [*entry["shape"], 1]),
                *([0], [0, 2**62, 2**62], None, "3", [1.5], [True], [[3]], [1] * 100, [10**4000], entry["shape"][:-1]),
            ],
            "data_offsets": [
                *([end, start], [start, end + 4], [start - 4, end], [start + 4, end + 4], [0, TERABYTE], [-4, 0]),
                *([start, 2**64], [start], [], None, "0", [start, end, end], [float(start), end], [TERABYTE, TERABYTE]),
            ],
        }
        for key, values in changes.items():
            for value in values:
                if value != entry[key]:
                    yield f"{name} {key} {str(value)[:40]}", file({**whole, name: {**entry, key: value}})
            yield f"{name} without {key}", file({**whole, name: {k: v for k, v in entry.items() if k != key}})
        yield f"{name} is no object", file({**whole, name: [entry]})
        yield f"{name} with more", file({**whole, name: {**entry, "pickle": "x"}})
        yield f"{name} is missing", file({key: value for key, value in whole.items() if key != name})
        for other in "", "x" * 2000, "../../etc/passwd", "os.system", "buffer:0.forward", "a\nb", "\x1b[2J", "\u202e":
            renamed = {other if key == name else key: value for key, value in whole.items()}
            yield f"{name} is called {other[:20]!r}", file(renamed)
    yield "more data", file(whole, data + b"\0\0\0\0")
    yield "less data", file(whole, data[:-4])
    yield "no data", file(whole, b"")
    large = {name: {**entry, "shape": [TERABYTE // 4]} for name, entry in whole.items()}
    for k, entry in enumerate(large.values()):
        entry["data_offsets"] = [k * TERABYTE, (k + 1) * TERABYTE]
    yield "all of a terabyte", file(large)


def _texts(good: bytes) -> Named:
    """The JSON is none, or says a thing twice, or would take all memory; the checksum is right."""
    tensors, header = parts(good)
    text = text_of(header)
    changes = {
        "a key twice": text.replace('"loss":', '"loss":"mae","loss":', 1),
        "a key twice within": text.replace('"scaling":', '"scaling":"none","scaling":', 1),
        "the checksum twice": text[:-1] + f',"sha256":"{ZEROS}"}}',
        "NaN": text.replace('"target":null', '"target":NaN', 1),
        "infinity": text.replace('"target":null', '"target":-Infinity', 1),
        "1e999": text.replace('"target":null', '"target":1e999', 1),
        "digits": text.replace('"target":null', '"target":' + "9" * 100_000, 1),
        "no end": text[:-1],
        "two objects": text + text,
        "a comment": text[:-1] + "/* */}",
        "a comma": text[:-1] + ",}",
        "single quotes": text[:-1] + ",'x':1}",
        "deep lists": text[:-1] + ',"x":' + "[" * 400_000,
        "deep whole lists": text[:-1] + ',"x":' + "[" * 100_000 + "]" * 100_000 + "}",
        "deep objects": text[:-1] + ',"x":' + '{"a":' * 240_000,
        "half a character": text.replace('"number"', '"\\ud83c"', 1),
    }
    for name, changed in changes.items():
        assert changed != text, name
        yield name, model_file(tensors, changed)
    start = f'{BEGINNING.decode()}{ZEROS}\\"'
    rest = good[8 : 8 + int.from_bytes(good[:8], "little")].decode().partition(',"0.')[2]
    for name, raw in {
        "metadata twice": start + '}"},"__metadata__":{"minidl":"{}"},"0.' + rest,
        "minidl twice": start + '}","minidl":"{}"},"0.' + rest,
        "more metadata": start + '}","format":"pt"},"0.' + rest,
        "hidden commas": start + '\\u002c\\"x\\":[' + "1\\u002c" * 300_000 + '1]}"},"0.' + rest,
        "no metadata's end": start,
        "no text's end": start + "}",
        "a list": "[" + start + "]",
        "nothing": start + '}"}}',
        "not ASCII": start + '}"},"é":1}',
        "not UTF-8": "",
    }.items():
        yield name, raw_file(raw or start.encode() + b'}"},"\xff":1}', good[-200:])


def _headers(good: bytes) -> Named:
    """The JSON is right, and not that of a model here; the checksum is right."""
    tensors, header = parts(good)
    values: tuple[Any, ...] = (None, 7, -1.5, True, [], {}, [[]], {"a": 1}, "", "os.system", "x" * 5000, [None] * 1000)
    for key, own in header.items():
        yield f"without {key}", model_file(tensors, {k: v for k, v in header.items() if k != key})
        for number, value in enumerate(values):
            if value != own and not (key in ("minidl", "weight_name") and isinstance(value, str | None)):
                if key == "providers" and value == []:
                    continue  # a file that says of no component whose it is
                yield f"{key} {number}", model_file(tensors, {**header, key: value})
    for key, own in header["features"].items():
        rest = {k: v for k, v in header["features"].items() if k != key}
        yield f"features without {key}", model_file(tensors, {**header, "features": rest})
        for number, value in enumerate(values[:9]):
            if value != own and (key, value) != ("seen", None):
                yield f"features {key} {number}", model_file(tensors, {**header, "features": {**rest, key: value}})
    for spec in (
        *("linear(5,5)-tanh-linear(5,3)-relu*9999999", "linear(5,5)-tanh-linear(5,4)", "(" * 50_000, "linear(_,_)"),
        *(
            "linear(5,1000000000)-linear(1000000000,3)",
            "linear(5,20000)-linear(20000,20000)-linear(20000,3)",
            "os.system",
        ),
        *("((((relu)*99)*99)*99)*99", "linear(5,5)-tanh-linear(5,3)-" + "relu-" * 30_000 + "relu", "__import__('os')"),
        *(
            "linear(5,5,init='x')-tanh-linear(5,3)",
            "linear(5,5)-tanh-linear(5,3)-minidl_core.cli.main",
            "relu\n\x1b[2J",
        ),
        *(
            "linear(5,5)-sigmoid-linear(5,5)-linear(5,3)",
            "linear(5,5,bias=false)-tanh-linear(5,3)",
            f"linear(5,{9**99})",
        ),
    ):
        yield f"spec {spec[:40]!r}", model_file(tensors, {**header, "model": spec})
    for seeds in [0], [0, 1], [0] * 4, [0] * 10_000, [0] * 10_001, [0.0] * 3, ["0"] * 3:
        yield f"{len(seeds)} seeds of {seeds[0]!r}", model_file(tensors, {**header, "seeds": seeds})
    one = header["providers"][0]
    for key in one:
        for value in None, 1, "../../x", "os", "x" * 500, "a\nb", "\x1b]0;\x07":
            if key in ("distribution", "version") and value in ("../../x", "os"):
                continue  # what it came from may be called anything
            if key == "plugin" and value in ("../../x", "os"):
                continue  # a component that another plugin brings now
            yield f"provider {key} {value!r:.20}", model_file(tensors, {**header, "providers": [{**one, key: value}]})


def _large(good: bytes) -> Named:
    """Headers as large as they may be, made to take as much memory as can be."""
    tensors, header = parts(good)
    room = 16 * 2**20 - 5000
    filled: dict[str, Callable[[], Any]] = {
        "numbers": lambda: [1.5] * 490_000,
        "objects": lambda: [{}] * 240_000,
        "objects of one": lambda: [{"a": 1}] * 120_000,
        "keys": lambda: {f"{k:x}": 1 for k in range(240_000)},
        "texts": lambda: ["é" * 4 + str(k) for k in range(240_000)],
        "long numbers": lambda: [10**900 + k for k in range(15_000)],
        "one text": lambda: "x" * (room - 10_000),
        "categories": lambda: [{"name": "a", "kind": "category", "categories": [str(k) for k in range(400_000)]}],
    }
    for name, fill in filled.items():
        yield f"more of {name}", model_file(tensors, {**header, "more": fill()})
    features = {**header["features"], "columns": filled["categories"]()}
    yield "categories", model_file(tensors, {**header, "features": features})
    yield "classes", model_file(tensors, {**header, "classes": filled["texts"]()})
    offsets = {**header["features"], "offset": [[1.5] * 160_000] * 3}
    yield "offsets", model_file(tensors, {**header, "features": offsets})
    table = {f"t{k}": torch.zeros(0) for k in range(40_000)}
    yield "tensors", model_file(table, header)
    yield "too many values", model_file(tensors, {**header, "more": [0] * 600_000})
    yield "too long", model_file(tensors, {**header, "more": "x" * 2**24})
    yield "32 MB of data", sealed(good + bytes(2**25))
