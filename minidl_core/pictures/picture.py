"""A picture of a training."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Theme = Literal["white", "page"]
DOTS_PER_INCH = 150


@dataclass(frozen=True)
class Picture:
    """What it is called, what it shows, and how it is written."""

    name: str
    """`loss`, as a file is called."""
    heading: str
    caption: str
    """In one sentence or a few."""
    figure: Figure = field(repr=False)

    def svg(self, theme: Theme = "white") -> str:
        """As SVG: a file, `white`; or, `page`, an element of an HTML page, which has the page's colours and font."""
        from minidl_core.pictures.svg import for_a_file, for_a_page

        drawn = self._saved("svg", {"Date": None}).decode("utf-8")
        return for_a_file(drawn, self) if theme == "white" else for_a_page(drawn, self)

    def png(self) -> bytes:
        """As PNG, on white."""
        return self._saved("png", {"Software": None}, facecolor="white", dpi=DOTS_PER_INCH)

    def _saved(self, kind: str, metadata: dict[str, None], **options: Any) -> bytes:
        from minidl_core.pictures.drawing import drawing

        written = io.BytesIO()
        with drawing():
            self.figure.savefig(written, format=kind, metadata=metadata, **options)
        return written.getvalue()
