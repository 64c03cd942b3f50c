# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "openpyxl==3.1.5", "spiref==1.0.4"]
# ///
"""Makes the reference numbers of helm-core's reference equations with spiref: GLI-2012 from the Global Lung Function
Initiative's workbook, and NHANES III.

    python scripts/golden_spirometry.py --out DIR

DIR is the repository (or any folder). Written: helm-core/tests/it/golden/spirometry_reference.csv. Left out is what spiref
does otherwise: it does not interpolate splines (so ages are quarters of a year), its lower limits lack the spline of L
(so they are of measures without one), its NHANES III takes women for adults from 20 years on (the paper from 18), and
the workbook has other splines for FEF25-75 of males than the Initiative's lookup table.
"""

import argparse
import importlib.metadata
import pathlib

import spiref.gli12
import spiref.nhanes3

VERSIONS = {"numpy": "2.4.6", "openpyxl": "3.1.5", "spiref": "1.0.4"}
PERSONS = [(3, 95), (5.5, 112), (8.25, 128), (12.75, 152), (16, 168), (24.5, 171), (45, 165.5), (67.75, 180), (80, 160)]


def rows():
    gli = spiref.gli12.GLIReferenceValueCalculator()
    for measure in ("FEV1", "FVC", "FEV1FVC", "FEF2575", "FEF75"):
        for sex in ("male", "female"):
            if (measure, sex) == ("FEF2575", "male"):
                continue
            for group in ("Cau", "AfrAm", "NEAsia", "SEAsia", "other"):
                for age, height in PERSONS:
                    predicted = gli.calc_lung_param(measure, sex, height, age, group)
                    limit = gli.calc_lln_lung_param(measure, sex, height, age, group)
                    has_limit = measure in ("FEV1", "FVC", "FEF2575")
                    yield "gli2012", measure, sex, group, age, height, predicted, limit if has_limit else ""
    nhanes = spiref.nhanes3.NHANESReferenceValueCalculator
    for sex in ("male", "female"):
        for group in ("Cau", "AfrAm", "MexAm"):
            for age, height in PERSONS[2:]:
                for measure in ("FEV1", "FEV6", "FVC", "PEF", "FEF2575"):
                    predicted = getattr(nhanes, f"calculate_{measure.lower()}")(sex, height, age, group)
                    yield "nhanes3", measure, sex, group, age, height, predicted, ""
                for measure in ("FEV1FEV6", "FEV1FVC"):
                    predicted = getattr(nhanes, f"calculate_{measure.lower()}p")(sex, age, group) / 100
                    yield "nhanes3", measure, sex, group, age, height, predicted, ""


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    folder = arguments.parse_args().out / "helm-core/tests/it/golden"
    for package, version in VERSIONS.items():
        assert importlib.metadata.version(package) == version, f"{package} {version} is needed"
    lines = ["equations,measure,sex,group,age_years,height_cm,predicted,lower_limit"]
    for *names, predicted, limit in rows():
        lines.append(",".join([*map(str, names), f"{predicted:.9g}", f"{limit:.9g}" if limit != "" else ""]))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spirometry_reference.csv").write_text("\n".join(lines) + "\n")
