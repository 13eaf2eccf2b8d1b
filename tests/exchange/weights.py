"""Weights that PyTorch wrote become weights of convoy: writes them, or compares what predict says of them.

Usage: weights.py write|compare PREDICT CASE

In the working directory. CASE torchvision is AlexNet as torchvision has it; small, a net of three layers in several
types, whose tensors have other names, and whose pixels are normalised.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F

import exchange

SEED = 5
COUNT = 3


def torchvision_net(classes):
    """The layers of torchvision.models.alexnet."""
    nn = torch.nn
    features = nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))
    classifier = nn.Sequential(nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096),
                               nn.ReLU(), nn.Linear(4096, classes))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = features
            self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
            self.classifier = classifier

        def forward(self, x):
            return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))

    return Net()


def spread(state, last):
    """Draws weights that keep activations of equal size, so that every layer counts."""
    for name, values in state.items():
        if values.dim() > 1:
            fan_in = values[0].numel()
            values.normal_(0, (2.0 / fan_in) ** 0.5 * (0.7 if name.startswith(last) else 1.0))
        else:
            values.normal_(0, 0.1)


def normalised(pixels, mean, std):
    x = torch.from_numpy(pixels).double() / 255
    return (x - torch.tensor(mean).view(1, -1, 1, 1)) / torch.tensor(std).view(1, -1, 1, 1)


def save(path, state, **types):
    """With the package that most files of PyTorch are written with, if it is installed."""
    try:
        from safetensors.torch import save_file
        save_file({n: v.contiguous() for n, v in state.items()}, path)
    except ImportError:
        bf16 = [n for n, v in state.items() if v.dtype == torch.bfloat16]
        exchange.write_safetensors(path, {n: (v.float() if n in bf16 else v).numpy() for n, v in state.items()}, None, bf16)


def torchvision(action, program):
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    pixels = exchange.images(random, COUNT, 256, 256, 3)
    net = torchvision_net(7).eval()
    with torch.no_grad():
        spread(net.state_dict(), "classifier.6")
        if action == "write":
            save("torchvision.safetensors", net.state_dict())
            return
        x = normalised(pixels, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])[:, :, 16:240, 16:240]
        expected = F.softmax(net.double()(x), 1).numpy()
    exchange.require_equal("torchvision", exchange.predict(program, "w.safetensors", COUNT, 7), expected)


def small(action, program):
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    pixels = exchange.images(random, COUNT, 24, 20, 3)
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    # In types of their own: each value is that of the type, so that widening it loses nothing.
    state = {"body.first.w": torch.empty(8, 3, 5, 5), "body.first.b": torch.empty(8),
             "body.second.w": torch.empty(12, 4, 3, 3), "body.second.b": torch.empty(12),
             "head.w": torch.empty(5, 12 * 6 * 5), "head.b": torch.empty(5), "steps": torch.zeros(1)}
    spread(state, "head")
    types = {"body.first.w": torch.float16, "body.second.w": torch.bfloat16, "head.w": torch.float64}
    state = {n: v.to(types.get(n, torch.float32)) for n, v in state.items()}
    if action == "write":
        save("small.safetensors", state)
        with open("names.tsv", "w") as file:
            for there, here in (("body.first", "c1"), ("body.second", "c2"), ("head", "f1")):
                file.write(f"{there}.w\t{here}.weight\n{there}.b\t{here}.bias\n")
        with open("small.net", "w") as file:
            file.write("input 20x16x3 from=24x20\nconv c1 8 5x5 pad=2\nrelu\nmaxpool 3x3 stride=2 ceil=on\n"
                       "conv c2 12 3x3 pad=1 groups=2\ntanh\navgpool 2x2 stride=2 pad=1\nfc f1 5\nsoftmax\n")
        return
    s = {n: v.double() for n, v in state.items()}
    x = normalised(pixels, mean, std)[:, :, 2:22, 2:18]
    x = F.max_pool2d(F.relu(F.conv2d(x, s["body.first.w"], s["body.first.b"], padding=2)), 3, 2, ceil_mode=True)
    x = torch.tanh(F.conv2d(x, s["body.second.w"], s["body.second.b"], padding=1, groups=2))
    x = F.avg_pool2d(x, 2, 2, padding=1, count_include_pad=False)
    expected = F.softmax(F.linear(x.flatten(1), s["head.w"], s["head.b"]), 1).numpy()
    exchange.require_equal("small", exchange.predict(program, "w.safetensors", COUNT, 5), expected)


{"torchvision": torchvision, "small": small}[sys.argv[3]](sys.argv[1], sys.argv[2])
