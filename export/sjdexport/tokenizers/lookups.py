"""Hash tables in a graph."""

from __future__ import annotations

from collections.abc import Mapping

from ..graph import Graph


def lookup(graph: Graph, name: str, keys: str, table: Mapping[int, int] | Mapping[bytes, int], default: int) -> str:
    """int64 like `keys`: the table's value for each of them, or the default."""
    kind = "strings" if isinstance(next(iter(table)), bytes) else "int64s"
    attributes = {f"keys_{kind}": list(table), "values_int64s": list(table.values()), "default_int64": default}
    return graph.node("LabelEncoder", name, [keys], "ai.onnx.ml", **attributes)
