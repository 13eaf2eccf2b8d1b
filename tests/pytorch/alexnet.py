"""examples/nets/alexnet.net in PyTorch: computes the scores of images with given weights.

Usage: alexnet.py WEIGHTS.safetensors INPUT SCORES

WEIGHTS has the parameters under the names of the net. INPUT has N x 3 x 224 x 224 float32 values, the crops with
the mean subtracted; SCORES receives N x 1000 float32 values, the output of fc8.
"""

import json
import struct
import sys

import numpy
import torch
import torch.nn.functional as F


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        values = numpy.frombuffer(data[begin:end], dtype=numpy.float32).reshape(info["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors


def lrn(x):
    # PyTorch divides alpha by the size of the window; the paper, and window=sum, do not.
    return F.local_response_norm(x, 5, alpha=5 * 1e-4, beta=0.75, k=2)


def scores(x, w):
    def conv(x, name, **options):
        return F.relu(F.conv2d(x, w[name + ".weight"], w[name + ".bias"], **options))

    def fc(x, name):
        return F.linear(x, w[name + ".weight"], w[name + ".bias"])

    x = conv(F.pad(x, (0, 3, 0, 3)), "conv1", stride=4)
    x = F.max_pool2d(lrn(x), 3, 2)
    x = conv(x, "conv2", padding=2, groups=2)
    x = F.max_pool2d(lrn(x), 3, 2)
    x = conv(x, "conv3", padding=1)
    x = conv(x, "conv4", padding=1, groups=2)
    x = conv(x, "conv5", padding=1, groups=2)
    x = F.max_pool2d(x, 3, 2).flatten(1)
    x = F.relu(fc(x, "fc6"))
    x = F.relu(fc(x, "fc7"))
    return fc(x, "fc8")


def main():
    weights, source, target = sys.argv[1:]
    x = numpy.fromfile(source, dtype=numpy.float32).reshape(-1, 3, 224, 224)
    with torch.no_grad():
        y = scores(torch.from_numpy(x), read_safetensors(weights))
    y.numpy().astype(numpy.float32).tofile(target)


if __name__ == "__main__":
    main()
