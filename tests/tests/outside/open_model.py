"""Opens a model as anybody does, and redoes its predictions in numpy.

open_model.py RUN.safetensors RUN.json cohort.csv predictions.csv
"""

import csv
import hashlib
import json
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

weights, card, table, predictions = sys.argv[1:]
tensors = load_file(weights)
with safe_open(weights, "numpy") as file:
    about = file.metadata()
with open(card, encoding="utf-8") as file:
    card = json.load(file)
plan, model = card["plan"], card["plan"]["model"]
with open(weights, "rb") as file:
    assert hashlib.sha256(file.read()).hexdigest() == card["weights"]["sha256"]
assert about["consilium"] == "1"
assert about["plan"] == card["hashes"]["plan"] and about["spec"] == card["hashes"]["spec"]
assert sum(tensor.size for tensor in tensors.values()) == card["weights"]["parameters"]
assert all(tensor.dtype == np.float32 for tensor in tensors.values())

with open(table, encoding="utf-8", newline="") as file:
    patients = {row["patient"]: row for row in csv.DictReader(file)}
with open(predictions, encoding="utf-8", newline="") as file:
    predicted = list(csv.DictReader(file))
assert len(predicted) > 100, len(predicted)

edges = plan["outcome"]["edges"]
width = np.diff([0.0, *edges])
worst = 0.0
for row in predicted:
    patient = patients[row["patient"]]
    x = np.array(
        [(float(patient[f["column"]]) - f["center"]) / f["scale"] for f in plan["features"]],
        dtype=np.float32,
    )
    last = len(model["hidden"])
    for layer in range(last + 1):
        x = x @ tensors[f"dense.{layer}.weight"] + tensors[f"dense.{layer}.bias"]
        x = np.maximum(x, 0) if layer < last else x
    hazard = np.logaddexp(0.0, x.astype(np.float64)).cumsum()
    survival = np.concatenate([[1.0], np.exp(-hazard)])
    mean = (width * (survival[:-1] + survival[1:]) / 2).sum()
    found = [float(row["risk"]), float(row[f"rmst_{edges[-1]:g}"])]
    found += [float(row[f"survival_{edge:g}"]) for edge in edges]
    expected = [hazard[-1], mean, *survival[1:]]
    worst = max([worst, *(abs(a - b) / max(1.0, abs(b)) for a, b in zip(found, expected))])
assert worst < 1e-5, worst
print(f"equal for {len(predicted)} patients, at most {worst:.1e} apart")
