"""Measures how soon a hospital is back whose line was down during a run, and whether the others went on.

    cargo build --release
    python3 docs/figures/outage.py --work FOLDER [--seconds 360] [--sites 4] [--patients 20000] [--epochs 300]

Creates a federation of `--sites` synthetic hospitals in FOLDER, which must be new or empty and outside the repository.
The first one reaches the coordinator over a relay of UDP and TCP. Launches `synthetic.toml` with rounds that need all
hospitals but one and train for `--epochs`, and lets nothing through the relay for `--seconds`. Prints one JSON line: the
rounds that closed meanwhile, and the seconds from the moment at which the relay carried again until the hospital was
connected and until a round was closed with it.
"""

import argparse
import json
import os
import queue
import re
import selectors
import socket
import subprocess
import threading
import time
from pathlib import Path

from together import ROOT, edit, federation, launch

LEVEL = {"RUST_LOG": "info", "NO_COLOR": "1"}


class Relay:
    """Carries UDP to the coordinator, and drops it while the line is down. TCP is silent: nobody accepts."""

    def __init__(self, coordinator):
        self.up = True
        self.near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.near.bind(("127.0.0.1", 0))
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.connect(coordinator)
        self.port = self.near.getsockname()[1]
        # A listener whose queue is full answers no more.
        self.silent = socket.socket()
        self.silent.bind(("127.0.0.1", self.port))
        self.silent.listen(0)
        self.filling = [socket.socket() for _ in range(3)]
        for filler in self.filling:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
        threading.Thread(target=self.carry, daemon=True).start()

    def carry(self):
        site = None
        ready = selectors.DefaultSelector()
        for end in (self.near, self.far):
            ready.register(end, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                try:
                    if key.fileobj is self.near:
                        datagram, site = self.near.recvfrom(1 << 16)
                        if self.up:
                            self.far.send(datagram)
                    else:
                        datagram = self.far.recv(1 << 16)
                        if self.up and site:
                            self.near.sendto(datagram, site)
                except OSError:
                    # The other side is gone for the moment: the datagram is lost.
                    pass


class Node:
    """A process whose lines are kept with the moment at which they came."""

    def __init__(self, command, folder):
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen(command, cwd=folder, env=os.environ | LEVEL, **pipe)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put((time.monotonic(), line))

    def wait_for(self, text, counted=0.0, since=0.0):
        """Returns when a line came after `since` that holds the text, and how many rounds closed after `counted`."""
        rounds = 0
        while True:
            moment, line = self.lines.get(timeout=600)
            if text in line and moment >= since:
                return moment, rounds
            rounds += "closed" in line and moment >= counted


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "target/release")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=360.0)
    parser.add_argument("--sites", type=int, default=4)
    parser.add_argument("--patients", type=int, default=20000)
    parser.add_argument("--epochs", type=int, default=300)
    options = parser.parse_args()
    options.runs, options.rounds = 4, 1000
    folder, names = federation(options)
    settings = (folder / "coordinator.toml").read_text()
    host, port = re.search(r'"(127\.0\.0\.1):(\d+)"', settings).groups()
    relay = Relay((host, int(port)))
    edit(folder / "sites" / names[0] / "site-node.toml", (f"{host}:{port}", f"{host}:{relay.port}"))
    coordinator = Node([options.build / "coordinator", "serve"], folder)
    coordinator.wait_for("listening")
    nodes = [coordinator]
    try:
        for name in names:
            nodes.append(Node([options.build / "site-node", "run"], folder / "sites" / name))
            nodes[-1].wait_for("connected")
        client = launch(options, folder, options.sites - 1, [f"training.epochs={options.epochs}"])
        with_all = f"sites={options.sites}"
        coordinator.wait_for(with_all)
        relay.up = False
        cut = time.monotonic()
        time.sleep(options.seconds)
        relay.up = True
        mended = time.monotonic()
        takes_part, rounds = coordinator.wait_for(with_all, cut, mended)
        back, _ = nodes[1].wait_for("connected", mended, mended)
        times = {"outage_s": mended - cut, "back_s": back - mended, "takes_part_s": takes_part - mended}
        line = {name: round(value, 2) for name, value in times.items()}
        print(json.dumps(line | {"rounds_meanwhile": rounds}))
        client.kill()
    finally:
        for node in nodes:
            node.process.kill()
            node.process.wait()


if __name__ == "__main__":
    main()
