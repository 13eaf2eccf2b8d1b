"""Caffe's files, written by Python's protobuf with the schema of formats/caffe.proto: writes them, or compares what
convoy's predict, and Caffe's importer in OpenCV where it is installed, say of them.

Usage: caffe.py write | caffe.py compare PREDICT WEIGHTS MEAN | caffe.py opencv

In the working directory, which has caffe_pb2.py and unpacked_pb2.py, made by protoc; the latter without packed fields.
new.caffemodel has the layers of recent files, with their definitions, as Caffe saves them (a split before the loss);
old.caffemodel the same net in the format of 2013, with shapes of four extents; plain.caffemodel no definitions but names
and blobs, doubles among them, and each value as a field of its own. mean.binaryproto and small.binaryproto are means of
the stored images' size and of another. MEAN is mean, small, or values for a mean of each channel; what is expected with
it is written to expected.npy, from which opencv, perhaps of another Python, takes it.
"""

import sys

import numpy as np

import exchange

SEED = 11
COUNT = 3
STORED, CROP, CLASSES = 48, 43, 6


def parameters(random):
    """Weights of AlexNet in small, with two groups in conv2."""
    shapes = {"conv1": (12, 3, 7, 7), "conv2": (16, 6, 5, 5), "conv3": (12, 16, 3, 3), "fc6": (20, 12 * 2 * 2),
              "fc/7": (CLASSES, 20)}
    all = {}
    for name, shape in shapes.items():
        scale = {"conv1": 0.02, "fc/7": 1.2}.get(name, 1.5)
        all[name] = (random.normal(0, scale / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32),
                     random.normal(0, 0.1, shape[0]).astype(np.float32))
    return all


def mean_image(side):
    y, x = np.mgrid[0:side, 0:side] / side
    return np.stack([104 + 10 * x, 117 - 8 * y, 123 + 6 * x * y]).astype(np.float32)  # B, G, R


LRN = {"local_size": 5, "alpha": 1e-2, "beta": 0.75, "k": 1}  # OpenCV knows no other k
# Name, type, input, output, and the parameters of its type.
LAYERS = [
    ("conv1", "Convolution", "data", "conv1", {"num_output": 12, "kernel_size": [7], "stride": [2]}),
    ("relu1", "ReLU", "conv1", "conv1", {}),
    ("norm1", "LRN", "conv1", "norm1", LRN),
    ("pool1", "Pooling", "norm1", "pool1", {"kernel_size": 3, "stride": 2}),
    ("conv2", "Convolution", "pool1", "conv2", {"num_output": 16, "kernel_size": [5], "pad": [2], "group": 2}),
    ("relu2", "ReLU", "conv2", "conv2", {}),
    ("pool2", "Pooling", "conv2", "pool2", {"kernel_size": 3, "stride": 2}),
    ("conv3", "Convolution", "pool2", "conv3", {"num_output": 12, "kernel_h": 3, "kernel_w": 3, "pad_h": 1, "pad_w": 1}),
    ("relu3", "ReLU", "conv3", "conv3", {}),
    ("pool3", "Pooling", "conv3", "pool3", {"pool": 1, "kernel_size": 3, "stride": 2}),
    ("fc6", "InnerProduct", "pool3", "fc6", {"num_output": 20}),
    ("tanh6", "TanH", "fc6", "fc6", {}),
    ("drop6", "Dropout", "fc6", "fc6", {"dropout_ratio": 0.3}),
    ("fc/7", "InnerProduct", "fc6", "fc7", {"num_output": CLASSES}),
]
FIELDS = {"Convolution": "convolution_param", "ReLU": "relu_param", "LRN": "lrn_param", "Pooling": "pooling_param",
          "InnerProduct": "inner_product_param", "Dropout": "dropout_param"}
V1_TYPES = {"Convolution": 4, "Data": 5, "Dropout": 6, "InnerProduct": 14, "LRN": 15, "Pooling": 17, "ReLU": 18,
            "SoftmaxWithLoss": 21, "Accuracy": 1, "TanH": 23}


def set_fields(message, fields):
    for name, value in fields.items():
        if isinstance(value, list):
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)


def fill(layer, values, legacy=False, doubles=False):
    for array in values:
        blob = layer.blobs.add()
        wide = doubles and array.ndim > 1
        (blob.double_data if wide else blob.data).extend(array.ravel().tolist())
        if legacy:
            shape = [1] * (4 - array.ndim) + list(array.shape)
            blob.num, blob.channels, blob.height, blob.width = shape
        else:
            blob.shape.dim.extend(array.shape)


def save(name, message):
    with open(name, "wb") as file:
        file.write(message.SerializeToString())


