"""What pooled patients allow, by numpy alone: a ridge Cox model (Breslow, Newton) and Harrell's C."""

import numpy as np

import tables

LAMBDAS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
INNER, INNER_SEED = 3, 7000


def harrell(time, event, risk):
    """Concordance over pairs whose earlier time is an event; equal risks count one half."""
    concordant = comparable = 0.0
    for i in np.flatnonzero(event):
        later = (time > time[i]) | ((time == time[i]) & (event == 0))
        more = risk[i] - risk[later]
        comparable += later.sum()
        concordant += (more > 1e-8).sum() + 0.5 * (np.abs(more) <= 1e-8).sum()
    return concordant / comparable


def newton(x, time, event, ridge, steps=50):
    """Weights that minimise the negative partial log-likelihood over n patients plus ridge/2 |w|^2."""
    order = np.argsort(-time, kind="stable")
    x, time, event = x[order], time[order], event[order] == 1
    n, width = x.shape
    # Risk sets are prefixes: a tied event has all patients of its time at risk.
    last = np.searchsorted(-time, -time, side="right") - 1

    def loss(weights):
        risk = x @ weights
        top = risk.max()
        total = np.log(np.cumsum(np.exp(risk - top))[last][event]) + top
        return (total - risk[event]).sum() / n + ridge / 2 * weights @ weights

    weights = np.zeros(width)
    now = loss(weights)
    for _ in range(steps):
        risk = x @ weights
        hazard = np.exp(risk - risk.max())
        total = np.cumsum(hazard)[last][event]
        mean = np.cumsum(hazard[:, None] * x, axis=0)[last][event] / total[:, None]
        inverse = np.zeros(n)
        np.add.at(inverse, last[event], 1 / total)
        expected = hazard * np.cumsum(inverse[::-1])[::-1]
        curvature = ((x * expected[:, None]).T @ x - mean.T @ mean) / n + ridge * np.eye(width)
        slope = (x[event] - mean).sum(axis=0) / n - ridge * weights
        step = np.linalg.solve(curvature, slope)
        promised = slope @ step
        if promised < 1e-10:
            return weights
        length = 1.0
        while loss(weights + length * step) > now - 0.25 * length * promised:
            length /= 2
        weights = weights + length * step
        now = loss(weights)
    raise ArithmeticError("Newton's method did not converge")


def reduced(train, test):
    """The same patients in as many coordinates as there are training patients, where columns are more.
    Ridge solutions lie in the span of the training patients: nothing is lost."""
    if train.shape[1] <= train.shape[0]:
        return train, test
    left, size, right = np.linalg.svd(train, full_matrices=False)
    kept = size > 1e-9 * size[0]
    return left[:, kept] * size[kept], test @ right[kept].T


def ridge_cox(features, time, event, sites, train):
    """C-index on the test patients and the ridge, chosen by three-fold cross-validation within training."""
    inside = np.flatnonzero(train)
    fold = tables.folds([sites[i] for i in inside], [event[i] for i in inside], INNER_SEED, INNER)
    fold = np.array([INNER if mine is None else mine for mine in fold])
    score = np.zeros(len(LAMBDAS))
    for test in range(INNER):
        fit, judge = inside[fold != test], inside[fold == test]
        x, y = reduced(features[fit], features[judge])
        for which, ridge in enumerate(LAMBDAS):
            weights = newton(x, time[fit], event[fit], ridge)
            score[which] += harrell(time[judge], event[judge], y @ weights)
    ridge, judge = LAMBDAS[int(score.argmax())], np.flatnonzero(np.logical_not(train))
    x, y = reduced(features[inside], features[judge])
    risk = y @ newton(x, time[inside], event[inside], ridge)
    return harrell(time[judge], event[judge], risk), ridge
