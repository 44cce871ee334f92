"""The table of an evaluation as files: parquet, JSON, JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from lxml import etree

Row = Mapping[str, Any]


def write_tables(rows: Sequence[Row], suite: str, folder: Path) -> None:
    """`results.json`, `results.parquet` and `junit.xml` in a folder; the same rows give the same bytes."""
    (folder / "results.json").write_text(json.dumps(list(rows), indent=1) + "\n", encoding="utf-8")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = pyarrow.table({name: pyarrow.array([row.get(name) for row in rows]) for name in columns})
    pyarrow.parquet.write_table(table, folder / "results.parquet", compression="zstd")
    (folder / "junit.xml").write_bytes(junit_xml(rows, suite))


def junit_xml(rows: Sequence[Row], suite: str) -> bytes:
    """One test case per row; what cannot run is skipped, what is wrong is an error."""
    counts = {outcome: sum(row["outcome"] == outcome for row in rows) for outcome in ("fail", "error", "not runnable")}
    root = etree.Element("testsuites")
    element = etree.SubElement(
        root, "testsuite", name=suite, tests=str(len(rows)), failures=str(counts["fail"]),
        errors=str(counts["error"]), skipped=str(counts["not runnable"]),
    )  # fmt: skip
    kinds = {"fail": "failure", "error": "error", "not runnable": "skipped"}
    for row in rows:
        case = etree.SubElement(
            element, "testcase", name=f"{row['case']} seed {row['seed']}", classname=f"{suite}.{row['planner']}",
            time=str(row.get("duration_s") or 0.0),
        )  # fmt: skip
        kind = kinds.get(row["outcome"])
        if kind is not None:
            etree.SubElement(case, kind, message=_printable(row["cause"]))
    text: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return text


def _printable(text: str) -> str:
    """XML knows no control characters."""
    return "".join(c if c.isprintable() else " " for c in text)
