"""Runs a scene in a folder of its own, alone or with the preload library, and judges what it leaves behind."""

import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

import scenes

LIMIT = int(os.environ.get("FAULTS_LIMIT") or 60)  # seconds after which a run hangs

# As in tests/faults/preload/fault.h.
KINDS = ["open", "read", "write", "fsync", "rename", "close", "mmap", "stat", "lseek", "truncate", "chmod", "mkdir",
         "unlink", "readdir", "lock", "fcntl", "random", "malloc", "thread"]
# The reasons of errors that may come of what this library does.
MACHINE_FAILURE = (rb"(Too many open files|Input/output error|Cannot allocate memory|No space left on device|"
                   rb"out of memory)")
REPORT = struct.Struct(f"<{len(KINDS)}QQQ256s")


@dataclass
class Report:
    """What the preload library left: calls of each kind, how many failed, and which was the first."""

    calls: dict
    failed: int
    foreign: int
    first: str


@dataclass
class Ended:
    """What a run left behind."""

    status: int  # negative: the signal that ended it; None: it hung
    stdout: bytes
    stderr: str
    files: dict  # all files in its folder but data/: path -> bytes
    temporaries: list  # what is left in TMPDIR
    report: Report = None


def without_speed(log):
    """A training log without its last column, which measures time, and without a line that has no end."""
    return re.sub(rb"\t[^\t\n]*\n", b"\n", log[: log.rfind(b"\n") + 1])


class Bench:
    """The programs under test, the data, and the folder below which everything happens."""

    def __init__(self):
        self.tools = os.path.abspath(os.environ.get("BIN", "build/bin"))
        tests = os.path.join(os.path.dirname(self.tools), "test")
        self.library = os.path.join(tests, "calls.so")
        # Not in /tmp itself, whose files other programs make.
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="convoy-faults."))
        self.cases = 0
        scenes.make_data(self.tools, os.path.join(tests, "fixture"), f"{self.root}/data")

    def close(self):
        """Removes everything."""
        shutil.rmtree(self.root, ignore_errors=True)

    def folder(self, number):
        """The working folder number `number`: one for each process at a time."""
        return f"{self.root}/{number}"

    def prepare(self, scene, number):
        """Makes the folder anew, as the scene needs it; returns the older outputs."""
        folder = self.folder(number)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(f"{folder}/run")
        os.makedirs(f"{folder}/tmp")
        os.symlink(f"{self.root}/data", f"{folder}/run/data")
        older = scene.older()
        for name, source in scene.copies.items():
            with open(f"{self.root}/data/{source}", "rb") as file:
                older[name] = file.read()
        for name, content in older.items():
            with open(f"{folder}/run/{name}", "wb") as file:
                file.write(content)
        return older

    def environment(self, number, **more):
        """Threads that sleep, so that the programs do not execute themselves once more; a TMPDIR of their own."""
        return {**os.environ, "LC_ALL": "C", "OMP_WAIT_POLICY": "passive", "CUDA_VISIBLE_DEVICES": "",
                "TMPDIR": f"{self.folder(number)}/tmp", **more}

    def start(self, scene, number, command=None, **more):
        """Starts the scene's command, or another, in its folder."""
        command = command or scene.command
        stdin = subprocess.DEVNULL
        if scene.stdin:
            # All of it fits into the pipe, so the program reads the same pieces every time.
            stdin, entrance = os.pipe()
            with open(f"{self.root}/data/{scene.stdin}", "rb") as file, os.fdopen(entrance, "wb") as pipe:
                pipe.write(file.read())
        try:
            return subprocess.Popen([f"{self.tools}/{command[0]}", *command[1:]], cwd=f"{self.folder(number)}/run",
                                    env=self.environment(number, **more), stdin=stdin, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, preexec_fn=default_signals)
        finally:
            if scene.stdin:
                os.close(stdin)

    def finish(self, process, number):
        """Waits for a process of start() and looks at what it left."""
        try:
            stdout, stderr = process.communicate(timeout=LIMIT)
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            status = None
        folder = self.folder(number)
        return Ended(status, stdout, stderr.decode(errors="replace"), files_below(f"{folder}/run"),
                     sorted(os.listdir(f"{folder}/tmp")))

    def run(self, scene, number, command=None, **more):
        """Runs the scene's command, or another, in the folder as it is."""
        return self.finish(self.start(scene, number, command, **more), number)

    def run_with_fault(self, scene, number, fault, **more):
        """Runs the scene in the folder as it is, with FAULTS=fault."""
        path = f"{self.folder(number)}/report"
        ended = self.run(scene, number, LD_PRELOAD=self.library, FAULTS=fault, FAULTS_REPORT=path,
                         FAULTS_UNDER=self.root, **more)
        if not os.path.exists(path):
            raise SystemExit(f"{self.library} did not start: {ended.stderr}")
        with open(path, "rb") as file:
            *calls, failed, foreign, first = REPORT.unpack(file.read())
        ended.report = Report(dict(zip(KINDS, calls)), failed, foreign, first.rstrip(b"\0").decode(errors="replace"))
        return ended

    def trace(self, scene, number):
        """Runs the scene in the folder as it is, and returns how it ended and the lines of its trace."""
        path = f"{self.folder(number)}/trace"
        ended = self.run(scene, number, LD_PRELOAD=self.library, TRACE=path, TRACE_UNDER=self.folder(number))
        with open(path, encoding="ascii") as file:
            return ended, [line.rstrip("\n").split("\t") for line in file]


