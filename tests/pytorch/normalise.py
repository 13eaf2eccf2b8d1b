"""The normalisations lrn with groups and lrn-map in PyTorch, forward and, by its automatic differentiation, backward.

Usage: normalise.py lrn|lrn-map GROUPS SIZE K SCALE BETA N C H W X DY Y DX

X and DY have N x C x H x W float32 values; Y and DX receive as many float64 values. SCALE multiplies the plain sum of
squares. Everything is computed in double precision.
"""

import sys

import numpy
import torch
import torch.nn.functional as F


def lrn(x, groups, size, k, scale, beta):
    # PyTorch divides alpha by the size of the window.
    parts = [F.local_response_norm(part, size, alpha=scale * size, beta=beta, k=k) for part in x.chunk(groups, dim=1)]
    return torch.cat(parts, dim=1)


def lrn_map(x, size, k, scale, beta):
    # The mean over a padded window divides by its whole area, as the padding counts.
    mean = F.avg_pool2d(x * x, size, stride=1, padding=size // 2, count_include_pad=True)
    return x / (k + scale * size * size * mean) ** beta


def main():
    kind, groups, size, k, scale, beta = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *map(float, sys.argv[4:7])
    shape = [int(side) for side in sys.argv[7:11]]
    x_file, dy_file, y_file, dx_file = sys.argv[11:]
    x, dy = (torch.from_numpy(numpy.fromfile(file, dtype=numpy.float32).astype(numpy.float64).reshape(shape))
             for file in (x_file, dy_file))
    x.requires_grad_()
    y = lrn(x, groups, size, k, scale, beta) if kind == "lrn" else lrn_map(x, size, k, scale, beta)
    y.backward(dy)
    y.detach().numpy().tofile(y_file)
    x.grad.numpy().tofile(dx_file)


if __name__ == "__main__":
    main()
