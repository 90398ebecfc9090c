"""What a model of synthetic hospitals could reach at most, given what their patients' records show.

    python3 docs/figures/observable.py DIR        # DIR as `coordinator synth` wrote it; needs numpy

The oracle of `synth` knows every patient's hidden traits. A model sees noisy records of them, and of patients
without an ECG or image nothing at all of that trait. Here each trait is replaced by its best guess from the
records, made by whoever knows the generator:

    tables, codes   the posterior mean under the generator's own laws, cells that are missing included
    ECG             regression of the trait on the median beat, on training patients
    image           the same on the areas that are brighter than so many times the body, by hospital
    absent          the posterior mean given that the record is absent

The C-index of the true risk function of these guesses, on test patients, is about the most that can be had;
the guess from an image is the one that a better reading could improve. It is printed with all guesses and
without each one, and so is a reference: Cox regression with a ridge on the same numbers read off the records,
for which no trait is known, on the training patients of all hospitals together.
"""

import csv
import struct
import sys
import zlib
from pathlib import Path

import numpy as np

GRID = np.linspace(-5, 5, 201)
WEIGHTS, NOISE, MG_DL = np.linspace(0.9, 0.3, 8), 0.6, 18.0
CODES, TELLING = 200, 3 * np.arange(20) + 1
BRIGHTER = (1.3, 1.4, 1.5, 1.6, 1.7, 1.8)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def concordance(time, event, risk):
    agreed = pairs = 0.0
    for i in np.flatnonzero(event):
        later = (time > time[i]) | ((time == time[i]) & ~event)
        pairs += later.sum()
        agreed += (risk[i] > risk[later]).sum() + 0.5 * (risk[i] == risk[later]).sum()
    return agreed / pairs


def posterior(likelihood):
    weights = np.exp(likelihood - likelihood.max(1, keepdims=True))
    return weights @ GRID / weights.sum(1)


def ridge(inputs, target, train, penalty):
    mean, scale = inputs[train].mean(0), inputs[train].std(0) + 1e-9
    x, level = (inputs - mean) / scale, target[train].mean()
    gram = x[train].T @ x[train] + penalty * np.eye(x.shape[1])
    return x @ np.linalg.solve(gram, x[train].T @ (target[train] - level)) + level


def products(x, count):
    return np.array([x[:, a] * x[:, b] for a in range(count) for b in range(a, count)]).T


def beat(record):
    """The median of windows around QRS complexes, eight leads, and the time between beats."""
    bend = np.zeros_like(record)
    bend[3:-3] = (
        2 * record[3:-3] + record[2:-4] + record[4:-2]
        - record[:-6] - record[1:-5] - record[5:-1] - record[6:]
    )
    sharp = np.minimum(bend**2 / np.quantile(bend**2, 0.98, axis=0), 4).mean(1)
    sharp = np.convolve(sharp, np.ones(9) / 9, "same")
    least = 0.4 * np.median([sharp[at : at + 200].max() for at in range(0, len(sharp) - 199, 200)])
    peaks = []
    for at in np.flatnonzero(sharp >= least):
        if peaks and at - peaks[-1] <= 25:
            if sharp[at] > sharp[peaks[-1]]:
                peaks[-1] = at
        else:
            peaks.append(at)
    beats = np.array([record[p - 25 : p + 45] for p in peaks if p >= 25 and p + 45 <= len(record)])
    median = np.median(beats - np.median(beats, axis=1, keepdims=True), axis=0)
    return np.r_[median[:, [0, 1, 6, 7, 8, 9, 10, 11]].ravel(), np.median(np.diff(peaks)) / 100]


