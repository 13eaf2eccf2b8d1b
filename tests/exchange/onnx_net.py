"""ONNX files that netpack made, run by other programs.

Usage: onnx_net.py prepare NET | fill WEIGHTS | predict PREDICT WEIGHTS | RUNNER FILE.onnx

In the working directory. prepare writes images of the stored size of the net, and the first lines that a training of it
takes; fill gives weights values of a size at which every layer counts; predict writes convoy's probabilities to
predicted.npy, with which each RUNNER compares its own: checker (onnx), torch, onnxruntime, openvino, opencv.
"""

import re
import sys

import numpy as np

import exchange

SEED = 23
COUNT = 3


def stored_size(path):
    line = next(line for line in open(path) if line.startswith("input"))
    height, width, channels = (int(v) for v in re.search(r"(\d+)x(\d+)x(\d+)", line).groups())
    crop = re.search(r"from=(\d+)x(\d+)", line)
    if crop:
        height, width = (int(v) for v in crop.groups())
    return height, width, channels


def prepare(path):
    height, width, channels = stored_size(path)
    np.save("images.npy", exchange.images(np.random.default_rng(SEED), COUNT, height, width, channels))


def fill(path):
    random = np.random.default_rng(SEED)
    tensors, metadata = exchange.read_safetensors(path)
    metadata.pop("convoy.checksum", None)
    learned = [n for n in tensors if n.endswith(".weight")]
    for name, values in tensors.items():
        if name == "mean":
            tensors[name] = random.uniform(80, 160, values.shape).astype(np.float32)
        elif name.endswith(".bias"):
            tensors[name] = random.normal(0, 0.1, values.shape).astype(np.float32)
        elif name in learned:
            # All but the extent of the outputs; of a local layer's weights, without those of the positions too.
            inputs = np.prod(values.shape[3 if values.ndim == 6 else 1:])
            scale = 0.02 if name == learned[0] else 1.4
            tensors[name] = random.normal(0, scale / np.sqrt(inputs), values.shape).astype(np.float32)
    exchange.write_safetensors(path, tensors, metadata)


def classes_of(path):
    tensors, _ = exchange.read_safetensors(path)
    return tensors[[n for n in tensors if n.endswith(".bias")][-1]].shape[0]


def checker(path, images):
    import onnx
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    shape = [d.dim_value or d.dim_param for d in model.graph.output[0].type.tensor_type.shape.dim]
    assert shape[0] == "N" and shape[1] == np.load("predicted.npy").shape[1], shape
    assert {p.key for p in model.metadata_props} == {"convoy.net", "convoy.dataset"}
    print("the checker of onnx", onnx.__version__, "has nothing to say")


def torch_outputs(path, images):
    """The operators of the graph by their definitions, in double, by PyTorch."""
    import onnx
    import onnx.numpy_helper
    import torch
    import torch.nn.functional as F
    graph = onnx.load(path).graph
    values = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in graph.initializer}
    values = {n: v.double() if v.is_floating_point() else v for n, v in values.items()}
    values[graph.input[0].name] = torch.from_numpy(images).double()

    def padded(x, pads, value=0.0):
        return F.pad(x, (pads[1], pads[3], pads[0], pads[2]), value=value)

    def pool(x, a):
        pads = a.get("pads", [0, 0, 0, 0])
        if a["op"] == "MaxPool":
            return F.max_pool2d(padded(x, pads, -np.inf), a["kernel_shape"], a["strides"])
        sums = F.avg_pool2d(padded(x, pads), a["kernel_shape"], a["strides"], divisor_override=1)
        ones = torch.ones_like(x)
        counted = padded(ones, pads, 1.0 if a.get("count_include_pad") else 0.0)
        return sums / F.avg_pool2d(counted, a["kernel_shape"], a["strides"], divisor_override=1)

    def slice_of(x, starts, ends, axes):
        for start, end, axis in zip(starts.tolist(), ends.tolist(), axes.tolist()):
            x = x.narrow(axis, start, end - start)
        return x

    ops = {
        "Slice": lambda a, *v: slice_of(*v), "Sub": lambda a, x, y: x - y, "Mul": lambda a, x, y: x * y,
        "Add": lambda a, x, y: x + y, "Div": lambda a, x, y: x / y, "Pow": lambda a, x, y: x ** y,
        "Conv": lambda a, x, w, *b: F.conv2d(padded(x, a.get("pads", [0] * 4)), w, *b, stride=a.get("strides", 1),
                                             groups=a.get("group", 1)),
        "Gemm": lambda a, x, w, b: F.linear(x, w, b), "Relu": lambda a, x: F.relu(x), "Tanh": lambda a, x: torch.tanh(x),
        "Clip": lambda a, x, least, most: x.clamp(least, most),
        "Sigmoid": lambda a, x: torch.sigmoid(x), "MaxPool": lambda a, x: pool(x, a),
        "AveragePool": lambda a, x: pool(x, a), "Flatten": lambda a, x: x.flatten(1),
        "LRN": lambda a, x: F.local_response_norm(x, a["size"], a["alpha"], a["beta"], a["bias"]),
        "Reshape": lambda a, x, s: x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(s.tolist())]),
        "Transpose": lambda a, x: x.permute(a["perm"]), "Concat": lambda a, *v: torch.cat(v, a["axis"]),
        "Split": lambda a, x, s: torch.split(x, s.tolist(), a["axis"]),
        "Softmax": lambda a, x: F.softmax(x, a["axis"]),
    }
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        result = ops[node.op_type](dict(attributes, op=node.op_type), *[values[n] for n in node.input])
        values.update(zip(node.output, result if isinstance(result, tuple) else (result,)))
    return values[graph.output[0].name].numpy()


def onnxruntime_outputs(path, images):
    import onnxruntime
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    whole = session.run(None, {"images": images})[0]
    single = np.concatenate([session.run(None, {"images": image[None]})[0] for image in images])
    assert np.abs(whole - single).max() < 1e-5, "a batch and single images differ"
    return whole


def openvino_outputs(path, images):
    import openvino
    core = openvino.Core()
    return core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([images])[0]


def opencv_outputs(path, images):
    import cv2
    net = cv2.dnn.readNetFromONNX(path)
    outputs = []
    for image in images:
        net.setInput(np.ascontiguousarray(image[None]))
        outputs.append(net.forward().reshape(-1))
    return np.stack(outputs)


def main(what, *arguments):
    if what in ("prepare", "fill"):
        globals()[what](*arguments)
    elif what == "predict":
        program, weights = arguments
        np.save("predicted.npy", exchange.predict(program, weights, COUNT, classes_of(weights)))
    else:
        images = np.load("images.npy").astype(np.float32)
        if what == "checker":
            checker(arguments[0], images)
        else:
            outputs = globals()[what + "_outputs"](arguments[0], images)
            exchange.require_equal(f"{what}, {arguments[0]}", outputs, np.load("predicted.npy"))


main(*sys.argv[1:])
