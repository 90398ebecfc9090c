"""How long PyTorch takes for one plain step of SGD on the nets of multimodal_speed.rs: one JSON line a net,
times in microseconds, wall clock and CPU time.

    python torch_speed.py THREADS [SECONDS a net] [NET ...]
"""

import json
import sys
import time

import torch
from torch import nn


def mlp():
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 20))


class Net(nn.Module):
    """Convolutions with group normalisation, the mean over positions, and a layer for 20 intervals."""

    def __init__(self, conv, channels, kernel, strides):
        super().__init__()
        layers = []
        for before, after, stride in zip(channels, channels[1:], strides):
            layers += [
                conv(before, after, kernel, stride=stride, padding=kernel // 2),
                nn.GroupNorm(8, after),
                nn.ReLU(),
            ]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels[-1], 20)

    def forward(self, x):
        return self.head(self.features(x).flatten(2).mean(-1))


NETS = {
    "mlp": (mlp, (64,), 256),
    "ecg": (lambda: Net(nn.Conv1d, [12, 32, 32, 64, 64, 64], 7, [2] * 5), (12, 1000), 32),
    "image": (lambda: Net(nn.Conv2d, [1, 16, 32, 64, 64], 3, [1, 2, 2, 2]), (1, 64, 64), 32),
}


def loss(logits, interval, event):
    """Negative log-likelihood of a discrete-time hazard."""
    place = torch.arange(logits.shape[1])[None]
    at_risk = (place <= interval[:, None]).float()
    target = ((place == interval[:, None]) & (event[:, None] == 1)).float()
    each = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * at_risk).sum(1).mean()


def measure(name, seconds):
    make, shape, batch = NETS[name]
    torch.manual_seed(0)
    net = make()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    x = torch.randn(batch, *shape)
    interval, event = torch.randint(0, 20, (batch,)), torch.randint(0, 2, (batch,))

    def step():
        optimizer.zero_grad()
        loss(net(x), interval, event).backward()
        optimizer.step()

    for _ in range(5):
        step()
    times, cpu, start = [], time.process_time(), time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 5:
        clock = time.perf_counter()
        step()
        times.append(time.perf_counter() - clock)
    cpu = (time.process_time() - cpu) / len(times)
    times.sort()
    return {
        "net": name,
        "threads": torch.get_num_threads(),
        "plain_us": round(times[len(times) // 2] * 1e6, 1),
        "cpu_us": round(cpu * 1e6, 1),
        "steps": len(times),
    }


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    for name in sys.argv[3:] or NETS:
        print(json.dumps(measure(name, seconds)), flush=True)
