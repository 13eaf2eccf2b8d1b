#!/usr/bin/python3
"""Takes steps of SGD with PyTorch in double precision, and compares with what train made of the same weights.

sgd.py BEFORE AFTER IMAGES LABELS --steps=N --batch=N --lr=RATE [--momentum=M] [--decay=D] [--lars=ETA]
       [--factor=TENSOR:LR:DECAY]...

BEFORE and AFTER are weights of the net of tests/cli/training.bash without its dropout; the images are IDX, and are taken in
their order, from the centre, without reflections. A tensor has the factors 1 and 1, or 1 and 0 if it is a bias, unless
--factor says otherwise. Every step uses v <- m v - d lr w - lr g; w <- w + v. With --lars, lr is also times
ETA |w| / (|g| + d |w|), or times ETA if a norm is 0 (You, Gitman, Ginsburg 2017, arXiv 1708.03888).
"""
import argparse
import json
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        assert entry["dtype"] == "F32", name
        values = np.frombuffer(data[8 + size + begin : 8 + size + end], dtype="<f4")
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    dims = data[3]
    shape = struct.unpack(">" + "I" * dims, data[4 : 4 + 4 * dims])
    return np.frombuffer(data[4 + 4 * dims :], dtype=np.uint8).reshape(shape)


def scores(w, x):
    x = F.relu(F.conv2d(x, w["c1.weight"], w["c1.bias"], padding=1))
    x = F.max_pool2d(x, 2, stride=2)
    x = F.relu(F.linear(x.flatten(1), w["f1.weight"], w["f1.bias"]))
    return F.linear(x, w["f2.weight"], w["f2.bias"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs=4)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--decay", type=float, default=0.0005)
    parser.add_argument("--lars", type=float)
    parser.add_argument("--factor", action="append", default=[])
    args = parser.parse_args()
    before, after = (read_safetensors(path) for path in args.files[:2])
    images, labels = (read_idx(path) for path in args.files[2:])
    factors = {name: (1.0, 0.0 if name.endswith(".bias") else 1.0) for name in before if name != "mean"}
    for text in args.factor:
        name, lr, decay = text.split(":")
        assert name in factors, name
        factors[name] = (float(lr), float(decay))

    x = torch.tensor(images.astype(np.float64)[:, None] - before["mean"].astype(np.float64))
    x = x[:, :, 1:-1, 1:-1]
    y = torch.tensor(labels.astype(np.int64))
    w = {name: torch.tensor(before[name].astype(np.float64), requires_grad=True) for name in factors}
    v = {name: torch.zeros_like(w[name]) for name in factors}
    for step in range(args.steps):
        batch = [(step * args.batch + i) % len(y) for i in range(args.batch)]
        loss = F.cross_entropy(scores(w, x[batch]), y[batch])
        gradients = torch.autograd.grad(loss, list(w.values()))
        with torch.no_grad():
            for (name, values), gradient in zip(w.items(), gradients):
                rate, decay = args.lr * factors[name][0], args.decay * factors[name][1]
                if args.lars is not None:
                    lengths = torch.linalg.vector_norm(values), torch.linalg.vector_norm(gradient)
                    rate *= args.lars
                    if all(length > 0 for length in lengths):
                        rate *= (lengths[0] / (lengths[1] + decay * lengths[0])).item()
                v[name] = args.momentum * v[name] - decay * rate * values - rate * gradient
                values += v[name]

    failed = False
    for name, values in w.items():
        want = values.detach().numpy()
        start, got = before[name].astype(np.float64), after[name].astype(np.float64)
        if factors[name][0] == 0:
            same = before[name].tobytes() == after[name].tobytes()
            print(name, "unchanged" if same else "CHANGED")
            failed |= not same
            continue
        # Sums of float32 products: as in compiled_cpu_test.cpp; and the weights are rounded at every step.
        update = np.abs(want - start).max()
        tolerance = 2e-4 * update + args.steps * 2.0**-23 * np.abs(want).max()
        error = np.abs(got - want).max()
        print(f"{name}: largest update {update:.3g}, error {error:.3g}, tolerance {tolerance:.3g}")
        failed |= not (error <= tolerance) or update == 0
    sys.exit(int(failed))


main()