def grey(path):
    """An 8-bit grey PNG, 0 to 1."""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height = struct.unpack(">II", body[:8])
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, width + 1)
    out = np.zeros((height, width), np.uint8)
    for y, row in enumerate(rows):
        above = out[y - 1].astype(int) if y else np.zeros(width, int)
        if row[0] in (0, 2):
            out[y] = row[1:] + (above.astype(np.uint8) if row[0] else np.uint8(0))
            continue
        if row[0] == 1:
            out[y] = np.cumsum(row[1:], dtype=np.uint8)
            continue
        left = corner = 0
        for x in range(width):
            up = int(above[x])
            near = [(abs(up - corner), 0, left), (abs(left - corner), 1, up)]
            near.append((abs(left + up - 2 * corner), 2, corner))
            guess = [0, left, up, (left + up) // 2, min(near)[2]][row[0]]
            left, corner = (int(row[x + 1]) + guess) % 256, up
            out[y, x] = left
    return out / 255


def bright(images):
    """Square roots of the areas that are so many times as bright as the body's median."""
    side = images.shape[1]
    away = (np.arange(side) - (side - 1) / 2) / side
    body = (away[None] / 0.42) ** 2 + (away[:, None] / 0.34) ** 2 < 0.85
    smooth, steps = images.copy(), (-1, 0, 1)
    smooth[:, 1:-1, 1:-1] = (
        sum(images[:, 1 + a : side - 1 + a, 1 + b : side - 1 + b] for a in steps for b in steps) / 9
    )
    ratio = (smooth / np.median(images[:, body], axis=1)[:, None, None])[:, body]
    areas = [np.clip((ratio - least) / 0.3 + 0.5, 0, 1).sum(1) for least in BRIGHTER]
    return np.sqrt(np.array(areas).T)


def cox(x, time, event, penalty):
    """Weights of a proportional hazards model with a ridge, by Newton's method (Breslow's ties)."""
    order = np.argsort(-time)
    x, event, weights = x[order], event[order], np.zeros(x.shape[1])
    for _ in range(12):
        w = np.exp(np.clip(x @ weights, -20, 20))
        total, first = np.cumsum(w), np.cumsum(w[:, None] * x, 0)
        each = np.cumsum(np.where(event, 1 / total, 0)[::-1])[::-1]
        mean = first[event] / total[event][:, None]
        slope = x[event].sum(0) - mean.sum(0) - penalty * weights
        curve = (x * (w * each)[:, None]).T @ x - mean.T @ mean + np.diag(penalty)
        weights = weights + np.linalg.solve(curve, slope)
    return weights


def main(folder):
    def column(path, key):
        found = {}
        for site in sites:
            with open(folder / site / path, newline="") as file:
                found |= {row["patient"]: row[key] for row in csv.DictReader(file)}
        return np.array([found[name] for name in names])

    with open(folder / "truth.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names, at = [row["patient"] for row in rows], np.array([row["site"] for row in rows])
    sites = sorted(set(at))
    true = {key: np.array([float(row[f"true_z_{key}"]) for row in rows]) for key in "edgi"}
    time = column("outcome.csv", "time").astype(float)
    event = column("outcome.csv", "event").astype(float) == 1
    train = column("split.csv", "train") == "1"
    odd = np.array([int(site.split("-")[1]) % 2 for site in at])
    mean = {k: {s: z[(at == s) & train].mean() for s in sites} for k, z in true.items()}
    level = {key: np.array([mean[key][site] for site in at]) for key in "edgi"}
    prior = {key: -0.5 * (GRID - level[key][:, None]) ** 2 for key in "edgi"}

    # Tables.
    cells = np.full((len(names), 8), np.nan)
    for k in range(8):
        text = column("ehr.csv", f"e{k + 1}")
        filled = text != ""
        cells[filled, k] = text[filled].astype(float)
    cells[:, 2] /= np.where(odd == 1, MG_DL, 1)
    table = prior["e"].copy()
    for k, weight in enumerate(WEIGHTS):
        there = ~np.isnan(cells[:, k])
        table[there] -= 0.5 * ((cells[there, k][:, None] - weight * GRID) / NOISE) ** 2
    hidden, chance = np.isnan(cells[:, 4]), sigmoid(GRID - 1.5)
    table += np.where(hidden[:, None], np.log(chance), np.log(1 - chance))

    # Codes, and how much each tells, from all patients' true traits.
    place, counts = {name: row for row, name in enumerate(names)}, np.zeros((len(names), CODES))
    for site in sites:
        with open(folder / site / "codes.csv", newline="") as file:
            for row in csv.DictReader(file):
                counts[place[row["patient"]], int(row["code"][1:]) - 1] += 1
    many, base, slope, z = counts.sum(1), -np.log(np.arange(1, CODES + 1)), np.zeros(CODES), true["d"]
    for _ in range(60):
        share = np.exp(base + np.outer(z, slope))
        share /= share.sum(1, keepdims=True)
        up = (z[:, None] * (counts - many[:, None] * share)).sum(0)
        down = (z[:, None] ** 2 * many[:, None] * share * (1 - share)).sum(0)
        slope[TELLING] += 0.7 * (up / down)[TELLING]
    share = base + np.outer(GRID, slope)
    share -= np.log(np.exp(share).sum(1, keepdims=True))
    usual = 12 * np.exp(0.2 * GRID)
    history = prior["d"] + counts @ share.T + np.outer(many - 1, np.log(usual)) - usual

    # ECGs and images.
    def files(kind, end):
        paths = [folder / site / kind / f"{name}.{end}" for site, name in zip(at, names)]
        return [path for path in paths if path.exists()], np.array([p.exists() for p in paths])

    records, has_ecg = files("ecg", "dat")
    beats = np.array([beat(np.fromfile(p, "<i2").reshape(-1, 12) / 1000) for p in records])
    centred = beats - beats.mean(0)
    parts = centred @ np.linalg.svd(centred[train[has_ecg]], full_matrices=False)[2][:12].T
    parts /= parts.std(0)
    absent = 1 - sigmoid(1.2 + 0.5 * GRID + 0.5 * odd[:, None])
    ecg = posterior(prior["g"] + np.log(absent))
    ecg[has_ecg] = ridge(np.c_[parts, products(parts, 6)], true["g"][has_ecg], train[has_ecg], 10)

    pictures, has_image = files("images", "png")
    areas = bright(np.array([grey(path) for path in pictures]))
    here = np.array([[site == other for other in sites] for site in at[has_image]], float)
    own = np.einsum("na,ns->nas", np.c_[areas, areas[:, [2]] ** 2], here).reshape(len(areas), -1)
    seen = np.c_[areas, products(areas, 6), own, here]
    scarce = np.where(at == sites[-1], 0.05, 1)[:, None]
    image = posterior(prior["i"] + np.log(1 - scarce * sigmoid(0.8 + 0.6 * GRID)))
    image[has_image] = ridge(seen, true["i"][has_image], train[has_image], 3)

    best, test = {"e": posterior(table), "d": posterior(history), "g": ecg, "i": image}, ~train

    def reached(e, d, g, i, whom=test):
        risk = 0.5 * e + 0.5 * d + 0.6 * g + 0.7 * i + 0.35 * g * i
        return f"{concordance(time[whom], event[whom], risk[whom]):.4f}"

    def without(guesses, nothing, whom=test):
        words = zip("edgi", ("tables", "codes", "ECGs", "images"))
        each = ((word, guesses | {key: nothing[key]}) for key, word in words)
        return ", ".join(f"{word} {reached(**left, whom=whom)}" for word, left in each)

    zero = {key: np.zeros(len(names)) for key in "edgi"}
    print(f"ECG {has_ecg.mean():.0%}, image {has_image.mean():.0%} of {len(rows)} patients")
    told = {k: 1 - ((true[k] - best[k])[test] ** 2).mean() / true[k][test].var() for k in "edgi"}
    print("R2 of the best guess:", ", ".join(f"{key} {share:.2f}" for key, share in told.items()))
    print("true traits:        ", reached(**true), "without", without(true, zero))
    print("observable:         ", reached(**best), "without", without(best, level))
    all_four = test & has_ecg & has_image
    print(f"of {all_four.sum()} who have all four:", reached(**best, whom=all_four))
    print("    true traits:    ", reached(**true, whom=all_four), end=" ")
    print("without", without(true, zero, whom=all_four))

    # The reference: nothing of the traits, and nothing of the generator beyond what is read off the records.
    def spread(values, has):
        out = np.zeros((len(names), values.shape[1]))
        out[has] = values
        return out

    scaled = (areas - areas.mean(0)) / areas.std(0)
    scaled = scaled @ np.linalg.svd(scaled, full_matrices=False)[2][:3].T
    groups = [
        np.c_[np.nan_to_num(cells), hidden, np.log(many)],
        np.log1p(counts[:, counts[train].sum(0) > 0]),
        np.c_[spread(parts[:, :8], has_ecg), ~has_ecg],
        np.c_[spread(np.c_[scaled, scaled**2], has_image), ~has_image],
    ]
    penalty = np.concatenate([np.full(g.shape[1], p) for g, p in zip(groups, (5.0, 800.0, 5.0, 5.0))])
    x = np.concatenate(groups, 1).astype(float)
    x = (x - x[train].mean(0)) / (x[train].std(0) + 1e-9)
    weights, start, scores = cox(x[train], time[train], event[train], penalty), 0, []
    for group in groups:
        end = start + group.shape[1]
        scores.append(x[:, start:end] @ weights[start:end])
        start = end
    # Once more on the four scores, with what ECG and image tell together.
    scores = np.array([*scores, scores[2] * scores[3], scores[2] ** 2, scores[3] ** 2]).T
    scores = (scores - scores[train].mean(0)) / scores[train].std(0)
    weights = cox(scores[train], time[train], event[train], np.full(7, 5.0))
    risk = scores @ weights
    print(f"Cox regression:      {concordance(time[test], event[test], risk[test]):.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
