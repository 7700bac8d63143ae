# SPDX-License-Identifier: Apache-2.0
"""Who is measured: runtimes, and the floor."""
import os
import shutil
import sys


class Runtime:
    """One runtime with a state directory of its own."""

    def __init__(self, place, name, path):
        self.place, self.name, self.path = place, name, path
        self.root = place.run / f"root-{name.replace('/', '_')}"
        self.count = 0

    def new_id(self):
        self.count += 1
        return f"bench-{os.getpid()}-{self.count}"

    def command(self, *words, **more):
        return self.place.time(self.path, "--root", self.root, *words, **more)

    def run(self, bundle):
        return self.command("run", "--bundle", bundle, self.new_id())

    def create(self, bundle):
        one = self.new_id()
        return one, self.command("create", "--bundle", bundle, one)

    def delete(self, one):
        return self.command("delete", "--force", one)

    def round(self, bundles):
        """A container's life; each command is one measurement."""
        result = {"run": self.run(bundles["short"]), "run, no network namespace": self.run(bundles["short-host-network"]),
                  "run, engine's seccomp": self.run(bundles["short-seccomp"])}
        one, result["create"] = self.create(bundles["long"])
        result["start"] = self.command("start", one)
        result["state"] = self.command("state", one)
        result["exec"] = self.command("exec", one, "/bin/true")
        result["kill"] = self.command("kill", one, "KILL")
        result["delete"] = self.delete(one)
        whole = [result[step] for step in ("create", "start", "kill", "delete")]
        result["create + start + kill + delete"] = (sum(time for time, _ in whole), max(peak for _, peak in whole))
        one, _ = self.create(bundles["long-seccomp"])
        self.command("start", one)
        result["exec, engine's seccomp"] = self.command("exec", one, "/bin/true")
        self.delete(one)
        return result


class Uncached(Runtime):
    """Our own runtime, which has never seen the seccomp profile before."""

    def run(self, bundle):
        shutil.rmtree(self.root / "cache:seccomp", ignore_errors=True)
        return super().run(bundle)


class Floor:
    """The floor knows `run` only."""

    name = "floor"

    def __init__(self, place):
        self.place, self.count = place, 0

    def run(self, bundle, binds=0):
        self.count += 1
        cgroup = f"/sys/fs/cgroup/bench-floor-{os.getpid()}-{self.count}"
        return self.place.time(self.place.work / "floor", bundle / "rootfs", cgroup, "/bin/true", *([binds] if binds else []))

    def round(self, bundles):
        return {"run": self.run(bundles["short"])}


def subjects_of(place, own_path, others):
    """Ours first, then the floor, then the others that can run here."""
    return [Runtime(place, "ours", own_path), Floor(place)] + [Runtime(place, name, place.find(name)) for name in others]


def by_turns(subjects, rounds):
    """(round, subject): a different order in every round, so that the machine's moods hit all alike. Round 0 warms up."""
    for number in range(rounds + 1):
        turn = number % len(subjects)
        for subject in subjects[turn:] + subjects[:turn]:
            yield number, subject
        print(f"\r{number}/{rounds} ", end="" if number < rounds else "\r", file=sys.stderr, flush=True)
