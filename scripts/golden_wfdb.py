# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "pandas==2.3.3", "wfdb==4.3.0"]
# ///
"""Makes the reference records of helm-core's reader of WFDB files: written and read by PhysioNet's own package.

    python scripts/golden_wfdb.py --out DIR

DIR is the repository (or any folder). Written, a few KB in all:

    helm-core/tests/it/golden/wfdb/{f16,f80,f212,f16b}.{hea,dat}
    helm-core/tests/it/golden/wfdb/values.txt

Two channels of 41 samples each (an odd number, for format 212), with gains and baselines of their own; f16b is f16 at
another rate without the fields behind the gain. A line of values.txt is a channel: record, rate in Hz,
physical values as wfdb.rdrecord reads them, in f64; the reader gives f32, so that the tolerance is an f32's rounding.
"""

import argparse
import importlib.metadata
import pathlib

import numpy
import wfdb

VERSIONS = {"numpy": "2.4.6", "pandas": "2.3.3", "wfdb": "4.3.0"}


def main() -> None:
    for name, version in VERSIONS.items():
        assert importlib.metadata.version(name) == version, name
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    folder = parser.parse_args().out / "helm-core/tests/it/golden/wfdb"
    folder.mkdir(parents=True, exist_ok=True)
    rng = numpy.random.default_rng(0)
    for name, fmt, limit in [("f16", "16", 30000), ("f80", "80", 120), ("f212", "212", 2000)]:
        digital = rng.integers(-limit, limit, size=(41, 2))
        wfdb.wrsamp(
            name, fs=360, units=["mV", "mV"], sig_name=["I", "II"], d_signal=digital, fmt=[fmt, fmt],
            adc_gain=[200.0, 131.5], baseline=[0, -12], write_dir=str(folder),
        )  # fmt: skip
    header = (folder / "f16.hea").read_text().splitlines()
    short = [" ".join(line.split()[:3]) for line in header[1:]]
    (folder / "f16b.hea").write_text("\n".join(["# no more than must be", "f16b 2 128.5/1000(3) 41", *short]) + "\n")
    lines = []
    for name in ["f16", "f80", "f212", "f16b"]:
        record = wfdb.rdrecord(str(folder / name))
        for channel in record.p_signal.T.tolist():
            lines.append(" ".join([name, str(record.fs), *map(repr, channel)]))
    (folder / "values.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
