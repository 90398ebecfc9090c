"""What a model of synthetic hospitals could reach at most, given what their patients' records show.

    python3 docs/figures/observable.py DIR        # DIR as `coordinator synth` wrote it; needs numpy

The oracle of `synth` knows every patient's hidden traits. A model sees noisy records of them, and of patients
without an ECG or image nothing at all of that trait. Here each trait is replaced by its best guess from a
record as informative as simple features of it are (R2 below, measured on this generator by regression on
tables, codes, mean beats and lesion size), or by the mean of those at the hospital who lack it. The C-index of
the true risk function of these guesses, on test patients, is about the most that can be had.
"""

import csv
import sys
from pathlib import Path

import numpy as np

INFORMATIVE = {"e": 0.77, "d": 0.56, "g": 0.99, "i": 0.67}
DRAWS = 20


def column(path, key, value):
    with open(path, newline="") as file:
        return {row[key]: row[value] for row in csv.DictReader(file)}


def concordance(time, event, risk):
    agreed = pairs = 0.0
    for i in np.flatnonzero(event):
        later = (time > time[i]) | ((time == time[i]) & ~event)
        pairs += later.sum()
        agreed += (risk[i] > risk[later]).sum() + 0.5 * (risk[i] == risk[later]).sum()
    return agreed / pairs


def main(folder):
    with open(folder / "truth.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    sites = np.array([row["site"] for row in rows])
    names = [row["patient"] for row in rows]
    traits = {key: np.array([float(row[f"true_z_{key}"]) for row in rows]) for key in "edgi"}
    time, event, train = {}, {}, {}
    for site in sorted(set(sites)):
        time |= column(folder / site / "outcome.csv", "patient", "time")
        event |= column(folder / site / "outcome.csv", "patient", "event")
        train |= column(folder / site / "split.csv", "patient", "train")
    time = np.array([float(time[name]) for name in names])
    event = np.array([float(event[name]) == 1 for name in names])
    test = np.array([train[name] == "0" for name in names])
    files = {"g": ("ecg", "hea"), "i": ("images", "png")}
    has = {key: np.ones(len(rows), bool) for key in "ed"}
    for key, (kind, end) in files.items():
        has[key] = np.array(
            [(folder / s / kind / f"{n}.{end}").exists() for s, n in zip(sites, names)]
        )

    def guess(key, missing, rng):
        truth, share = traits[key], INFORMATIVE[key]
        noise = rng.normal(0, np.sqrt(truth.var() * (1 / share - 1)), len(truth))
        best = truth.mean() + share * (truth + noise - truth.mean())
        for site in set(sites) if missing else ():
            lack = (sites == site) & ~has[key]
            if lack.any():
                best[lack] = truth[lack].mean()
        return best

    def reached(missing):
        found = []
        for draw in range(DRAWS):
            rng = np.random.default_rng(draw)
            e, d, g, i = (guess(key, missing, rng) for key in "edgi")
            risk = 0.5 * e + 0.5 * d + 0.6 * g + 0.7 * i + 0.35 * g * i
            found.append(concordance(time[test], event[test], risk[test]))
        return f"{np.mean(found):.4f} +- {np.std(found):.4f}"

    print(f"ECG {has['g'].mean():.0%}, image {has['i'].mean():.0%} of {len(rows)} patients")
    print("records of all that is hidden, nobody lacks one:", reached(False))
    print("records as they are:                           ", reached(True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
