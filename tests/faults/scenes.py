"""The command lines that tests/faults tries, and the small data sets that they read."""

import os
import subprocess
from dataclasses import dataclass, field


@dataclass
class Scene:
    """One command line. It runs in a folder of its own, in which `data` leads to what make_data() has made."""

    name: str
    command: list  # the tool's name, then its arguments
    outputs: list = field(default_factory=list)  # files that it replaces or makes
    folder: str = ""  # a folder that it makes, whose files are outputs
    stdin: str = ""  # a file of `data` that it reads from a pipe
    answers: int = 0  # lines of each answer on standard output, if a failure of the machine is an answer too
    copies: dict = field(default_factory=dict)  # files of `data` that lie in its folder before it starts
    fresh: list = field(default_factory=list)  # of the outputs, those that are not there before it starts
    log: str = ""  # of the outputs, the training log
    rejects: str = ""  # of the outputs, the list of rejects, which is written in any case
    reports: dict = field(default_factory=dict)  # of the outputs, those that tell what failed: a pattern of a whole one
    checkpoint: str = ""  # of the outputs, the checkpoint, from which it can be resumed

    @property
    def tool(self):
        return self.command[0]

    def older(self):
        """The outputs that are there before the command starts, and what they hold."""
        there = {name: b"an older file\n" for name in self.outputs if name not in self.fresh}
        return there


