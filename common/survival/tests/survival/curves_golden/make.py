"""Golden metrics of predicted curves between their edges, by scikit-survival and lifelines.

    pip install scikit-survival==0.28.0 lifelines==0.30.3
    python3 common/survival/tests/survival/curves_golden/make.py > common/survival/tests/survival/curves_golden/golden.json

Invented patients and curves on four uneven edges. A curve is read as a prediction is: a straight line from
(0, 1) through its values at the edges (numpy.interp). scikit-survival gives AUC, Brier score and the integrated
Brier score of those readings, lifelines the Kaplan-Meier curve behind observed over predicted. D-calibration is
the definition of Haider et al. (JMLR 21:85, 2020), with follow-up that ends at the last edge.
"""

import json
import math
import random

import numpy as np
from lifelines import KaplanMeierFitter
from scipy.stats import chi2
from sksurv.metrics import brier_score, cumulative_dynamic_auc, integrated_brier_score
from sksurv.util import Surv

EDGES = [1.0, 2.0, 3.5, 5.0]
HORIZONS = [0.5, 0.9, 1.0, 2.9, 3.0, 4.75]
BINS = 10


def patients(draw, count):
    """Times, events and a risk each; nobody is followed beyond 8."""
    rows = []
    for _ in range(count):
        risk = draw.gauss(0.0, 0.8)
        event = draw.expovariate(0.18 * math.exp(risk))
        censored = min(draw.uniform(0.0, 9.0), 8.0)
        rows.append((round(min(event, censored), 6), event < censored, risk))
    return rows


def curve(draw, risk):
    """Survival at the edges, from hazards that are not those of the patients."""
    alive, values = 1.0, []
    for _ in EDGES:
        alive *= 1.0 - 1.0 / (1.0 + math.exp(1.7 - 0.7 * risk + draw.gauss(0.0, 0.4)))
        values.append(alive)
    return values


def d_calibration(time, event, survival):
    bins = np.zeros(BINS)
    for observed, s in zip(event, survival):
        own = min(int(s * BINS), BINS - 1)
        if observed or s <= 0.0:
            bins[own] += 1.0
        else:
            bins[own] += (s - own / BINS) / s
            bins[:own] += 1.0 / (BINS * s)
    expected = len(time) / BINS
    return float(chi2.sf(((bins - expected) ** 2 / expected).sum(), BINS - 1))


def main():
    draw = random.Random(20261130)
    train, test = patients(draw, 160), patients(draw, 90)
    curves = np.array([curve(draw, risk) for _, _, risk in test])
    read = lambda times: np.array([np.interp(times, [0.0, *EDGES], [1.0, *row]) for row in curves])
    told = lambda rows: ([time for time, _, _ in rows], [event for _, event, _ in rows])
    (train_time, train_event), (time, event) = told(train), told(test)
    sets = [Surv.from_arrays(train_event, train_time), Surv.from_arrays(event, time)]
    observed = KaplanMeierFitter().fit(time, event)
    horizons = []
    for at in HORIZONS:
        survival = read([at])
        horizons.append(
            {
                "time": at,
                "auc": float(cumulative_dynamic_auc(*sets, 1.0 - survival[:, 0], [at])[0][0]),
                "brier": float(brier_score(*sets, survival, [at])[1][0]),
                "observed_to_predicted": float((1.0 - observed.predict(at)) / (1.0 - survival).mean()),
            }
        )
    last = HORIZONS[-1]
    grid = [at for at in np.linspace(last / 50, last, 50) if min(time) <= at < max(time)]
    own = np.array([np.interp(at, [0.0, *EDGES], [1.0, *row]) for at, row in zip(time, curves)])
    within = [had and at <= EDGES[-1] for at, had in zip(time, event)]
    golden = {
        "edges": EDGES,
        "train": {"time": train_time, "event": train_event},
        "test": {"time": time, "event": event},
        "curves": curves.tolist(),
        "horizons": horizons,
        "integrated_brier": float(integrated_brier_score(*sets, read(grid), grid)),
        "d_calibration_p": d_calibration(time, within, own),
    }
    print(json.dumps(golden))


main()
