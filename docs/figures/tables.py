"""Tables, sites and splits of the two public federations, from the files that their authors publish.

Every number here is a public constant, but the weights of BLOCKS, which choose.py chose from training folds:
no mean, variance, quantile or choice of columns is taken from patients. A missing value is zero, with an indicator column beside it.

A site's only event stays in training in every fold of ours.
"""

import collections
import csv
import io
import math
import random
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

# PORPOISE (Chen et al. 2022). The clinical columns, the same in all four cohorts.
ONCOTREE = ["GBM", "ASTR", "AASTR", "OAST", "AOAST", "ODG", "USC", "UCEC"]
CLINICAL = ["age", "age_missing", "is_female"] + [f"oncotree_{code}" for code in ONCOTREE]
# Each block of n columns is multiplied by weight / sqrt(n): whole blocks are weighed, not columns.
BLOCKS = {"rnaseq": 2.0, "mut": 2.0, "cnv": 1.0}
# RNA comes as z-scores, a few of them in the thousands.
Z_BOUND = 3.0
LEAST_PATIENTS = 15
REPEATS, FOLDS, SEED = 5, 5, 1000

# MultiSurv (Vale-Silva and Rohr 2021), clinical variables.
STAGES = "0 i ia ib ii iia iib iic iii iiia iiib iiic iv iva ivb ivc x".split()
STAGE_NAMES = {f"stage {stage}": stage for stage in STAGES}
STAGE_NAMES |= {"is": "is", "i/ii nos": "i_ii", "": "missing"}
RACES = {"white": "white", "black or african american": "black", "asian": "asian", "": "missing"}
YES_NO = {
    "prior_treatment": "prior_treatment",
    "prior_malignancy": "prior_malignancy",
    "synchronous_malignancy": "synchronous_malignancy",
    "treatments_pharmaceutical_treatment_or_therapy": "pharmaceutical",
    "treatments_radiation_treatment_or_therapy": "radiation",
}
CANCERS = """ACC BLCA BRCA CESC CHOL COAD DLBC ESCA GBM HNSC KICH KIRC KIRP LAML LGG LIHC LUAD LUSC MESO OV
PAAD PCPG PRAD READ SARC SKCM STAD TGCT THCA THYM UCEC UCS UVM""".split()
# `data/clinical_data.tsv` of the authors' repository; groups train, val and test.
MULTISURV_TABLE = "multisurv/clinical_data.tsv"
MULTISURV_LEAST = 50


@dataclass
class Cohort:
    """Patients as the model reads them; a split is 1 for training and 0 for testing."""

    patients: list
    sites: list
    time: list
    event: list
    columns: list
    features: list
    splits: dict = field(default_factory=dict)

    def write(self, folder):
        """`patients.csv` and `splits.csv`, which `coordinator simulate` joins on `patient`."""
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "patients.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["patient", "site", "time", "event", *self.columns])
            who = zip(self.patients, self.sites, self.time, self.event)
            for known, features in zip(who, self.features):
                rows.writerow([*known, *(f"{value:.6g}" for value in features)])
        with open(folder / "splits.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["patient", *self.splits])
            rows.writerows(zip(self.patients, *self.splits.values()))


def folds(sites, event, seed, count):
    """A fold for each patient, stratified by site and event: dealt out in turn from shuffled strata.
    None for the only event of a site, which is never tested."""
    deal, fold, turn = random.Random(seed), [None] * len(sites), 0
    for site in sorted(set(sites)):
        for kind in (1, 0):
            stratum = [i for i, at in enumerate(sites) if at == site and event[i] == kind]
            if kind == 1 and len(stratum) == 1:
                continue
            deal.shuffle(stratum)
            for patient in stratum:
                fold[patient], turn = turn % count, turn + 1
    return fold


def cross_validation(cohort, repeats):
    """Split columns r0f0 to r{repeats - 1}f4."""
    for repeat in range(repeats):
        fold = folds(cohort.sites, cohort.event, SEED + repeat, FOLDS)
        for test in range(FOLDS):
            cohort.splits[f"r{repeat}f{test}"] = [int(mine != test) for mine in fold]


def tcga(data, name):
    """gbmlgg, luad, blca or ucec: the first row of each patient, tissue source sites of 15 or more."""
    with zipfile.ZipFile(Path(data) / f"tcga_multiomic/mutsig_tcga_{name}_all_clean.csv.zip") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file.open(file.namelist()[0]), "utf-8")))
    # A patient has a row for each slide; what is read here is the same in all of them.
    first = {}
    for row in rows:
        first.setdefault(row["case_id"], row | {"site": row["site"].zfill(2)})
    size = collections.Counter(row["site"] for row in first.values())
    rows = [row for row in first.values() if size[row["site"]] >= LEAST_PATIENTS]
    blocks = {kind: [name for name in rows[0] if name.endswith(f"_{kind}")] for kind in BLOCKS}
    scales = {kind: BLOCKS[kind] / math.sqrt(max(1, len(blocks[kind]))) for kind in BLOCKS}

    def features(row):
        age = row["age"]
        values = [(float(age) - 60) / 10 if age else 0.0, float(not age), float(row["is_female"])]
        values += [float(row["oncotree_code"] == code) for code in ONCOTREE]
        for kind, names in blocks.items():
            measured = (float(row[name]) for name in names)
            values += (scales[kind] * max(-Z_BOUND, min(Z_BOUND, value)) for value in measured)
        return values

    cohort = Cohort(
        patients=[row["case_id"] for row in rows],
        sites=[row["site"] for row in rows],
        time=[float(row["survival_months"]) for row in rows],
        event=[1 - int(float(row["censorship"])) for row in rows],
        columns=CLINICAL + sum(blocks.values(), []),
        features=[features(row) for row in rows],
    )
    cross_validation(cohort, REPEATS)
    return cohort


def multisurv(data, table=MULTISURV_TABLE, least=MULTISURV_LEAST):
    """Tissue source sites of at least `least` patients, any cancer. Tested is the group "test", or "val" in
    a table that has no group "test"."""
    with open(Path(data) / table, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    tested = "test" if any(row["group"] == "test" for row in rows) else "val"
    for row in rows:
        row["site"] = row["submitter_id"][5:7]
    size = collections.Counter(row["site"] for row in rows)
    rows = [row for row in rows if size[row["site"]] >= least]
    columns = ["age", "age_missing", "male"] + [f"stage_{name}" for name in STAGE_NAMES.values()]
    columns += [f"{name}{end}" for name in YES_NO.values() for end in ("", "_missing")]
    columns += [f"race_{name}" for name in RACES.values()] + [f"cancer_{name}" for name in CANCERS]

    def features(row):
        age = row["age_at_diagnosis"]
        values = [(float(age) / 365.25 - 60) / 10 if age else 0.0, float(not age)]
        values += [float(row["gender"] == "male")]
        values += [float(row["tumor_stage"] == stage) for stage in STAGE_NAMES]
        for name in YES_NO:
            values += [float(row[name].lower() == "yes"), float(not row[name])]
        values += [float(row["race"] == race) for race in RACES]
        return values + [float(row["project_id"] == cancer) for cancer in CANCERS]

    cohort = Cohort(
        patients=[row["submitter_id"] for row in rows],
        sites=[row["site"] for row in rows],
        time=[float(row["time"]) for row in rows],
        event=[int(row["event"]) for row in rows],
        columns=columns,
        features=[features(row) for row in rows],
        splits={"published": [int(row["group"] != tested) for row in rows]},
    )
    cross_validation(cohort, REPEATS)
    return cohort
