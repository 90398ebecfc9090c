"""Fed-TCGA-BRCA over the twenty published splits: concordance and calibration of the federated model.

    python3 docs/figures/brca.py --data DIR --work FOLDER
    python3 docs/figures/brca.py --data DIR --work FOLDER --private 1 3 8 --draws 2

DIR holds brca.csv and splits20.csv, as configs/experiments/tcga-brca.toml says. Every split is one
`coordinator simulate` and one `coordinator models predict`. "expected" is the sum over test patients of
-ln S(t) at the time that each was followed to, by the exported curve; "observed" is their events, both up to the
last edge: 1 is ideal. Needs no package. Tables and runs go to --work.
"""

import argparse
import csv
import json
import math
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def call(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return done.stdout


def survival(edges, curve, time):
    """S(t) on straight lines from (0, 1) through the edges."""
    start, alive = 0.0, 1.0
    for edge, value in zip(edges, curve):
        if time <= edge:
            return alive + (value - alive) * (time - start) / (edge - start)
        start, alive = edge, value
    return alive


def expected_over_observed(predicted, truth):
    expected = observed = 0.0
    for row in csv.DictReader(predicted):
        names = [name for name in row if name.startswith("survival_")]
        edges = [float(name.removeprefix("survival_")) for name in names]
        time, event = truth[row["pid"]]
        expected -= math.log(survival(edges, [float(row[name]) for name in names], time))
        observed += event and time <= edges[-1]
    return expected / observed


def measure(options, experiment, settings, label):
    truth = {}
    with open(options.data / "brca.csv") as file:
        for row in csv.DictReader(file):
            truth[row["pid"]] = (float(row["T"]), float(row["E"]) == 1.0)
    scores = {"federated": [], "pooled": [], "expected_over_observed": []}
    for split in range(20):
        cohort = options.work / "cohort.toml"
        text = 'tables = ["{0}/brca.csv", "{0}/splits20.csv"]\npatient = "pid"\nsplit = "rep{1:02}"\n'
        cohort.write_text(text.format("data", split))
        command = [options.coordinator, "simulate", ROOT / f"configs/experiments/{experiment}.toml"]
        command += ["--data", options.data, "--out", options.work / "runs", "--format", "json", "--quiet"]
        command += ["--set", f"data.split=rep{split:02}"] + settings
        report = json.loads(call(*command))
        file = options.work / f"{report['run']}.csv"
        predict = ["models", "predict", report["run"], "--state", options.work / "runs"]
        call(options.coordinator, *predict, "--cohort", cohort, "--split", "test", "--out", file)
        with open(file) as predicted:
            scores["expected_over_observed"].append(expected_over_observed(predicted, truth))
        scores["federated"].append(report["final"]["c_index"])
        if report["pooled"]:
            scores["pooled"].append(report["pooled"]["c_index"])
    line = {"run": label}
    for name, values in scores.items():
        if values:
            line[name] = {"mean": statistics.mean(values), "sd": statistics.stdev(values)}
    print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--coordinator", type=Path, default=ROOT / "target/release/coordinator")
    parser.add_argument("--private", type=float, nargs="*", metavar="EPSILON")
    parser.add_argument("--draws", type=int, default=1, help="runs of each private setting: noise is new in each")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    # A cohort's tables lie beside its file.
    (options.work / "data").mkdir(exist_ok=True)
    for name in ["brca.csv", "splits20.csv"]:
        (options.work / "data" / name).write_bytes((options.data / name).read_bytes())
    if not options.private:
        measure(options, "tcga-brca", [], "no noise")
    for epsilon in options.private or []:
        for draw in range(options.draws):
            settings = ["--set", f"privacy.epsilon={epsilon}", "--no-baselines"]
            measure(options, "tcga-brca-private", settings, f"epsilon {epsilon}, draw {draw + 1}")


main()