def default_signals():
    """A background job of a shell ignores these; the programs under test must not. No core files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for one in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(one, signal.SIG_DFL)


def files_below(folder):
    """The files below a folder, without data/: path -> bytes."""
    found = {}
    for base, folders, names in os.walk(folder):
        if base == folder:
            folders[:] = [name for name in folders if name != "data"]
        for name in names:
            path = os.path.join(base, name)
            if os.path.islink(path):
                continue
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


@dataclass
class Undisturbed:
    """What a scene does if nothing disturbs it."""

    older: dict  # the outputs before it: path -> bytes
    ended: Ended
    whole: dict = field(default_factory=dict)  # output -> all contents that it may have: older, in between, final
    calls: dict = field(default_factory=dict)  # of each kind, how many


def undisturbed(bench, scene, number=0):
    """Runs a scene by itself; what it leaves is what others are judged by."""
    older = bench.prepare(scene, number)
    ended, trace = bench.trace(scene, number)
    if ended.status != 0 or ended.stderr or ended.temporaries:
        raise SystemExit(f"{scene.name}: status {ended.status} without any fault: {ended.stderr}")
    good = Undisturbed(older, ended)
    for name, content in [*older.items(), *ended.files.items()]:
        good.whole.setdefault(name, []).append(content)
    for name, content in versions(trace, f"{bench.folder(number)}/run").items():
        if name != scene.log:
            good.whole.setdefault(name, []).extend(content)
    # A second run tells whether the outputs are the same each time.
    bench.prepare(scene, number)
    counted = bench.run_with_fault(scene, number, f"{KINDS[0]}:0:5:once")
    good.calls = counted.report.calls
    differing = [name for name in ended.files if comparable(scene, name, ended) != comparable(scene, name, counted)]
    if differing or counted.stdout != ended.stdout or set(ended.files) != set(counted.files):
        raise SystemExit(f"{scene.name}: two runs differ: {differing}")
    return good


def comparable(scene, name, ended):
    """The bytes of an output that are the same in each run."""
    content = ended.files.get(name)
    return without_speed(content) if name == scene.log and content is not None else content


def versions(trace, folder):
    """The contents that files got by rename or link in a trace: path -> list of bytes."""
    contents = {}
    named = {}
    for what, *fields in trace:
        if what == "create":
            contents[fields[0]] = bytearray()
        elif what == "write" and fields[0] in contents:
            offset, data = int(fields[1]), bytes.fromhex(fields[2])
            content = contents[fields[0]]
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
        elif what == "truncate" and fields[0] in contents:
            size = int(fields[1])
            content = contents[fields[0]]
            contents[fields[0]] = content[:size] + bytes(max(0, size - len(content)))
        elif what in ("rename", "link") and fields[0] in contents:
            named.setdefault(os.path.relpath(fields[2], folder), []).append(bytes(contents[fields[0]]))
    return named


def rows_are_whole(log, good):
    """Whether a log has only rows of the good one, in order from the first, but for its last line, if it has no end."""
    return without_speed(good).startswith(without_speed(log))


def judge_outputs(scene, good, ended):
    """What is wrong with the outputs of a run that did not finish: each must be old or whole."""
    wrong = []
    for name in scene.outputs:
        content = ended.files.get(name)
        if name == scene.rejects:
            if content is None or (content not in (b"", good.older.get(name)) and not content.endswith(b"\n")):
                wrong.append(f"{name} is not whole")
        elif name == scene.log:
            older = good.older.get(name)
            if content is not None and content != older and not rows_are_whole(content, good.ended.files[name]):
                wrong.append(f"{name} has other rows")
        elif content is None:
            # A training that starts anew removes the checkpoint of the run before.
            if name in good.older and name != scene.checkpoint:
                wrong.append(f"{name} is gone")
        elif name == scene.checkpoint:
            pass  # it may be of any step: what a resumed training makes of it is what counts
        elif name in scene.reports and re.fullmatch(scene.reports[name], content):
            pass
        elif content not in good.whole[name]:
            wrong.append(f"{name} is neither the older file nor a whole new one")
    if scene.folder:
        for name, content in ended.files.items():
            if name.startswith(scene.folder + "/") and name in good.ended.files and content != good.ended.files[name]:
                wrong.append(f"{name} is not whole")
    if not good.ended.stdout.startswith(without_failures(scene, good.ended.stdout, ended.stdout)):
        wrong.append("standard output is no beginning of the right one")
    return wrong


def without_failures(scene, good, stdout):
    """Standard output with the right answers in place of those that say that the machine has failed, which a
    coprocess gives each for its image, before it goes on."""
    if not scene.answers:
        return stdout
    right = good.splitlines(keepends=True)
    answers = []
    for line in stdout.splitlines(keepends=True):
        failed = re.fullmatch(rb"[^\t]+\t\t\t\t(.*: )?" + MACHINE_FAILURE + rb"\n", line)
        answers += right[len(answers) : len(answers) + scene.answers] if failed else [line]
    return b"".join(answers)


def leftovers(good, ended):
    """Files that neither were there before nor are outputs."""
    return [name for name in ended.files if name not in good.whole] + ended.temporaries


def judge_success(scene, good, ended):
    """What is wrong with a run that ended with status 0."""
    wrong = []
    for name in good.ended.files:
        if comparable(scene, name, ended) != comparable(scene, name, good.ended):
            wrong.append(f"status 0, but {name} differs")
    if ended.stdout != good.ended.stdout:
        wrong.append("status 0, but standard output differs")
    return wrong


def jobs():
    """JOBS, or the number of processors."""
    return int(os.environ.get("JOBS") or len(os.sched_getaffinity(0)))


def require(bench):
    """Ends with status 77 if the programs cannot be run with the preload library."""
    probe = subprocess.run([f"{bench.tools}/imgprep", "--version"], capture_output=True, check=False,
                           env={**os.environ, "LD_PRELOAD": bench.library, "ASAN_OPTIONS": "verify_asan_link_order=1"})
    if b"ASan runtime does not come first" in probe.stderr:
        print("skipped: AddressSanitizer has its own allocator, and no library can be loaded before it")
        sys.exit(77)