def run(command, folder, **options):
    """Runs a command that must succeed, and returns what it wrote to standard output."""
    done = subprocess.run(command, cwd=folder, capture_output=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"status {done.returncode} of {' '.join(command)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


NET = """input 10x10x1 from=12x12
conv c1 4 3x3 pad=1 init=0.05
relu
maxpool 2x2 stride=2
fc f1 8 init=0.05
relu
dropout 0.25
fc f2 4 init=0.05
softmax
"""


def make_data(tools, fixture, folder):
    """Makes what the scenes read. tools: the folder of the programs. fixture: the maker of small images."""
    os.makedirs(folder)
    images = []
    for c in range(3):
        os.makedirs(f"{folder}/photos/class{c}")
        for i in range(2):
            images.append(f"photos/class{c}/{i}.png")
            run([fixture, "png", images[-1], f"size={17 + i}x{20 - c}", f"seed={3 * c + i}"], folder)
        images.append(f"photos/class{c}/2.jpg")
        run([fixture, "jpeg", images[-1], "size=24x18", f"seed={c}"], folder)
    with open(f"{folder}/list.txt", "w", encoding="ascii") as file:
        file.write("".join(f"data/{name}\t{i % 3}\n" for i, name in enumerate(images)))
    with open(f"{folder}/names.txt", "w", encoding="ascii") as file:
        file.write("".join(f"data/{name}\n" for name in images[:4]))
    with open(f"{folder}/images.bin", "wb") as joined, open(f"{folder}/framed.bin", "wb") as framed:
        for name in images:
            with open(f"{folder}/{name}", "rb") as file:
                content = file.read()
            joined.write(content)
            framed.write(b"%d\n" % len(content) + content)
    run(["tar", "-czf", "photos.tar.gz", "photos"], folder)
    run(["tar", "-cf", "photos.tar", "photos"], folder)

    def tool(name, *arguments):
        run([f"{tools}/{name}", "-q", "-j1", *arguments], folder)

    for name, count in (("train", 24), ("val", 8)):
        run([fixture, "idx", f"{name}.images", f"{name}.labels", f"count={count}", "size=12x12", "classes=4"], folder)
        tool("imgprep", "--idx", "--gray", "--size=none", "-o", f"{name}.shard", f"{name}.images", f"{name}.labels")
        tool("meanimg", "-o", f"{name}.mean", f"{name}.shard")
    tool("imgprep", "--size=16", "-o", "photos.shard", "photos")
    with open(f"{folder}/small.net", "w", encoding="ascii") as file:
        file.write(NET)
    tool("train", *TRAINING, "--steps=4", "--checkpoint=half.checkpoint", "--checkpoint-every=2steps", "--log=half.log",
         "--log-every=1steps", "--net=small.net", "--mean=train.mean", "-o", "weights", "train.shard")
    tool("predict", "-w", "weights", "--features=f1", "-o", "train.features", "train.shard")
    # The checkpoint of an interrupted run: it is to take ten steps, and has taken four.
    tool("train", *TRAINING, "--steps=10", "--net=small.net", "--mean=train.mean", "--checkpoint=older.checkpoint",
         "--checkpoint-every=4steps", "--log=older.log", "--log-every=1steps", "-o", "older.weights", "train.shard")


TRAINING = ["--batch=8", "--lr=0.002", "--flip=off"]
# What --keep=all writes beside w.st in two epochs.
KEPT = ["w.st.best.safetensors", "w.st.epoch-001.safetensors", "w.st.epoch-002.safetensors"]


def make_long_data(tools, folder):
    """Makes, beside what make_data() makes, what the scenes of long_scenes() read."""
    with open(f"{folder}/list.txt", encoding="ascii") as file:
        lines = file.readlines()
    with open(f"{folder}/long.txt", "w", encoding="ascii") as file:
        file.writelines(lines * 150)
    run([f"{tools}/imgprep", "-q", "--size=32", "-o", "data/long.shard", "--files-from=data/long.txt"],
        os.path.dirname(folder))


def long_scenes():
    """Scenes that take so long that a signal comes at some moment of their work, by name."""
    scenes = [
        Scene("imgprep", ["imgprep", "-q", "-j2", "--size=32", "--rejects=r.tsv", "-o", "o.shard",
                          "--files-from=data/long.txt"], ["o.shard", "r.tsv"], rejects="r.tsv"),
        Scene("shardpack shuffle", ["shardpack", "-q", "-j1", "--shuffle", "--memory=300K", "--split=a:0.7,b:0.3",
                                    "--split-by=record", "-o", "o-%s.shard", "data/long.shard"],
              ["o-a.shard", "o-b.shard"]),
        Scene("shardpack extract", ["shardpack", "-q", "-j2", "--extract=ex", "data/long.shard"], folder="ex"),
        Scene("meanimg", ["meanimg", "-q", "-j2", "--png=o.png", "-o", "o.mean", "data/long.shard"], ["o.mean", "o.png"]),
        Scene("train", ["train", "-q", "-j1", *TRAINING, "--steps=240", "--net=data/small.net", "--mean=data/train.mean",
                        "--checkpoint=c.st", "--checkpoint-every=3steps", "--log=l.tsv", "--log-every=5steps",
                        "--val=data/val.shard", "--val-every=50steps", "-o", "w.st", "data/train.shard"],
              ["w.st", "c.st", "l.tsv"], fresh=["c.st", "l.tsv"], log="l.tsv", checkpoint="c.st"),
        Scene("predict", ["predict", "-q", "-j1", "-w", "data/weights", "-o", "o.tsv", "--files-from=data/long.txt"],
              ["o.tsv"]),
        Scene("eval", ["eval", "-q", "-j1", "--batch=8", "-w", "data/weights", "--confusion=c.tsv",
                       "--predictions=p.tsv", "-o", "o.tsv", *["data/val.shard"] * 40], ["o.tsv", "c.tsv", "p.tsv"]),
    ]
    return {scene.name: scene for scene in scenes}


def all_scenes():
    """The scenes, by name."""
    train = ["train", "-q", "-j1", *TRAINING, "--steps=6", "--net=data/small.net", "--mean=data/train.mean",
             "--checkpoint=c.st", "--checkpoint-every=2steps", "--log=l.tsv", "--log-every=1steps", "-o", "w.st"]
    scenes = [
        Scene("imgprep folder", ["imgprep", "-q", "-j2", "--size=16", "--rejects=r.tsv", "-o", "o.shard", "data/photos"],
              ["o.shard", "r.tsv"], rejects="r.tsv"),
        Scene("imgprep tar.gz", ["imgprep", "-q", "-j1", "--size=16", "-o", "o.shard", "data/photos.tar.gz"], ["o.shard"]),
        Scene("imgprep tar from a pipe", ["imgprep", "-q", "-j1", "--size=16", "-o", "o.shard"], ["o.shard"],
              stdin="photos.tar"),
        Scene("imgprep part of a pipe", ["imgprep", "-q", "-j1", "--size=16", "--part=2/3", "-o", "o.shard"], ["o.shard"],
              stdin="photos.tar"),
        Scene("imgprep images from a pipe", ["imgprep", "-q", "-j1", "--size=16", "-o", "o.shard"], ["o.shard"],
              stdin="images.bin"),
        Scene("imgprep list", ["imgprep", "-q", "-j1", "--size=16", "-o", "o.shard", "--files-from=data/list.txt"],
              ["o.shard"]),
        Scene("imgprep IDX", ["imgprep", "-q", "-j1", "--size=none", "--idx", "-o", "o.shard", "data/val.images",
                              "data/val.labels"], ["o.shard"]),
        Scene("imgprep to a pipe", ["imgprep", "-q", "-j1", "--size=16", "data/photos"]),
        Scene("shardpack list", ["shardpack", "-q", "-j1", "--list", "-o", "o.tsv", "data/photos.shard"], ["o.tsv"]),
        Scene("shardpack info", ["shardpack", "-q", "-j1", "--info", "-o", "o.txt", "data/photos.shard", "data/val.shard"],
              ["o.txt"]),
        Scene("shardpack verify", ["shardpack", "-q", "-j1", "--verify", "-o", "o.txt", "data/photos.shard"], ["o.txt"],
              reports={"o.txt": rb"data/photos\.shard\t\d+\t1\n"}),
        Scene("shardpack shuffle, spilling", ["shardpack", "-q", "-j1", "--shuffle", "--memory=3K", "-o", "o.shard",
                                              "data/photos.shard"], ["o.shard"]),
        Scene("shardpack part", ["shardpack", "-q", "-j1", "--shuffle", "--memory=3K", "--part=2/2", "-o", "o.shard",
                                 "data/photos.shard"], ["o.shard"]),
        Scene("shardpack shuffle of a pipe", ["shardpack", "-q", "-j1", "--shuffle", "-o", "o.shard"], ["o.shard"],
              stdin="photos.shard"),
        Scene("shardpack split", ["shardpack", "-q", "-j1", "--split=a:0.5,b:0.5", "-o", "o-%s.shard", "data/photos.shard"],
              ["o-a.shard", "o-b.shard"]),
        Scene("shardpack several shards", ["shardpack", "-q", "-j1", "--per-shard=4", "-o", "o-%d.shard",
                                           "data/photos.shard"], ["o-0.shard", "o-1.shard", "o-2.shard"]),
        Scene("shardpack transcode", ["shardpack", "-q", "-j2", "--codec=jpeg:90", "-o", "o.shard", "data/photos.shard"],
              ["o.shard"]),
        Scene("shardpack extract", ["shardpack", "-q", "-j1", "--extract=ex", "data/photos.shard"], folder="ex"),
        Scene("meanimg", ["meanimg", "-q", "-j2", "--png=o.png", "--rejects=r.tsv", "-o", "o.mean", "data/train.shard"],
              ["o.mean", "o.png", "r.tsv"], rejects="r.tsv"),
        Scene("meanimg merge", ["meanimg", "-q", "-j1", "--merge", "-o", "o.mean", "data/train.mean", "data/val.mean"],
              ["o.mean"]),
        Scene("train", [*train, "--val=data/val.shard", "--val-every=3steps", "data/train.shard"], ["w.st", "c.st", "l.tsv"],
              fresh=["c.st", "l.tsv"], log="l.tsv", checkpoint="c.st"),
        Scene("train that keeps weights", [*train, "--val=data/val.shard", "--val-every=6steps", "--keep=all",
                                           "--init-from=data/weights", "data/train.shard"],
              ["w.st", "c.st", "l.tsv", *KEPT], fresh=["c.st", "l.tsv", *KEPT], log="l.tsv", checkpoint="c.st"),
        Scene("train resumed", [*train[:-2], "--resume=c.st", "-o", "w.st", "data/train.shard"], ["w.st", "c.st", "l.tsv"],
              copies={"c.st": "half.checkpoint", "l.tsv": "half.log"}, log="l.tsv", checkpoint="c.st"),
        Scene("train over an older run", [*train, "--overwrite", "data/train.shard"], ["w.st", "c.st", "l.tsv"],
              copies={"c.st": "older.checkpoint", "l.tsv": "older.log"}, log="l.tsv", checkpoint="c.st"),
        Scene("train dumping images", ["train", "-q", "-j1", *TRAINING, "--steps=0", "--net=data/small.net",
                                       "--mean=data/train.mean", "--dump-augmented=ex:6",
                                       "--checkpoint=c.st", "-o", "w.st", "data/train.shard"], ["w.st", "c.st"],
              fresh=["c.st"], checkpoint="c.st", folder="ex"),
        Scene("eval", ["eval", "-q", "-j1", "-w", "data/weights", "--confusion=c.tsv", "--predictions=p.tsv", "-o", "o.tsv",
                       "data/val.shard"], ["o.tsv", "c.tsv", "p.tsv"]),
        Scene("eval ensemble", ["eval", "-q", "-j1", "-w", "data/weights", "-w", "data/older.weights", "--views=10",
                                "-o", "o.tsv", "data/val.shard"], ["o.tsv"]),
        Scene("predict folder", ["predict", "-q", "-j1", "-w", "data/weights", "--rejects=r.tsv", "-o", "o.tsv",
                                 "data/photos"], ["o.tsv", "r.tsv"], rejects="r.tsv"),
        Scene("predict features", ["predict", "-q", "-j1", "-w", "data/weights", "--features=f1", "--rejects=r.tsv", "-o",
                                   "o.st", "data/val.shard"], ["o.st", "r.tsv"], rejects="r.tsv"),
        Scene("predict nearest", ["predict", "-q", "-j1", "-w", "data/weights", "--nearest=data/train.features", "-o",
                                  "o.tsv", "data/val.shard"], ["o.tsv"]),
        Scene("predict names from a pipe", ["predict", "-q", "-j1", "-w", "data/weights", "--files-from=-"],
              stdin="names.txt", answers=4),
        Scene("predict frames", ["predict", "-q", "-j1", "-w", "data/weights", "--framed"], stdin="framed.bin",
              answers=4),
        Scene("predict tar from a pipe", ["predict", "-q", "-j1", "-w", "data/weights", "--json", "-o", "o.json"],
              ["o.json"], stdin="photos.tar"),
        Scene("netpack", ["netpack", "-q", "--mean=data/val.mean", "--net=data/small.net", "-o", "o.st", "data/weights"],
              ["o.st"]),
        Scene("netpack from a pipe", ["netpack", "-q", "--to=safetensors", "--type=f16", "-o", "o.st"], ["o.st"],
              stdin="weights"),
        Scene("netpack to ONNX", ["netpack", "-q", "--to=onnx", "-o", "o.onnx", "data/weights"], ["o.onnx"]),
        Scene("netpack extract", ["netpack", "-q", "--extract=mean", "-o", "o.mean", "data/weights"], ["o.mean"]),
        Scene("netpack list", ["netpack", "-q", "--list", "-o", "o.tsv", "data/weights", "data/train.mean"], ["o.tsv"]),
        Scene("netpack verify", ["netpack", "-q", "--verify", "-o", "o.tsv", "data/weights"], ["o.tsv"],
              reports={"o.tsv": rb"data/weights\t\d+\t1\n"}),
    ]
    return {scene.name: scene for scene in scenes}
