"""Compares several runs at once with the same runs one after another, on a live federation of processes.

    cargo build --release
    python3 docs/figures/together.py --work FOLDER [--runs 4] [--sites 4] [--patients 4000] [--rounds 40]

Creates a federation of `--sites` synthetic hospitals in FOLDER, which must be new or empty and outside the repository.
Starts a `site-node` for each hospital and one `coordinator serve`. Launches `synthetic.toml` with `coordinator run`:
first one run after another, then all at once. Prints one JSON line for each way: the CPU time of all nodes and the
elapsed time, both in seconds, and the number of different models. Both ways must give one model, the same one.
"""

import argparse
import json
import os
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["e1", "e2", "e3", "e5", "codes:diagnoses"]


def edit(path, *changes):
    """Replaces the first text of each pair, which must be in the file, by the second."""
    text = path.read_text()
    for old, new in changes:
        if old not in text:
            raise SystemExit(f"{path}: no {old!r}")
        text = text.replace(old, new)
    path.write_text(text)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def federation(options):
    """Creates the folders of a coordinator and its hospitals."""
    names = [f"hospital-{number}" for number in range(1, options.sites + 1)]
    folder = options.work / "federation"
    init = [options.build / "coordinator", "init", folder]
    subprocess.run(init + [f"--site={name}" for name in names], check=True, stdout=subprocess.DEVNULL)
    cohort = options.work / "cohort"
    synth = [options.build / "coordinator", "synth", cohort, "--sites", str(options.sites)]
    subprocess.run(synth + ["--patients", str(options.patients)], check=True, stdout=subprocess.DEVNULL)
    address = f"127.0.0.1:{free_port()}"
    edit(folder / "coordinator.toml", ("127.0.0.1:7443", address), ("slots = 4", f"slots = {options.runs}"))
    for number, name in enumerate(names, start=1):
        site = folder / "sites" / name
        subprocess.run(["cp", "-r", f"{cohort}/site-{number}/.", site], check=True)
        settings = [("127.0.0.1:7443", address), ('tag = "private"', 'tag = "synthetic"')]
        edit(site / "site-node.toml", *settings, ("slots = 4", f"slots = {options.runs}"))
        columns = ", ".join(f'"{name}"' for name in COLUMNS)
        allowed = [("columns = []", f"columns = [{columns}]"), ("outcomes = []", 'outcomes = ["time", "event"]')]
        edit(site / "policy.toml", ('modes = ["patient"]', 'modes = ["patient", "none"]'), *allowed)
    return folder, names


def cpu(processes):
    """Returns the user and system time of live processes, in seconds."""
    ticks = 0
    for process in processes:
        # The program's name in brackets comes first and may contain spaces.
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def launch(options, folder, least=None, sets=()):
    """Launches the run; without `least`, its rounds need all sites."""
    command = [options.build / "coordinator", "run", ROOT / "configs/experiments/synthetic.toml"]
    command += ["--config", folder / "coordinator.toml", "--set", f"rounds={options.rounds}"]
    command += ["--set", f"aggregation.min_sites={least or options.sites}", "--set", f"aggregation.max_sites={options.sites}"]
    command += [part for set in sets for part in ("--set", set)]
    command += ["--format", "json", "--quiet"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(run):
    """Waits for the end of a run and returns the hash of its model file."""
    report, errors = run.communicate()
    if run.returncode != 0:
        raise SystemExit(errors)
    return json.loads(report)["file_sha256"]


def one_after_another(options, folder):
    return [ended(launch(options, folder)) for _ in range(options.runs)]


def at_once(options, folder):
    return [ended(run) for run in [launch(options, folder) for _ in range(options.runs)]]


def measure(options, folder, nodes, how, runs):
    spent, begun = cpu(nodes), time.monotonic()
    models = set(runs(options, folder))
    seconds = time.monotonic() - begun
    line = {"how": how, "runs": options.runs, "cpu_s": round(cpu(nodes) - spent, 2), "seconds": round(seconds, 2)}
    print(json.dumps(line | {"models": len(models)}), flush=True)
    return line["cpu_s"], models


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "target/release")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--sites", type=int, default=4)
    parser.add_argument("--patients", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    folder, names = federation(options)
    serve = [options.build / "coordinator", "serve", "--config", folder / "coordinator.toml"]
    log = (options.work / "log").open("w")
    nodes = [subprocess.Popen(serve, stdout=log, stderr=log)]
    try:
        for name in names:
            command = [options.build / "site-node", "run"]
            nodes.append(subprocess.Popen(command, cwd=folder / "sites" / name, stdout=log, stderr=log))
        # A first run is not measured: it waits for the hospitals, which read their data for the first time.
        ended(launch(options, folder))
        apart, models = measure(options, folder, nodes, "one after another", one_after_another)
        together, same = measure(options, folder, nodes, "at once", at_once)
        print(json.dumps({"ratio": round(together / apart, 3), "same_models": models == same}))
    finally:
        for node in nodes:
            node.terminate()
        for node in nodes:
            node.wait()


if __name__ == "__main__":
    main()