def write():
    import caffe_pb2
    import unpacked_pb2
    random = np.random.default_rng(SEED)
    exchange.images(random, COUNT, STORED, STORED, 3)
    weights = parameters(random)
    new = caffe_pb2.NetParameter(name="small")
    for phase in (0, 1):
        data = new.layer.add(name="data", type="Data", top=["data", "label"])
        data.include.add(phase=phase)
        data.transform_param.crop_size = CROP
    old = caffe_pb2.NetParameter(name="small")
    data = old.layers.add(name="data", type=V1_TYPES["Data"], top=["data", "label"])
    data.data_param.crop_size = CROP
    plain = unpacked_pb2.NetParameter()
    for name, kind, bottom, top, fields in LAYERS:
        layer = new.layer.add(name=name, type=kind, bottom=[bottom], top=[top])
        v1 = old.layers.add(name=name, type=V1_TYPES[kind], bottom=[bottom], top=[top])
        for one in (layer, v1):
            if fields:
                set_fields(getattr(one, FIELDS[kind]), fields)
        if name in weights:
            fill(layer, weights[name])
            fill(v1, weights[name], legacy=True)
            fill(plain.layer.add(name=name, type=kind), weights[name], doubles=True)
    new.layer.add(name="fc7_split", type="Split", bottom=["fc7"], top=["fc7_0", "fc7_1"])
    accuracy = new.layer.add(name="accuracy", type="Accuracy", bottom=["fc7_0", "label"], top=["accuracy"])
    accuracy.include.add(phase=1)
    new.layer.add(name="loss", type="SoftmaxWithLoss", bottom=["fc7_1", "label"], top=["loss"])
    old.layers.add(name="loss", type=V1_TYPES["SoftmaxWithLoss"], bottom=["fc7", "label"])
    save("new.caffemodel", new)
    save("old.caffemodel", old)
    save("plain.caffemodel", plain)
    for name, side in (("mean", STORED), ("small", STORED // 2)):
        blob = caffe_pb2.BlobProto(num=1, channels=3, height=side, width=side)
        blob.data.extend(mean_image(side).ravel().tolist())
        save(name + ".binaryproto", blob)


def inputs(mean):
    """What Caffe's net sees, [N, C, H, W]: B, G, R, less the mean, and of that the middle."""
    pixels = exchange.images(np.random.default_rng(SEED), COUNT, STORED, STORED, 3)[:, ::-1].astype(np.float64)
    if mean == "small":
        # Between the centres of pixels; the planes are linear but for their edges, where the nearest counts.
        small = mean_image(STORED // 2).astype(np.float64)
        at = np.clip((np.arange(STORED) + 0.5) / 2 - 0.5, 0, STORED // 2 - 1)
        rows = np.stack([[np.interp(at, np.arange(STORED // 2), row) for row in plane] for plane in small])
        planes = np.stack([np.stack([np.interp(at, np.arange(STORED // 2), column) for column in plane.T], 1)
                           for plane in rows])
    elif mean == "mean":
        planes = mean_image(STORED).astype(np.float64)
    else:
        planes = np.array([float(v) for v in mean.split(",")]).reshape(3, 1, 1)
    edge = (STORED - CROP) // 2
    return (pixels - planes)[:, :, edge:edge + CROP, edge:edge + CROP]


def expected(x):
    """The probabilities by PyTorch, whose response normalisation and rounding up are Caffe's here."""
    import torch
    import torch.nn.functional as F
    random = np.random.default_rng(SEED)
    exchange.images(random, COUNT, STORED, STORED, 3)
    w = {n: [torch.from_numpy(a).double() for a in arrays] for n, arrays in parameters(random).items()}
    x = F.relu(F.conv2d(torch.from_numpy(x.copy()), *w["conv1"], stride=2))
    x = F.local_response_norm(x, LRN["local_size"], LRN["alpha"], LRN["beta"], LRN["k"])
    x = F.max_pool2d(x, 3, 2, ceil_mode=True)
    x = F.relu(F.conv2d(x, *w["conv2"], padding=2, groups=2))
    x = F.max_pool2d(x, 3, 2, ceil_mode=True)
    x = F.relu(F.conv2d(x, *w["conv3"], padding=1))
    x = F.avg_pool2d(x, 3, 2, ceil_mode=True).flatten(1)
    x = torch.tanh(F.linear(x, *w["fc6"]))
    return F.softmax(F.linear(x, *w["fc/7"]), 1).numpy()


def opencv():
    """Whether OpenCV's importer, which has Caffe's own schema, reads the same files as the same net."""
    import cv2
    x = inputs("mean")
    with open("deploy.prototxt", "w") as file:
        file.write('input: "data"\ninput_dim: 1\ninput_dim: 3\n' + f"input_dim: {CROP}\n" * 2)
        for name, kind, bottom, top, fields in LAYERS:
            file.write(f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top}" ')
            if fields:
                file.write(FIELDS[kind] + " { ")
                for field, value in fields.items():
                    value = value[0] if isinstance(value, list) else value
                    file.write(f"{field}: {'AVE' if field == 'pool' else value} ")
                file.write("} ")
            file.write("}\n")
        file.write('layer { name: "prob" type: "Softmax" bottom: "fc7" top: "prob" }\n')
    for name in ("new", "old"):
        net = cv2.dnn.readNetFromCaffe("deploy.prototxt", name + ".caffemodel")
        got = []
        for image in x:
            net.setInput(image[None].astype(np.float32))
            got.append(net.forward()[0])
        exchange.require_equal(f"OpenCV, {name}.caffemodel", np.stack(got), np.load("expected.npy"))


if sys.argv[1] == "write":
    write()
elif sys.argv[1] == "opencv":
    opencv()
else:
    scores = expected(inputs(sys.argv[4]))
    np.save("expected.npy", scores)
    exchange.require_equal(sys.argv[3], exchange.predict(sys.argv[2], sys.argv[3], COUNT, CLASSES), scores)
