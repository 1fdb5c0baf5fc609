"""A file of tensors gives them back bit for bit, is one of safetensors, and anything else is refused by its name."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_bytes import BEGINNING, ZEROS, raw_file, sealed
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from minidl_core.errors import ModelFileError, StorageError
from minidl_core.persistence import tensor_file
from minidl_core.persistence.tensor_file import open_tensors, require_writable, write_tensors
from minidl_core.persistence.tensor_header import DTYPES

HEADER = {"format": "1", "names": ["a", "é \U0001f33c \"'\\ \n"], "of": {"x": [1, 2.5, None, True]}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tensors"


def tensor_of(dtype: torch.dtype, *shape: int) -> Tensor:
    draw = torch.Generator().manual_seed(len(shape))
    return (torch.randn(shape, generator=draw, dtype=torch.float64) * 50).to(dtype)


EVERY = {
    f"{name}.{len(shape)}": tensor_of(dtype, *shape)
    for name, dtype in DTYPES.items()
    for shape in [(), (3,), (2, 0), (5, 7)]
}


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with open_tensors(path) as opened:
        found = {name: opened.tensor(name) for name in opened.declared}
        assert {name: (one.dtype, tuple(one.shape)) for name, one in found.items()} == opened.declared
        return found, opened.header


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(found[name], tensor)


@pytest.mark.parametrize("tensors", [EVERY, {}, {"é": torch.ones(2)}], ids=["every", "none", "é"])
def test_tensors_and_header_are_given_back(tensors: dict[str, Tensor], path: Path) -> None:
    write_tensors(path, tensors, HEADER)
    found, header = read(path)
    assert header == HEADER
    assert_same(found, tensors)


@pytest.mark.parametrize("tensors", [EVERY, {}, {"é": torch.ones(2)}], ids=["every", "none", "é"])
def test_safetensors_reads_the_same(tensors: dict[str, Tensor], path: Path) -> None:
    write_tensors(path, tensors, HEADER)
    with safe_open(path, framework="pt") as opened:
        assert_same({name: opened.get_tensor(name) for name in opened.keys()}, tensors)  # noqa: SIM118, it is no dict
        text = opened.metadata()["minidl"]
    assert list(json.loads(text)) == ["sha256", *HEADER]


def test_the_bytes_are_those_that_safetensors_writes(path: Path) -> None:
    tensors = {name: tensor_of(torch.float32, 3, int(name)) for name in ("2", "10", "1")}
    write_tensors(path, tensors, HEADER)
    text = json.dumps({"sha256": ZEROS, **HEADER}, separators=(",", ":"))
    assert path.read_bytes() == sealed(save(tensors, {"minidl": text}))


def test_the_order_of_tensors_and_how_they_lie_in_memory_change_no_byte(path: Path) -> None:
    write_tensors(path, EVERY, HEADER)
    backwards = {name: EVERY[name] for name in reversed(EVERY)}
    views = {name: one.mT.contiguous().mT if one.dim() > 1 else one for name, one in backwards.items()}
    write_tensors(path.with_name("other"), views, HEADER)
    assert path.with_name("other").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("shape", [(1000, 700), (3, 400_000), (1, 2, 600_000), (700_000,), (300_000, 2)])
@pytest.mark.parametrize("is_view", [False, True])
def test_large_tensors_go_piece_by_piece(is_view: bool, shape: tuple[int, ...], path: Path) -> None:
    large = torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)
    if is_view:
        large = large.flip(0).movedim(0, -1)
    pieces = list(tensor_file._pieces(large))
    assert max(piece.nbytes for piece in pieces) <= 2**20
    assert len(pieces) < 2 + 4 * large.nbytes // 2**20 + (large.shape[0] if is_view else 0)
    write_tensors(path, {"large": large}, {})
    assert torch.equal(read(path)[0]["large"], large)
    target = torch.zeros(*large.shape[:-1], large.shape[-1] + 3)[..., 1:-2]
    with open_tensors(path) as opened:
        opened.read_into("large", target)
    assert torch.equal(target, large)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_tensors_of_a_gpu_are_the_same_bytes(path: Path) -> None:
    write_tensors(path, EVERY, HEADER)
    write_tensors(path.with_name("other"), {name: one.cuda() for name, one in EVERY.items()}, HEADER)
    assert path.with_name("other").read_bytes() == path.read_bytes()
    target = torch.zeros(5, 7, device="cuda")
    with open_tensors(path) as opened:
        opened.read_into("F32.2", target)
    assert torch.equal(target.cpu(), EVERY["F32.2"])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_written_is_read(data: st.DataObject, path: Path) -> None:
    names = st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Co", "Cf", "Cn"]), min_size=1, max_size=9
    )
    kinds = st.tuples(st.sampled_from(list(DTYPES.values())), st.lists(st.integers(0, 4), max_size=4))
    texts = st.text(st.characters(exclude_categories=["Cs"]))
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(2**80), 2**80)
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts
    )
    json_values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)
    tensors = {
        name: tensor_of(dtype, *shape) for name, (dtype, shape) in data.draw(st.dictionaries(names, kinds)).items()
    }
    header = data.draw(st.dictionaries(texts.filter(lambda key: key != "sha256"), json_values))
    write_tensors(path, tensors, header)
    found, again = read(path)
    assert again == header
    assert_same(found, tensors)


# -- what could not be read is not written ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tensors", "header", "reason"),
    [
        ({"x": torch.zeros(2, dtype=torch.complex64)}, {}, "its tensor 'x' is torch.complex64, and a file has F64, "),
        ({"": torch.zeros(2)}, {}, "its header has a tensor of the name '', which is none"),
        ({"a\nb": torch.zeros(2)}, {}, "its header has a tensor of the name 'a\\nb', which is none"),
        ({"x" * 1001: torch.zeros(2)}, {}, "its header has a tensor of the name 'xxxxxxxxxxxx...xxxxxxxxxxxxx', which"),
        ({"__metadata__": torch.zeros(2)}, {}, "its header has other metadata than that of minidl"),
        ({}, {"x": float("nan")}, "its header cannot be written as JSON: Out of range float values"),
        ({}, {"x": {1, 2}}, "its header cannot be written as JSON: Object of type set"),
        ({}, {"x": "\ud800"}, "its header has text with half a character (a lone surrogate)"),
        ({}, {"x": [0] * 500_001}, "its header has more than 500,000 values, which no model needs"),
        ({}, {"x": "x" * 2**24}, "its header has 16,777,"),
        ({}, {"x": 10**2000}, "its header has a number of 2,001 digits, at most 1,000 are read"),
    ],
    ids=range(11),
)
def test_what_could_not_be_read_is_not_written(
    tensors: dict[str, Tensor], header: dict[str, Any], reason: str, path: Path
) -> None:
    for attempt in (lambda: require_writable(tensors, header), lambda: write_tensors(path, tensors, header)):
        with pytest.raises(ModelFileError) as error:
            attempt()
        assert str(error.value).startswith(reason)
    assert not path.exists()


def test_a_header_as_large_as_it_may_be_is_written_and_read(path: Path) -> None:
    header = {"x": [0] * 499_990, "y": "y" * 15 * 2**20}
    require_writable({}, header)
    write_tensors(path, {}, header)
    assert read(path)[1] == header


def test_a_place_that_cannot_be_written_is_refused(path: Path) -> None:
    with pytest.raises(StorageError, match=f"cannot write '{path / 'within'}': "):
        write_tensors(path / "within", {}, {})


# -- what is no such file ---------------------------------------------------------------------------------------


def refused(path: Path, what: str = "model file") -> str:
    """Why a file is refused, in one line that names it."""
    with pytest.raises(ModelFileError) as error, open_tensors(path, what):
        pass
    said = str(error.value)
    assert f"'{path}'" in said
    assert said.isprintable()
    assert len(said) < 500 + len(str(path))
    return said


NO_OTHER = "; minidl reads only what it wrote itself, and never a pickle"


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, trap: Path) -> None:
        self.trap = str(trap)

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.trap, "w")


def old_torch_save(value: Any, path: Path) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=False)


def saved(save: Any, array: Any) -> bytes:
    content = io.BytesIO()
    save(content, array)
    return content.getvalue()


FOREIGN: dict[str, tuple[Callable[[Path, Path], Any], str]] = {
    **{
        f"pickle {protocol}": (
            lambda path, trap, protocol=protocol: path.write_bytes(pickle.dumps({"b": Bomb(trap)}, protocol)),
            "a pickle",
        )
        for protocol in range(6)
    },
    "torch.save": (
        lambda path, trap: torch.save([torch.ones(3), Bomb(trap)], path),
        "a file of torch.save (.pt), which",
    ),
    "old torch.save": (lambda path, trap: old_torch_save([torch.ones(3), Bomb(trap)], path), "a pickle"),
    "npz": (lambda path, _: path.write_bytes(saved(np.savez, np.ones(3))), "a NumPy archive (.npz)"),
    "npy": (lambda path, _: path.write_bytes(saved(np.save, np.ones(3))), "a NumPy array (.npy)"),
    "hdf5": (lambda path, _: path.write_bytes(b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0"), "an HDF5 file, such as Keras"),
    "gzip": (lambda path, _: path.write_bytes(gzip.compress(b"x")), "a file compressed by gzip"),
    "parquet": (lambda path, _: pl.DataFrame({"x": [1]}).write_parquet(path), "a table (Parquet)"),
    "json": (lambda path, _: path.write_text(json.dumps([{"x": 1}] * 100, indent=1)), "JSON"),
    "csv": (lambda path, _: path.write_text("größe,x\n1,2\n" * 100), "text"),
    "one byte": (lambda path, _: path.write_bytes(b"\0"), "of an unknown format, or it is damaged"),
    "empty": (lambda path, _: path.write_bytes(b""), "empty"),
    "zeros": (lambda path, _: path.write_bytes(bytes(10_000)), "of an unknown format, or it is damaged"),
    "executable": (lambda path, _: path.write_bytes(Path(sys.executable).read_bytes()), "of an unknown format, or it"),
    "safetensors": (
        lambda path, _: path.write_bytes(save({"x": torch.ones(3)})),
        "a safetensors file of another program",
    ),
    "with metadata": (lambda path, _: path.write_bytes(save({}, {"format": "pt"})), "a safetensors file of another"),
    "to come": (
        lambda path, _: path.write_bytes(save({}, {"minidl": "x"})),
        "of a version of minidl that this one does",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_of_another_program_is_named_and_never_run(kind: str, path: Path) -> None:
    write, name = FOREIGN[kind]
    trap = path.with_name("trap")
    write(path, trap)
    for what in "model file", "checkpoint":
        said = refused(path, what)
        assert said.startswith(f"'{path}' is not a minidl {what}: it is {name}")
        assert said.endswith(NO_OTHER)
    assert not trap.exists()


def test_what_is_no_file_is_refused_at_once(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.with_name("folder").mkdir()
    path.with_name("away").symlink_to("nowhere")
    path.with_name("loop").symlink_to("loop")
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path.with_name("socket")))
        for name in ("pipe", "socket"):
            assert refused(path.with_name(name)).endswith("is not a minidl model file: it is no regular file")
    assert refused(Path("/dev/zero")) == "'/dev/zero' is not a minidl model file: it is no regular file"
    assert refused(path.with_name("folder")).endswith("is not a minidl model file: it is a folder")
    for name in ("absent", "away", "absent/within"):
        assert refused(path.with_name("x").parent / name) == f"there is no model file '{path.parent / name}'"
    assert refused(path.with_name("loop")).startswith(f"cannot read '{path.with_name('loop')}': Too many levels")
    assert refused(path.with_name("x" * 300)).endswith("File name too long")
    assert time.monotonic() - began < 2


@pytest.fixture
def whole(path: Path) -> bytes:
    write_tensors(path, {"x": torch.arange(6.0).reshape(2, 3), "y": torch.ones(2, dtype=torch.int64)}, {"format": "1"})
    return path.read_bytes()


def test_every_truncation_is_refused_as_such(whole: bytes, path: Path) -> None:
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        words = "is damaged, cut off or changed: " if length > 8 else "is not a minidl model file: it is "
        assert words in refused(path), length


def test_more_at_the_end_is_refused(whole: bytes, path: Path) -> None:
    for more in b"\0", b" ", whole:
        path.write_bytes(whole + more)
        assert "its checksum is not that of its contents" in refused(path)
        path.write_bytes(sealed(whole + more))
        assert f"its tensors end after 40 bytes, and {40 + len(more)} are there" in refused(path)


def test_every_flipped_bit_is_refused(whole: bytes, path: Path) -> None:
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        refused(path)


def test_a_checksum_in_capitals_is_refused(whole: bytes, path: Path) -> None:
    digits = whole.index(b"sha256") + len(b'sha256\\":\\"')
    path.write_bytes(whole[:digits] + whole[digits : digits + 64].upper() + whole[digits + 64 :])
    assert "its checksum is none" in refused(path)


def test_a_file_that_becomes_shorter_while_it_is_read_is_refused(path: Path) -> None:
    write_tensors(path, {"x": torch.ones(100_000)}, {})
    with open_tensors(path) as opened:
        os.truncate(path, 200_000)
        with pytest.raises(ModelFileError, match=f"'{path}' has become shorter while it was read"):
            opened.tensor("x")


NULL, ESCAPE = r"a\u0000b", r"a\u001b[2J"
F64 = '"F64"'
START = f'{BEGINNING.decode()}{ZEROS}\\"}}"}}'
X = '"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'


def entry(dtype: str = '"F32"', shape: str = "[2]", offsets: str = "[0,8]", name: str = "x") -> str:
    return f'"{name}":{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}'


@pytest.mark.parametrize(
    ("text", "size", "words"),
    [
        (f"{START},{X}", 8, "its header is no JSON: Expecting ',' delimiter"),
        (f"{START},{X}}}x", 8, "its header is no JSON: Extra data"),
        (f"{START},{X},{X}}}", 8, "its header has the key 'x' twice in one object"),
        (f'{START},{X},"__metadata__":{{"minidl":"{{}}"}}}}', 8, "its header has the key '__metadata__' twice"),
        (f'{START[:-1]},"minidl":"{{}}"}},{X}}}', 8, "its header has the key 'minidl' twice in one object"),
        (f'{START[:-1]},"more":"{{}}"}},{X}}}', 8, "its header has other metadata than that of minidl"),
        (f'{START[:-1]},"minidl":[]}},{X}}}', 8, "its header has the key 'minidl' twice in one object"),
        (f"{START},{X}é}}", 8, "its header is not ASCII"),
        (
            f'{BEGINNING.decode()}{ZEROS}\\"\\u002c\\"x\\":1}}"}},{X}}}',
            8,
            "written in another way than minidl writes it",
        ),
        (f'{BEGINNING.decode()}{ZEROS}\\"}} 1"}},{X}}}', 8, "its header is no JSON: Extra data"),
        (f"{START},7:1}}", 8, "its header is no JSON: Expecting property name"),
        (f"{START},{entry(name='')}}}", 8, "its header has a tensor of the name '', which is none"),
        (f"{START},{entry(name=NULL)}}}", 8, "its header has a tensor of the name 'a\\x00b', which is none"),
        (f"{START},{entry(name=ESCAPE)}}}", 8, "a tensor of the name 'a\\x1b[2J', which is none"),
        (f'{START},"x":[]}}', 8, "its tensor 'x' must have dtype, shape and data_offsets, got []"),
        (f'{START},"x":null}}', 8, "its tensor 'x' must have dtype, shape and data_offsets, got None"),
        (f'{START},"x":{{}}}}', 8, "its tensor 'x' must have dtype, shape and data_offsets, got {}"),
        (f'{START},{X[:-1]},"more":1}}}}', 8, "its tensor 'x' must have dtype, shape and data_offsets, got {"),
        *(
            (f"{START},{entry(dtype=dtype)}}}", 8, "its tensor 'x' must be one of F64, F32, ")
            for dtype in ('"f32"', '"C64"', '""', "7", "null", "[]", '["F32"]', "{}")
        ),
        *(
            (
                f"{START},{entry(shape=shape)}}}",
                8,
                "the shape of its tensor 'x' must be a list of at most 32 sizes, got ",
            )
            for shape in (
                *("2", "null", "{}", '"2"', '["2"]', "[2.0]", "[true,2]", "[-2,-1]", "[[2]]", "[2,null]"),
                *(f"[{2**63}]", f"[{2**40},{2**40}]", f"[0,{2**40},{2**40}]", str([1] * 33), f"[{10**900}]"),
            )
        ),
        *(
            (f"{START},{entry(offsets=offsets)}}}", 8, "the data_offsets of its tensor 'x' must be where it begins and")
            for offsets in (
                "8",
                "null",
                "[]",
                "[8]",
                "[0,8,8]",
                '["0","8"]',
                "[0,8.0]",
                "[-8,0]",
                f"[0,{2**63}]",
                "[false,8]",
            )
        ),
        (f"{START},{entry(offsets='[0,4]')}}}", 4, "its tensor 'x' needs 8 bytes, and its header gives it 4"),
        (f"{START},{entry(offsets='[8,0]')}}}", 8, "its tensor 'x' needs 8 bytes, and its header gives it -8"),
        (f"{START},{entry(dtype=F64)}}}", 8, "its tensor 'x' needs 16 bytes, and its header gives it 8"),
        (f"{START},{entry(shape='[]')}}}", 8, "its tensor 'x' needs 4 bytes, and its header gives it 8"),
        (
            f"{START},{entry(shape=f'[{2**50}]', offsets=f'[0,{2**52}]')}}}",
            8,
            f"end after {2**52} bytes, and 8 are there",
        ),
        (f"{START},{X}}}", 7, "its tensors end after 8 bytes, and 7 are there"),
        (f"{START},{X}}}", 9, "its tensors end after 8 bytes, and 9 are there"),
        (f"{START}}}", 1, "its tensors end after 0 bytes, and 1 are there"),
        (
            f"{START},{entry(offsets='[4,12]')}}}",
            12,
            "its tensor 'x' is to begin at byte 4, where the one before it ends",
        ),
        (
            f"{START},{X},{entry(name='y')}}}",
            8,
            "its tensor 'y' is to begin at byte 0, where the one before it ends at",
        ),
        (
            f"{START},{X},{entry(name='y', offsets='[4,12]')}}}",
            12,
            "its tensor 'y' is to begin at byte 4, where the ",
        ),
        (
            f"{START},{X},{entry(name='y', offsets='[9,17]')}}}",
            17,
            "its tensor 'y' is to begin at byte 9, where the ",
        ),
    ],
    ids=itertools.count(),
)
def test_a_header_with_a_right_checksum_that_cannot_be_is_refused(text: str, size: int, words: str, path: Path) -> None:
    path.write_bytes(raw_file(text, bytes(size)))
    said = refused(path)
    assert said.startswith(f"'{path}' is not a minidl model file: ")
    assert words in said


def test_a_header_that_can_be_is_not(path: Path) -> None:
    path.write_bytes(raw_file(f"{START},{X},{entry(name='z', shape='[0]', offsets='[8,8]')}}}  ", bytes(8)))
    found, header = read(path)
    assert header == {}
    assert_same(found, {"x": torch.zeros(2), "z": torch.zeros(0)})


def test_the_length_of_the_header_is_checked_before_it_is_read(whole: bytes, path: Path) -> None:
    for length, words in (
        (2**63, f"its header is to have {2**63:,} bytes, and the whole file has {len(whole):,}"),
        (len(whole) - 7, f"its header is to have {len(whole) - 7:,} bytes, and the whole file has {len(whole):,}"),
        (0, "its header is to have 0 bytes, and may have 16,777,216"),
        (50, "its header is to have 50 bytes, and may have 16,777,216"),
        (len(whole) - 8, "is not a minidl model file: its header is no"),
    ):
        path.write_bytes(sealed(length.to_bytes(8, "little") + whole[8:]))
        assert words in refused(path)
    path.write_bytes(sealed((2**24 + 1).to_bytes(8, "little") + whole[8:] + bytes(2**24)))
    assert "its header is to have 16,777,217 bytes, and may have 16,777,216" in refused(path)


def test_a_large_file_is_written_and_read_without_a_second_copy_in_memory(tmp_path: Path) -> None:
    code = (
        "import resource, sys, torch\n"
        "from minidl_core.persistence.tensor_file import open_tensors, write_tensors\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "view = torch.ones(2, 25_000_000)[:, 1:]\n"  # 200 MB
        "before = peak()\n"
        "write_tensors(sys.argv[1], {'x': view, 'y': view}, {})\n"
        "written = peak()\n"
        "with open_tensors(sys.argv[1]) as opened:\n"
        "    opened.read_into('x', view)\n"
        "print(written - before, peak() - written)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, tmp_path / "large"], capture_output=True, text=True, check=True)
    written, read = map(int, ran.stdout.split())
    assert max(written, read) < 20
