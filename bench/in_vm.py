#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What needs controllers and systemd, measured in the test machine by bench/vm: the smallest memory.max under which a container
runs, and `run` with the systemd cgroup driver.

usage: in_vm.py [--rounds N] RUNTIME…    the first one is ours"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
KIB = 1024
SMALLEST, LARGEST, STEP = 64, 64 * KIB, 16  # KiB
TRIES = 3  # a limit counts when all of them succeed


class Runtime:
    def __init__(self, work, path):
        self.name, self.path = pathlib.Path(path).name, shutil.which(path) or sys.exit(f"in_vm.py: there is no {path}")
        if "/" in path:
            self.install(pathlib.Path(path))
        self.root, self.bundle, self.count = work / f"root-{self.name}", work / f"bundle-{self.name}", 0
        (self.bundle / "rootfs/bin").mkdir(parents=True)
        for directory in ("proc", "sys", "dev"):
            (self.bundle / "rootfs" / directory).mkdir()
        shutil.copy(TOP / "build-release/true", self.bundle / "rootfs/bin/true")

    def install(self, program):
        """From a share every page is fetched through a socket."""
        self.path = shutil.copy(program, "/usr/local/bin")
        helper = program.with_name("runtime-systemd")
        if helper.exists():
            directory = pathlib.Path("/usr/local/libexec/runtime")
            directory.mkdir(parents=True, exist_ok=True)
            shutil.copy(helper, directory)

    def configure(self, cgroup, memory=None):
        config = json.loads((TOP / "bench/config.json").read_text())
        config["process"]["args"] = ["/bin/true"]
        config["linux"]["cgroupsPath"] = cgroup
        if memory:
            config["linux"].setdefault("resources", {})["memory"] = {"limit": memory, "swap": memory}
        (self.bundle / "config.json").write_text(json.dumps(config))

    def run(self, *options):
        """Whether it succeeded, and in how many seconds."""
        self.count += 1
        words = [self.path, "--root", self.root, *options, "run", "--bundle", self.bundle, f"bench-{self.count}"]
        before = time.perf_counter()
        status = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode
        took = time.perf_counter() - before
        if status != 0:
            subprocess.run([self.path, "--root", self.root, "delete", "--force", words[-1]], capture_output=True, check=False)
        return status == 0, took

    def runs_in(self, kib):
        self.configure(f"/bench-{self.name}", kib * KIB)
        return all(self.run()[0] for _ in range(TRIES))

    def smallest_memory(self):
        """In KiB; by bisection, as more memory is never worse."""
        if not self.runs_in(LARGEST):
            sys.exit(f"in_vm.py: {self.name} does not run a container in {LARGEST} KiB")
        low, high = SMALLEST, LARGEST
        while high - low > STEP:
            middle = (low + high) // 2 // 4 * 4
            low, high = (low, middle) if self.runs_in(middle) else (middle, high)
        return high


def with_systemd(runtimes, rounds):
    times = {runtime.name: [] for runtime in runtimes}
    for runtime in runtimes:
        runtime.configure(f"system.slice:bench:{runtime.name}")
    for number in range(rounds + 1):  # the first one warms up
        for runtime in runtimes[number % len(runtimes):] + runtimes[:number % len(runtimes)]:
            succeeded, took = runtime.run("--systemd-cgroup")
            if not succeeded:
                sys.exit(f"in_vm.py: {runtime.name} failed with the systemd driver")
            if number > 0:
                times[runtime.name].append(took)
    return {name: statistics.median(samples) for name, samples in times.items()}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("runtimes", nargs="+")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        runtimes = [Runtime(pathlib.Path(directory), path) for path in options.runtimes]
        for runtime in runtimes:
            print(f"smallest memory.max  {runtime.name:10} {runtime.smallest_memory():6} KiB", flush=True)
        medians = with_systemd(runtimes, options.rounds)
        ours = medians[runtimes[0].name]
        for name, median in medians.items():
            print(f"run --systemd-cgroup {name:10} {median * 1000:6.1f} ms  ours is {ours / median:.2f} of it", flush=True)


if __name__ == "__main__":
    main()
