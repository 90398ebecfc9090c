"""How the weights of the blocks in tables.py and the weight decay of tcga-multiomic.toml were chosen.

    python3 docs/figures/choose.py --data DIR           # the choice, from training folds
    python3 docs/figures/choose.py --data DIR --nested  # what a choice of each split's own reaches

A setting is scored by three-fold cross-validation within the training part of each of the five splits
of the first repeat, with the federation's model (a proportional logistic hazard on the same grid, at
its optimum) on pooled training patients. No test patient of a split has a say in that split's scores. One
choice for all splits still means that nearly every patient had one in some other split; --nested has no such
overlap: each of the 25 splits chooses for itself, from its training part, and is tested once.
"""

import argparse
import itertools
import json
import statistics
from pathlib import Path

import numpy as np

import reference
import tables

GRID = list(itertools.product((0.0, 0.5, 1.0, 2.0), (0.0, 1.0, 2.0), (0.0, 1.0)))  # rnaseq, mut, cnv
DECAY = (0.003, 0.01, 0.03, 0.1, 0.3)
EDGES = np.arange(12.0, 121.0, 12.0)


def hazard(x, time, event, decay, steps=30):
    """Weights that minimise the mean loss of the discrete-time model plus decay/2 |w|^2, by Newton."""
    n, width = x.shape
    interval = np.searchsorted(EDGES, time)
    inside = interval < len(EDGES)
    at_risk = (np.arange(len(EDGES)) <= interval[:, None]).astype(float)
    seen = np.zeros_like(at_risk)
    seen[np.flatnonzero(inside), interval[inside]] = event[inside]
    weights, bias = np.zeros(width), np.full(len(EDGES), -2.2)
    for _ in range(steps):
        rate = 1 / (1 + np.exp(-(x @ weights)[:, None] - bias))
        slope, curve = at_risk * rate - seen, at_risk * rate * (1 - rate)
        # A hair of decay on the biases, for intervals that nobody died in.
        gradient = np.r_[x.T @ slope.sum(1) / n + decay * weights, slope.mean(0) + 1e-6 * bias]
        cross = x.T @ curve / n
        corner = (x * curve.sum(1)[:, None]).T @ x / n + decay * np.eye(width)
        step = np.linalg.solve(
            np.block([[corner, cross], [cross.T, np.diag(curve.mean(0) + 1e-6)]]), gradient
        )
        largest = np.abs(step).max()
        step *= min(1.0, 2.0 / largest)
        weights, bias = weights - step[:width], bias - step[width:]
        if largest < 1e-6:
            break
    return weights


def kernels(cohort):
    """Products of patients over each block, before its weight."""
    features = np.array(cohort.features)
    ends = {kind: [name.endswith(f"_{kind}") for name in cohort.columns] for kind in tables.BLOCKS}
    blocks = {kind: features[:, mine] / tables.BLOCKS[kind] for kind, mine in ends.items()}
    blocks["clinical"] = features[:, : len(tables.CLINICAL)]
    return {kind: block @ block.T for kind, block in blocks.items()}


def score(kernel, time, event, fit, judge, decay):
    """C-index on `judge` of the model of `fit`, in coordinates that span the patients of `fit`."""
    size, basis = np.linalg.eigh(kernel[np.ix_(fit, fit)])
    kept = size > 1e-9 * size[-1]
    root = np.sqrt(size[kept])
    weights = hazard(basis[:, kept] * root, time[fit], event[fit], decay)
    risk = kernel[np.ix_(judge, fit)] @ (basis[:, kept] / root @ weights)
    return reference.harrell(time[judge], event[judge], risk)


def combined(products, weights):
    parts = zip(tables.BLOCKS, weights)
    return products["clinical"] + sum(weight**2 * products[kind] for kind, weight in parts)


def inner_scores(cohort, products, train, grid):
    """Mean C-index of every setting within the training part of one split."""
    time, event = np.array(cohort.time), np.array(cohort.event)
    inside = np.flatnonzero(train)
    sites = [cohort.sites[i] for i in inside]
    fold = tables.folds(sites, list(event[inside]), reference.INNER_SEED, reference.INNER)
    fold = np.array([reference.INNER if mine is None else mine for mine in fold])
    parts = [(inside[fold != k], inside[fold == k]) for k in range(reference.INNER)]
    scores = {}
    for weights in grid:
        kernel = combined(products, weights)
        for decay in DECAY:
            found = [score(kernel, time, event, *part, decay) for part in parts]
            scores[(*weights, decay)] = statistics.mean(found)
    return scores


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--nested", action="store_true")
    options = options.parse_args()
    every_block = [weights for weights in GRID if all(weights)]
    means = {}
    for name in ["gbmlgg", "luad", "blca", "ucec"]:
        cohort = tables.tcga(options.data, name)
        products = kernels(cohort)
        tested, found = [], []
        for split, train in list(cohort.splits.items())[: None if options.nested else tables.FOLDS]:
            train = np.array(train) == 1
            scores = inner_scores(cohort, products, train, every_block if options.nested else GRID)
            found.append(scores)
            if options.nested:
                *weights, decay = max(scores, key=scores.get)
                time, event = np.array(cohort.time), np.array(cohort.event)
                sets = np.flatnonzero(train), np.flatnonzero(~train)
                tested.append(score(combined(products, weights), time, event, *sets, decay))
        if options.nested:
            line = {"mean": statistics.mean(tested), "sd": statistics.stdev(tested)}
            print(json.dumps({"cohort": name} | line), flush=True)
        for setting in found[0]:
            means.setdefault(setting, []).append(statistics.mean(one[setting] for one in found))
    if not options.nested:
        for every, title in ((True, "every block"), (False, "some left out")):
            settings = [setting for setting in means if all(setting) == every]
            settings.sort(key=lambda setting: -statistics.mean(means[setting]))
            for setting in settings[:5]:
                line = {"blocks": title} | dict(zip([*tables.BLOCKS, "decay"], setting))
                line |= {"mean": statistics.mean(means[setting]), "cohorts": means[setting]}
                print(json.dumps(line))


if __name__ == "__main__":
    main()
