"""Examples with names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from minidl_core.data.columns import MANY, Column
from minidl_core.errors import DataError


@dataclass(frozen=True)
class Table:
    """Rows of features, each with a class or with numbers to predict."""

    features: Tensor
    """`[N, columns]`, float64, see `Column`."""
    target: Tensor
    """`[N]`, the number of each row's class, int64; or `[N, T]`, values, float64."""
    columns: tuple[Column, ...]
    """Of the features."""
    target_names: tuple[str, ...]
    classes: tuple[str, ...] | None
    """The names of the classes, by their numbers; None where the target is values."""
    weight: Tensor | None = None
    """`[N]`, float64, greater than 0: how much each row counts. None for all alike."""
    weight_name: str | None = None
    """The column that it was read from."""
    key: Tensor | None = None
    """`[N]`: the part, the group or the moment of each row, by which rows are split; None where they are by chance."""

    def __post_init__(self) -> None:
        for name in ("target", "weight", "key"):
            of_rows = getattr(self, name)
            if of_rows is not None and len(of_rows) != len(self.features):
                raise DataError(f"{name} has {len(of_rows)} rows and features {len(self.features)}; give as many")
        if self.weight is not None and not bool(((self.weight > 0) & self.weight.isfinite()).all()):
            raise DataError("a weight of the table is not greater than 0 and finite; leave its row out, or correct it")

    def __len__(self) -> int:
        return len(self.features)

    def completed(self, missing: str | None) -> Table:
        """What a training takes of it that treats missing cells so: `drop` leaves rows with any out.

        Raises DataError where cells are missing and nothing is to become of them.
        """
        is_missing = self.features.isnan()
        if missing not in (None, "drop") or not bool(is_missing.any()):
            return self
        if missing is None:
            counts = [
                f"{count} of '{column.name}'"
                for column, count in zip(self.columns, is_missing.sum(0).tolist(), strict=True)
                if count
            ]
            more = f" and more in {len(counts) - MANY} other columns" if len(counts) > MANY else ""
            raise DataError(
                f"the table has missing cells: {', '.join(counts[:MANY])}{more}; missing='median', 'mean' or "
                "'most_frequent' fills them in from the training rows, 'drop' leaves their rows out"
            )
        whole = ~is_missing.any(-1)
        if not bool(whole.any()):
            raise DataError(f"a cell is missing in each of the table's {len(self)} rows; drop would leave none")
        weight, key = (None if one is None else one[whole] for one in (self.weight, self.key))
        return replace(self, features=self.features[whole], target=self.target[whole], weight=weight, key=key)
