"""A locally connected layer in PyTorch: its output and gradients, by unfolding and by automatic differentiation.

Usage: local.py OPERANDS.safetensors RESULTS STRIDE TOP LEFT BOTTOM RIGHT GROUPS

OPERANDS has x [N, C, H, W], dy [N, K, P, Q], weight [P, Q, K, C / groups, R, S] and bias [K, P, Q]. RESULTS receives
the float32 values of y and of the gradients of x, weight and bias, one after another. With one group y is also
computed as convoy-weights(5) shows for numpy.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F

from alexnet import read_safetensors


def local(x, weight, bias, stride, groups):
    p, q, filters, channels, r, s = weight.shape
    windows = F.unfold(x, (r, s), stride=stride)  # [N, C * R * S, P * Q]
    windows = windows.view(x.shape[0], groups, channels * r * s, p * q)
    filters_of = weight.reshape(p * q, groups, filters // groups, channels * r * s)
    y = torch.einsum("ngip,pgki->ngkp", windows, filters_of)
    return y.reshape(x.shape[0], filters, p, q) + bias


def as_in_the_manual(x, weight, bias, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[4:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    return np.einsum("ncpqrs,pqkcrs->nkpq", windows, weight) + bias


def main():
    operands, target = sys.argv[1:3]
    stride, top, left, bottom, right, groups = map(int, sys.argv[3:])
    o = {name: tensor.double() for name, tensor in read_safetensors(operands).items()}
    for name in ("x", "weight", "bias"):
        o[name].requires_grad_()
    x = F.pad(o["x"], (left, right, top, bottom))
    y = local(x, o["weight"], o["bias"], stride, groups)
    y.backward(o["dy"])
    if groups == 1:
        arrays = [tensor.detach().numpy() for tensor in (x, o["weight"], o["bias"])]
        np.testing.assert_allclose(as_in_the_manual(*arrays, stride), y.detach().numpy(), rtol=1e-10, atol=1e-10)
    with open(target, "wb") as file:
        for tensor in (y.detach(), o["x"].grad, o["weight"].grad, o["bias"].grad):
            file.write(tensor.numpy().astype(np.float32).tobytes())


if __name__ == "__main__":
    main()
