"""Tables in, tensors out: readers, toy datasets, splits, preprocessing, batches."""

from minidl_core.data.columns import Column, numeric
from minidl_core.data.mapped import MappedTable, map_table
from minidl_core.data.source import open_data, read_table
from minidl_core.data.table import Table
from minidl_core.data.toy import Circles, Dataset, Disk, Moons, Spirals, Xor

__all__ = [
    "Circles",
    "Column",
    "Dataset",
    "Disk",
    "MappedTable",
    "Moons",
    "Spirals",
    "Table",
    "Xor",
    "map_table",
    "numeric",
    "open_data",
    "read_table",
]
