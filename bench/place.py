# SPDX-License-Identifier: Apache-2.0
"""Where things run: this system or another one in a tree, with a working directory both know by the same name."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent


def sh(*words, **more):
    return subprocess.run([str(word) for word in words], check=True, **more)


class Place:
    def __init__(self, tree, programs):
        self.tree = pathlib.Path(tree).resolve() if tree else None
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="oci-bench-"))
        # What runtimes remember of containers is on a tmpfs wherever there is systemd (file-hierarchy(7), /run).
        self.run = self.work / "run"
        self.run.mkdir()
        sh("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.run)
        self.shared = [self.work, TOP]
        self.made = []
        if not os.path.exists("/sys/fs/cgroup/cgroup.procs"):
            sh("umount", "-l", "-R", "/sys/fs/cgroup")
            sh("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
        for name in ("floor", "timer", "true", "wait"):
            shutil.copy(programs / name, self.work / name)
        if self.tree:
            self.enter_tree()

    def enter_tree(self):
        sh("mount", "--bind", self.tree, self.tree)
        for name in ("proc", "sys", "dev"):
            sh("mount", "--rbind", f"/{name}", self.tree / name)
        for path in self.shared:
            target = self.in_tree(path)
            missing = [place for place in (target, *target.parents) if not place.exists()]
            target.mkdir(parents=True, exist_ok=True)
            self.made = missing + self.made  # to be removed again, and nothing else of the tree
            sh("mount", "--rbind", path, target)

    def in_tree(self, path):
        """What the programs call `path`, as this process sees it."""
        return self.tree / pathlib.Path(path).relative_to("/") if self.tree else pathlib.Path(path)

    def find(self, name):
        if "/" in name:
            return name
        for directory in ("usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin"):
            path = pathlib.Path("/", directory, name)
            if self.in_tree(path).exists():
                return str(path)
        sys.exit(f"bench/run: there is no {name}" + (f" in {self.tree}" if self.tree else ""))

    def time(self, *words, at_once=None):
        """Nanoseconds and KiB of one run of a command that must succeed; or of several at once, each with its number in
        the place of every "%"."""
        timer = [self.work / "timer", *(["--root", self.tree] if self.tree else []),
                 *(["--at-once", at_once] if at_once else [])]
        line = subprocess.run([str(word) for word in [*timer, *words]], stdout=subprocess.PIPE, check=True,
                              stdin=subprocess.DEVNULL, text=True).stdout.split()
        if line[2] != "0":
            sys.exit(f"bench/run: status {line[2]}: {' '.join(map(str, words))}")
        return int(line[0]), int(line[1])

    def bundle(self, name, program, change=lambda config: None):
        """`change` gets the default config.json."""
        bundle = self.work / name
        if not bundle.exists():
            for directory in ("proc", "sys", "dev", "bin", "etc"):
                (bundle / "rootfs" / directory).mkdir(parents=True)
            for file in {program, "true"}:
                shutil.copy(self.work / file, bundle / "rootfs/bin" / file)
        config = json.loads((TOP / "bench/config.json").read_text())
        config["process"]["args"] = [f"/bin/{program}"]
        change(config)
        (bundle / "config.json").write_text(json.dumps(config))
        return bundle

    def close(self):
        if self.tree:
            for path in self.shared:
                sh("umount", "-l", "-R", self.in_tree(path))
            for directory in self.made:
                directory.rmdir()
        sh("umount", "-l", self.run)
        shutil.rmtree(self.work, ignore_errors=True)
