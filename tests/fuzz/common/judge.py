"""Judges safetensors files with the reader of PyPI's package: one line, "accepted" or "refused", for each path of a line
of standard input. Status 77 if the package is not installed."""
import sys

try:
    from safetensors import SafetensorError, deserialize
except ImportError:
    sys.exit(77)

for path in sys.stdin.read().splitlines():
    with open(path, "rb") as file:
        data = file.read()
    try:
        deserialize(data)
        print("accepted")
    except (SafetensorError, ValueError):
        print("refused")
