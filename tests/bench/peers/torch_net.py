#!/usr/bin/env python3
"""Times PyTorch on the nets that convoy ships: torch_net.py train|infer NET BATCH [--bf16]
[--channels-last] [--rounds=N]

NET is alexnet (examples/nets/alexnet.net) or cifar-18pct. Prints images per second, the median of the rounds, on random
data that is already in memory.
"""
import argparse
import contextlib
import os
import statistics
import time

import torch
from torch import nn
from torch.nn import functional


class LocalNorm(nn.Module):
    """Local response normalisation with alpha times the plain sum, as in the paper."""

    def __init__(self, size, alpha, beta, k):
        super().__init__()
        self.norm = nn.LocalResponseNorm(size, alpha * size, beta, k)

    def forward(self, x):
        return self.norm(x)


class MapNorm(nn.Module):
    """Normalisation within maps, over the mean of size x size pixels."""

    def __init__(self, size, alpha, beta, k):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x):
        mean = functional.avg_pool2d(x * x, self.size, 1, self.size // 2)
        return x / (self.k + self.alpha * mean) ** self.beta


def alexnet():
    return nn.Sequential(
        nn.ZeroPad2d((0, 3, 0, 3)), nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(inplace=True),
        LocalNorm(5, 1e-4, 0.75, 2.0), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(inplace=True),
        LocalNorm(5, 1e-4, 0.75, 2.0), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        nn.Flatten(), nn.Linear(9216, 4096), nn.ReLU(inplace=True), nn.Dropout(0.5),
        nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(4096, 1000)), (3, 224, 224), 1000


def cifar_18pct():
    return nn.Sequential(
        nn.Conv2d(3, 32, 5, padding=2), nn.MaxPool2d(3, 2, ceil_mode=True), nn.ReLU(inplace=True),
        MapNorm(3, 5e-5, 0.75, 1.0),
        nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(inplace=True), nn.AvgPool2d(3, 2, ceil_mode=True),
        MapNorm(3, 5e-5, 0.75, 1.0),
        nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(inplace=True), nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.Flatten(), nn.Linear(1024, 10)), (3, 32, 32), 10


def median_rate(images, rounds, work):
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return images / statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", choices=["train", "infer"])
    parser.add_argument("net", choices=["alexnet", "cifar-18pct"])
    parser.add_argument("batch", type=int)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    net, shape, classes = {"alexnet": alexnet, "cifar-18pct": cifar_18pct}[options.net]()
    images = torch.randn(options.batch, *shape)
    labels = torch.randint(0, classes, (options.batch,))
    if options.channels_last:
        net = net.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    solver = torch.optim.SGD(net.parameters(), 0.001, momentum=0.9, weight_decay=5e-4)

    def precision():
        return torch.autocast("cpu", dtype=torch.bfloat16) if options.bf16 else contextlib.nullcontext()

    def train():
        solver.zero_grad()
        with precision():
            loss = functional.cross_entropy(net(images).float(), labels)
        loss.backward()
        solver.step()

    def infer():
        with torch.no_grad(), precision():
            net(images)

    if options.work == "train":
        net.train()
    else:
        net.eval()
    work = {"train": train, "infer": infer}[options.work]
    print(f"{median_rate(options.batch, options.rounds, work):.1f}")


main()
