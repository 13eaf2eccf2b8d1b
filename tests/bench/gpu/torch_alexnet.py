#!/usr/bin/env python3
"""Times PyTorch's training step of AlexNet (with groups) on the first GPU, channels_last and with bf16 autocast: eager,
captured in a CUDA graph, compiled, and compiled with CUDA graphs, each with and without LRN. The data stay on the GPU:
nothing is copied or augmented. Prints lines as tests/bench/gpu/report.h describes them; status 77
if there is no PyTorch, or no GPU for it.

    torch_alexnet.py [--modes=eager,graph,compiled,compiled+graph] [BATCH...]
"""

import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    print("PyTorch is not installed")
    sys.exit(77)
if not torch.cuda.is_available():
    print("PyTorch sees no GPU")
    sys.exit(77)


# Modes of torch.compile; the second one replays CUDA graphs of the compiled code.
COMPILED = {"compiled": "default", "compiled+graph": "reduce-overhead"}


class AlexNet(nn.Module):
    def __init__(self, lrn):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.fc6 = nn.Linear(9216, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, 1000)
        self.norm = nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0) if lrn else nn.Identity()

    def forward(self, x):
        x = F.max_pool2d(self.norm(F.relu(self.conv1(x))), 3, 2)
        x = F.max_pool2d(self.norm(F.relu(self.conv2(x))), 3, 2)
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = F.max_pool2d(F.relu(self.conv5(x)), 3, 2).flatten(1)
        x = F.dropout(F.relu(self.fc6(x)), 0.5, self.training)
        x = F.dropout(F.relu(self.fc7(x)), 0.5, self.training)
        return self.fc8(x)


def make_step(batch, lrn, mode):
    torch.manual_seed(1)
    net = AlexNet(lrn).cuda().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), 1e-4, momentum=0.9, weight_decay=5e-4, fused=True)
    images = torch.randn(batch, 3, 227, 227, device="cuda").contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (batch,), device="cuda")

    def loss_of(images, labels):
        with torch.autocast("cuda", dtype=torch.bfloat16):
            return F.cross_entropy(net(images), labels)

    if mode in COMPILED:
        torch._dynamo.reset()  # otherwise another batch size counts as a dynamic shape
        loss_of = torch.compile(loss_of, dynamic=False, mode=COMPILED[mode])

    def step():
        if mode == "compiled+graph":
            torch.compiler.cudagraph_mark_step_begin()
        optimizer.zero_grad(set_to_none=True)
        loss_of(images, labels).backward()
        optimizer.step()

    if mode != "graph":
        return step
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def rate(batch, lrn, mode):
    step = make_step(batch, lrn, mode)
    for _ in range(10):
        step()
    torch.cuda.synchronize()
    steps = max(20, 20000 // batch)
    start = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    return steps * batch / (time.perf_counter() - start)


def main():
    torch.backends.cudnn.benchmark = True
    print(f"version\tPyTorch\t{torch.__version__}, cuDNN {torch.backends.cudnn.version()}", flush=True)
    # Compiling takes long and the caller may set a time limit, so it comes last, and batch by batch.
    groups = (("eager", "graph"), tuple(COMPILED))
    arguments = sys.argv[1:]
    if arguments and arguments[0].startswith("--modes="):
        groups = (tuple(arguments.pop(0).removeprefix("--modes=").split(",")),)
    batches = [int(text) for text in arguments] or [128, 256, 1024]
    for modes in groups:
        for batch in batches:
            for lrn in (True, False):
                for mode in modes:
                    print_rate(batch, lrn, mode)


def print_rate(batch, lrn, mode):
    subject = f"torch\t{'alexnet' if lrn else 'alexnet-no-lrn'}\t{mode}\t{batch}"
    try:
        print(f"{subject}\t{rate(batch, lrn, mode):.1f}\timages/s", flush=True)
    except Exception as error:  # a peer that fails is a line of the table
        lines = str(error).splitlines() or [""]
        print(f"failed\t{subject}\t{type(error).__name__}: {lines[0][:80]}", flush=True)
    torch.cuda.empty_cache()


main()
