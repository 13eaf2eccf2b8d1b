#!/usr/bin/env python3
"""Prepares every image of a list as imgprep does, with a peer: prepare_images.py pillow|opencv LIST

Scales the shorter side to 256 and takes the central 256x256, on one thread. Prints images per second.
"""
import sys
import time

SIZE = 256


def scaled(width, height):
    scale = SIZE / min(width, height)
    return max(SIZE, round(width * scale)), max(SIZE, round(height * scale))


def with_pillow(path):
    from PIL import Image
    image = Image.open(path).convert("RGB")
    width, height = scaled(*image.size)
    left, top = (width - SIZE) // 2, (height - SIZE) // 2
    return image.resize((width, height), Image.BICUBIC).crop((left, top, left + SIZE, top + SIZE)).tobytes()


def with_opencv(path):
    import cv2
    cv2.setNumThreads(1)
    image = cv2.imread(path)
    width, height = scaled(image.shape[1], image.shape[0])
    left, top = (width - SIZE) // 2, (height - SIZE) // 2
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return image[top:top + SIZE, left:left + SIZE, ::-1].tobytes()


def main():
    prepare = {"pillow": with_pillow, "opencv": with_opencv}[sys.argv[1]]
    with open(sys.argv[2], encoding="utf-8") as names:
        paths = names.read().splitlines()
    prepare(paths[0])
    start = time.perf_counter()
    for path in paths:
        prepare(path)
    print(f"{len(paths) / (time.perf_counter() - start):.1f}")


main()
