"""Two published figures, measured with `coordinator simulate`: TCGA's multi-omic federations and MultiSurv.

    python3 docs/figures/run.py tcga --data DIR                   # 4 cohorts, 25 splits each
    python3 docs/figures/run.py tcga --data DIR --cohort luad --clinical
    python3 docs/figures/run.py multisurv --data DIR
    python3 docs/figures/run.py multisurv --data DIR --table FILE --least 43   # other patients, more sites

DIR holds `tcga_multiomic/mutsig_tcga_*_all_clean.csv.zip`, which are `datasets_csv_mutsig/tcga_*` of
github.com/mahmoodlab/PORPOISE, and `multisurv/clinical_data.tsv`, which is `data/clinical_data.tsv` of
github.com/luisvalesilva/multisurv. Prints one JSON line for each split and a summary for each cohort. Tables
and runs go to --work, which is no place for a commit. Needs numpy.
"""

import argparse
import json
import os
import statistics
import subprocess
from pathlib import Path

import numpy as np

import reference
import tables

ROOT = Path(__file__).resolve().parents[2]
TCGA = ["gbmlgg", "luad", "blca", "ucec"]
SCORES = ["federated", "pooled", "one_site_on_everyone", "ridge_cox"]


def simulate(options, experiment, folder, settings):
    """One run of the federation and its baselines."""
    command = [options.coordinator, "simulate", ROOT / f"configs/experiments/{experiment}.toml"]
    command += ["--data", folder, "--out", options.work / "runs", "--format", "json", "--quiet"]
    for key, value in settings.items():
        # JSON strings, numbers and lists of strings are TOML too.
        command += ["--set", f"{key}={json.dumps(value)}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def measure(options, experiment, name, cohort, splits, settings):
    """All splits of a cohort, a line each, and their mean and standard deviation."""
    folder = options.work / name
    cohort.write(folder)
    count = len(set(cohort.sites))
    settings = settings | {"aggregation.min_sites": count, "aggregation.max_sites": count}
    features, time, event = (np.array(x) for x in (cohort.features, cohort.time, cohort.event))
    if "features.columns" in settings:
        kept = [cohort.columns.index(column) for column in settings["features.columns"]]
        features = features[:, kept]
    lines = []
    for split in splits:
        train = np.array(cohort.splits[split]) == 1
        report = simulate(options, experiment, folder, settings | {"data.split": split})
        cox, ridge = reference.ridge_cox(features, time, event, cohort.sites, train)
        line = {
            "cohort": name,
            "split": split,
            "test_patients": int((~train).sum()),
            "test_events": int(event[~train].sum()),
            "federated": report["final"]["c_index"],
            "pooled": report["pooled"]["c_index"],
            "one_site_on_everyone": report["single_site"]["mean"]["c_index"],
            "ridge_cox": cox,
            "ridge": ridge,
            "rounds": len(report["rounds"]),
            "fewest_sites": min(entry["sites"] for entry in report["rounds"]),
        }
        lines.append(line)
        print(json.dumps(line), flush=True)
    summary = {"cohort": name, "splits": len(lines), "sites": count}
    summary |= {"patients": len(cohort.patients), "events": int(event.sum())}
    for score in SCORES:
        values = [line[score] for line in lines]
        deviation = statistics.stdev(values) if len(values) > 1 else None
        summary[score] = {"mean": statistics.mean(values), "sd": deviation}
    print(json.dumps(summary), flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("figure", choices=["tcga", "multisurv"])
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--work", type=Path, default=Path("runs/figures"))
    options.add_argument("--coordinator", default="coordinator", help="the binary")
    options.add_argument("--cohort", choices=TCGA, nargs="+", default=TCGA)
    options.add_argument("--clinical", action="store_true", help="tcga: without molecular columns")
    options.add_argument("--table", default=tables.MULTISURV_TABLE)
    options.add_argument("--least", type=int, default=tables.MULTISURV_LEAST)
    options.add_argument("--splits", nargs="+", help="only these, such as r0f0")
    options = options.parse_args()
    os.makedirs(options.work, exist_ok=True)
    if options.figure == "multisurv":
        cohort = tables.multisurv(options.data, options.table, options.least)
        folds = [f"r0f{fold}" for fold in range(tables.FOLDS)]
        for splits in [options.splits] if options.splits else [["published"], folds]:
            measure(options, "multisurv", "multisurv", cohort, splits, {})
        return
    for name in options.cohort:
        cohort = tables.tcga(options.data, name)
        columns = tables.CLINICAL if options.clinical else cohort.columns
        splits = options.splits or list(cohort.splits)
        measure(options, "tcga-multiomic", name, cohort, splits, {"features.columns": columns})


if __name__ == "__main__":
    main()
