"""What the tests of netpack share: files that convoy reads and writes, without any package but numpy."""

import json
import struct
import subprocess
import zlib

import numpy as np

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "U64": "<u8", "I64": "<i8", "I32": "<i4", "U8": "u1"}


def read_safetensors(path):
    """The tensors of a file, and its metadata. BF16 becomes float32."""
    with open(path, "rb") as file:
        data = file.read()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        part = data[8 + size + begin:8 + size + end]
        if info["dtype"] == "BF16":
            values = (np.frombuffer(part, "<u2").astype("<u4") << 16).view("<f4")
        else:
            values = np.frombuffer(part, TYPES[info["dtype"]])
        tensors[name] = values.reshape(info["shape"]).copy()
    return tensors, metadata


def write_safetensors(path, tensors, metadata=None, bf16=()):
    """Writes tensors; those named in bf16, which are float32, lose their lower halves."""
    header, at, parts = {}, 0, []
    if metadata:
        header["__metadata__"] = metadata
    for name, values in tensors.items():
        values = np.ascontiguousarray(values)
        if name in bf16:
            kind, part = "BF16", (values.view("<u4") >> 16).astype("<u2").tobytes()
        else:
            kind = next(k for k, v in TYPES.items() if np.dtype(v) == values.dtype)
            part = values.tobytes()
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [at, at + len(part)]}
        at += len(part)
        parts.append(part)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def write_png(path, pixels):
    """pixels: uint8, [H, W, 3] or [H, W]."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + pixels[y].tobytes() for y in range(height))

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def images(random, count, height, width, channels):
    """uint8 images that differ in more than noise, [N, C, H, W]; writes them as 0.png, 1.png and so on."""
    y, x = np.mgrid[0:height, 0:width]
    all = []
    for i in range(count):
        planes = []
        for _ in range(channels):
            fx, fy, phase = random.uniform(0.02, 0.6, 2).tolist() + [random.uniform(0, 6)]
            wave = 127 + 90 * np.sin(fx * x + fy * y + phase)
            planes.append(np.clip(wave + random.normal(0, 20, wave.shape), 0, 255))
        image = np.stack(planes).astype(np.uint8)
        write_png(f"{i}.png", image.transpose(1, 2, 0) if channels == 3 else image[0])
        all.append(image)
    return np.stack(all)


def predict(program, weights, count, classes, ids=None):
    """The probabilities that convoy's predict gives to the images, [N, classes]. ids: of the classes, if not numbers."""
    lines = subprocess.run([program, "-q", "--json", "-k", str(classes), "--device=cpu", "-w", weights] +
                           [f"{i}.png" for i in range(count)], check=True, capture_output=True, text=True).stdout
    all = np.zeros((count, classes))
    for i, line in enumerate(lines.splitlines()):
        for one in json.loads(line)["predictions"]:
            all[i, ids.index(one["class_id"]) if ids else int(one["class_id"])] = one["probability"]
    return all


def require_equal(what, got, expected, tolerance=1e-4):
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    if got.shape != expected.shape:
        raise SystemExit(f"{what}: {got.shape}, expected {expected.shape}")
    # A net whose classes were all alike would show nothing.
    if np.ptp(expected, 1).max() < 0.1:
        raise SystemExit(f"{what}: the expected probabilities are all alike")
    worst = np.abs(got - expected).max()
    print(f"{what}: {worst:.2e} apart at most, of {expected.max():.3f}")
    if not worst <= tolerance:
        raise SystemExit(f"{what}: probabilities differ by {worst}")
