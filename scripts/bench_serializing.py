# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "pandas==2.3.3"]
# ///
"""The Python side of benches/benches/serializing.rs: what people write, a loop of zip and f-strings over pandas columns.

    HELM_BENCH_PYTHON=python cargo bench --package helm-benches --bench serializing

500,000 people with the eight tabular features of the example nhanes; the best of three runs counts. Prints JSON.
"""

import importlib.metadata
import json
import time

import numpy
import pandas

VERSIONS = {"numpy": "2.4.6", "pandas": "2.3.3"}
PEOPLE = 500_000


def main() -> None:
    for name, version in VERSIONS.items():
        assert importlib.metadata.version(name) == version, name
    rng = numpy.random.default_rng(0)
    yes_no = lambda: rng.choice(["no", "yes"], PEOPLE)  # noqa: E731
    number = lambda low, high: rng.uniform(low, high, PEOPLE)  # noqa: E731
    people = pandas.DataFrame({
        "age": number(20, 80), "sex": rng.choice(["male", "female"], PEOPLE), "bmi": number(15, 45),
        "height": number(140, 200), "ever": yes_no(), "now": yes_no(), "systolic": number(90, 180),
        "diastolic": number(40, 100),
    })  # fmt: skip
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        texts = [
            f"age: {age:.0f}, sex: {sex}, BMI: {bmi:.1f}, height: {height:.0f} cm, ever smoked: {ever}, "
            f"smokes now: {now}, systolic blood pressure: {systolic:.0f} mmHg, "
            f"diastolic blood pressure: {diastolic:.0f} mmHg"
            for age, sex, bmi, height, ever, now, systolic, diastolic in zip(
                people.age, people.sex, people.bmi, people.height, people.ever, people.now, people.systolic,
                people.diastolic, strict=True,
            )  # fmt: skip
        ]
        seconds.append(time.perf_counter() - begin)
    print(json.dumps({"versions": VERSIONS, "people": len(texts), "seconds": min(seconds)}))


if __name__ == "__main__":
    main()
