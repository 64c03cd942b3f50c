# /// script
# requires-python = ">=3.11"
# dependencies = ["openpyxl==3.1.5"]
# ///
"""Writes the spline tables of helm-core's GLI reference equations from the files that the Global Lung Function
Initiative publishes.

    python scripts/gli_tables.py --gli2012 RLookupTable.csv --global gli_global_lookuptables_dec6.xlsx --out DIR

DIR is the repository (or any folder). Written: helm-core/src/spirometry/reference/{gli2012,gli_global}.csv: a row for
each quarter of a year of age, a column for each spline. The values are those of Quanjer et al., Eur Respir J 2012;40:
1324-1343, and Bowerman et al., Am J Respir Crit Care Med 2023;207:768-774 (rounded to nine decimals); the coefficients
beside them are in gli2012.rs and gli_global.rs.
"""

import argparse
import csv
import pathlib

import openpyxl

SEXES = {"1": "male", "2": "female"}


def gli2012(path: pathlib.Path) -> dict[str, dict[float, str]]:
    columns: dict[str, dict[float, str]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["f"].startswith("FEV075"):
                continue  # Without splines.
            name = f"{SEXES[row['sex']]}_{row['f'].lower()}"
            for spline in "lms":
                columns.setdefault(f"{name}_{spline}", {})[float(row["agebound"])] = row[f"{spline}0"]
    # Splines that are zero at every age are left out.
    return {name: column for name, column in columns.items() if any(float(value) for value in column.values())}


def gli_global(path: pathlib.Path) -> dict[str, dict[float, str]]:
    columns: dict[str, dict[float, str]] = {}
    book = openpyxl.load_workbook(path, data_only=True)
    for name in book.sheetnames:
        sex, *measure = name.lower().split()
        for age, m, s, l in book[name].iter_rows(min_row=2, max_col=4, values_only=True):
            assert l == 0
            for spline, value in (("m", m), ("s", s)):
                columns.setdefault(f"{sex}_{''.join(measure)}_{spline}", {})[float(age)] = f"{value:.9f}"
    return columns


def write(columns: dict[str, dict[float, str]], path: pathlib.Path) -> None:
    ages = [3 + quarter / 4 for quarter in range(4 * 92 + 1)]
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["age_years", *columns])
        for age in ages:
            out.writerow([f"{age:g}", *(column.get(age, "") for column in columns.values())])


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    for name in ("gli2012", "global", "out"):
        arguments.add_argument(f"--{name}", type=pathlib.Path, required=True)
    paths = vars(arguments.parse_args())
    folder = paths["out"] / "helm-core/src/spirometry/reference"
    write(gli2012(paths["gli2012"]), folder / "gli2012.csv")
    write(gli_global(paths["global"]), folder / "gli_global.csv")
