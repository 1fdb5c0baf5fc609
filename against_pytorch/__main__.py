"""The command, `make judge`: judge every input, run every check, and write the tables of the pages."""

from __future__ import annotations

import argparse

import torch

from against_pytorch import page


def main() -> None:
    """Write the pages. A disagreement is an error, and nothing is then written."""
    parser = argparse.ArgumentParser(
        prog="python -m against_pytorch", description="minidl against PyTorch's own inputs"
    )
    parser.add_argument("--only", choices=("pytorch", "conformance"), help="write this page alone  [both]")
    only = parser.parse_args().only
    torch.set_num_threads(1)
    for name, path, parts in (
        ("pytorch", page.PYTORCH, page.pytorch_parts),
        ("conformance", page.CONFORMANCE, page.conformance_parts),
    ):
        if only in (None, name):
            path.write_text(page.filled(path.read_text(encoding="utf-8"), parts()), encoding="utf-8")


if __name__ == "__main__":
    main()
