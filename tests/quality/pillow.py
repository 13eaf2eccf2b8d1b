"""imgprep against Pillow's antialiased bicubic resize, in dB of peak signal-to-noise ratio.

Usage: pillow.py SHARD ARCHIVE.tar [WORST]

SHARD is what imgprep made of ARCHIVE at its default size, raw and in colour. Prints "images N", "mean DB", "least DB"
and the WORST (default 5) images. Pillow decodes the whole image, resizes it so that the shorter side has 256 pixels
and the other is rounded, and cuts out the central square at whole pixels.
"""

import io
import json
import math
import struct
import sys
import tarfile

import numpy
from PIL import Image

SIZE = 256


def shard_records(path):
    """Name and pixels of every record of a raw shard; man/convoy-shard.5 has the layout."""
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        version, kind = struct.unpack_from("<II", data, at + 8)
        assert data[at:at + 8] == b"\x89CVY\r\n\x1a\n" and version == 1, "not a shard"
        (length, _, _, records, metadata, table, names, _, _, stride) = struct.unpack_from("<10Q", data, at + 16)
        if kind == 1:
            info = json.loads(data[at + 128:at + 128 + metadata])
            shape = (info["height"], info["width"], info["channels"])
            assert shape == (SIZE, SIZE, 3) and stride >= math.prod(shape), "not what imgprep makes by default"
            for i in range(records):
                _, name_length, name, payload, size, _ = struct.unpack_from("<iIQQQQ", data, at + table + 40 * i)
                name = data[at + names + name:at + names + name + name_length].decode()
                yield name, numpy.frombuffer(data, numpy.uint8, size, at + payload).reshape(shape)
        at += length


def prepared(file):
    image = Image.open(file).convert("RGB")
    width, height = image.size
    scale = SIZE / min(width, height)
    width, height = max(SIZE, round(width * scale)), max(SIZE, round(height * scale))
    left, top = (width - SIZE) // 2, (height - SIZE) // 2
    return image.resize((width, height), Image.BICUBIC).crop((left, top, left + SIZE, top + SIZE))


def decibels(a, b):
    error = numpy.mean((a.astype(float) - b) ** 2)
    return 10 * math.log10(255**2 / error) if error > 0 else 99.0


def main(shard, archive, worst=5):
    found = []
    with tarfile.open(archive) as tar:
        for name, pixels in shard_records(shard):
            reference = numpy.asarray(prepared(io.BytesIO(tar.extractfile(name).read())))
            found.append((decibels(reference, pixels), name))
    found.sort()
    print("images", len(found))
    print("mean %.2f" % (sum(value for value, _ in found) / len(found)))
    print("least %.2f" % found[0][0])
    for value, name in found[:int(worst)]:
        print("%.2f\t%s" % (value, name))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
