"""Measures how long a run is held up by a coordinator that is killed and started again.

    cargo build --release
    python3 docs/figures/recovery.py --work FOLDER [--kills 10] [--sites 4] [--patients 4000] [--rounds 400]

Creates a federation of `--sites` synthetic hospitals in FOLDER, which must be new or empty and outside the repository.
Launches `synthetic.toml`, kills the coordinator with SIGKILL in the middle of it, and starts it again, `--kills` times,
each time in a run of its own. Prints one JSON line for each kill with seconds from the start of the new process: until
it listens, until the open round is offered again, and until that round is closed. Each run must give the model of a run
that nothing interrupts.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import time
from pathlib import Path

from together import ROOT, ended, federation, launch

LEVEL = {"RUST_LOG": "info,coordinator=debug", "NO_COLOR": "1"}


class Coordinator:
    """A coordinator's process, whose lines are waited for."""

    def __init__(self, options, folder):
        serve = [options.build / "coordinator", "serve", "--config", folder / "coordinator.toml"]
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.begun = time.monotonic()
        self.process = subprocess.Popen(serve, env=os.environ | LEVEL, **pipe)

    def wait_for(self, text):
        """Returns the seconds from the start of the process until a line holds the text."""
        for line in self.process.stdout:
            if text in line:
                return time.monotonic() - self.begun
        raise SystemExit(f"the coordinator ended before {text!r}")

    def kill(self):
        self.process.kill()
        self.process.wait()


def last_run(folder):
    with sqlite3.connect(folder / "state/registry.sqlite") as registry:
        query = "SELECT status, model_sha256 FROM run ORDER BY started DESC LIMIT 1"
        return registry.execute(query).fetchone()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "target/release")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--sites", type=int, default=4)
    parser.add_argument("--patients", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=400)
    options = parser.parse_args()
    options.runs = 4
    folder, names = federation(options)
    log = (options.work / "log").open("w")
    coordinator = Coordinator(options, folder)
    sites = []
    try:
        for name in names:
            command = [options.build / "site-node", "run"]
            sites.append(subprocess.Popen(command, cwd=folder / "sites" / name, stdout=log, stderr=log))
        for _ in names:
            coordinator.wait_for("connected")
        model = ended(launch(options, folder))
        coordinator.wait_for("audit_s=")
        for kill in range(options.kills):
            client = launch(options, folder)
            for _ in range(2 + kill):
                coordinator.wait_for("closed")
            coordinator.kill()
            client.kill()
            coordinator = Coordinator(options, folder)
            listens = coordinator.wait_for("listening")
            offered = coordinator.wait_for("model offered")
            closed = coordinator.wait_for("closed")
            coordinator.wait_for("audit_s=")
            if last_run(folder) != ("finished", model):
                raise SystemExit(f"kill {kill}: {last_run(folder)}")
            line = {"listens_s": listens, "offered_s": offered, "closed_s": closed}
            print(json.dumps({name: round(seconds, 2) for name, seconds in line.items()}), flush=True)
    finally:
        for node in [coordinator.process, *sites]:
            node.kill()
            node.wait()


if __name__ == "__main__":
    main()
