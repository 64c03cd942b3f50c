# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "pandas==3.1.1"]
# ///
"""Makes the reference checksums of helm-core's readers of SAS transport and mortality files.

    python scripts/golden_xpt.py --data DIR --out DIR

DIR of --data is a folder with the NHANES 2011-2012 files named below, as the US National Center for Health Statistics
publishes them; DIR of --out is the repository (or any folder). Written:

    helm-core/tests/it/golden/nhanes_xpt.json

For every file its rows, and for every column its name, its kind and a SHA-256 over its cells in their order, as
pandas reads them (`read_sas` with format="xport", `read_fwf` for the mortality file). The bytes that are hashed:

    n (numbers)  a number is the 8 bytes of its f64, little-endian; a missing value is 8 bytes of 0xff
    t (text)     a text is its UTF-8 without the blanks at its end, and then one byte 0

There is no tolerance: every bit counts. One thing is mended on the way: pandas does not know the IBM zero and reads it
as 16**-65 (5.397605346934028e-79); it is 0.0 here. No other number of these files is so small, which is checked.
The file has one column a line, so that a test can make the same text and compare it line by line.
"""

import argparse
import hashlib
import json
import pathlib

import numpy
import pandas

VERSIONS = {"numpy": "2.4.6", "pandas": "3.1.1"}
XPT = ["ALQ_G", "BMX_G", "DEMO_G", "DIQ_G", "HUQ_G", "PAQ_G", "RDQ_G", "SMQ_G", "SPX_G"]
MORTALITY = "NHANES_2011_2012_MORT_2019_PUBLIC.dat"
# Columns of the mortality file, from 0, the end not included, as its documentation has them from 1.
FIELDS = {"SEQN": (0, 6), "ELIGSTAT": (14, 15), "MORTSTAT": (15, 16), "PERMTH_INT": (42, 45), "PERMTH_EXM": (45, 48)}
PSEUDO_ZERO = 16.0**-65
MISSING = b"\xff" * 8
MAX_BYTES = 60_000


def number_bytes(column: pandas.Series) -> bytes:
    values = column.to_numpy(dtype="<f8").copy()
    values[values == PSEUDO_ZERO] = 0.0
    present = values[~numpy.isnan(values)]
    assert numpy.isfinite(present).all(), column.name
    assert not ((present != 0.0) & (numpy.abs(present) < 1e-70)).any(), column.name
    missing = numpy.isnan(values)
    raw = values.view("u1").reshape(-1, 8).copy()
    raw[missing] = numpy.frombuffer(MISSING, dtype="u1")
    return raw.tobytes()


def text_bytes(column: pandas.Series) -> bytes:
    texts = (value.decode("utf-8") if isinstance(value, bytes) else value for value in column)
    return b"".join(text.rstrip(" ").encode("utf-8") + b"\0" for text in texts)


def lines(name: str, table: pandas.DataFrame) -> list[str]:
    out = [f'{json.dumps(name)}: {{"rows": {len(table)}, "columns": [']
    for column in table.columns:
        is_number = pandas.api.types.is_numeric_dtype(table[column])
        content = number_bytes(table[column]) if is_number else text_bytes(table[column])
        out.append(json.dumps([column, "nt"[not is_number], hashlib.sha256(content).hexdigest()]) + ",")
    out[-1] = out[-1].removesuffix(",")
    return out + ["]},"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    for module in (numpy, pandas):
        found, expected = module.__version__, VERSIONS[module.__name__]
        assert found == expected, f"{module.__name__}: expected {expected}, found {found}"

    made_by = " ".join(["scripts/golden_xpt.py with", *(f"{name} {version}" for name, version in VERSIONS.items())])
    out = ["{", f'"made_by": {json.dumps(made_by)},', '"files": {']
    for stem in XPT:
        table = pandas.read_sas(arguments.data / f"{stem}.XPT", format="xport", encoding=None)
        out += lines(f"{stem}.XPT", table)
    table = pandas.read_fwf(
        arguments.data / MORTALITY,
        colspecs=list(FIELDS.values()),
        names=list(FIELDS),
        header=None,
        na_values=["."],
        dtype="float64",
    )
    out += lines(MORTALITY, table)
    out[-1] = out[-1].removesuffix(",")
    text = "\n".join([*out, "}", "}"]) + "\n"
    json.loads(text)
    assert len(text) < MAX_BYTES, len(text)
    path = arguments.out / "helm-core/tests/it/golden/nhanes_xpt.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print(f"{path}: {len(text)} bytes")


if __name__ == "__main__":
    main()
