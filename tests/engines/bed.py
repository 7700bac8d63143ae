# SPDX-License-Identifier: Apache-2.0
"""What the suites written in Python share: a bundle to make containers of, what has been left of them, and the running of
tests in namespaces of the suite's own, in which /sys/fs/cgroup is cgroup2."""
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
RUNTIME = os.path.realpath(os.environ.get("RUNTIME", TOP / "build/src/runtime"))
CGROUPS = pathlib.Path("/sys/fs/cgroup")
SUITE = pathlib.Path(sys.argv[0]).name
PATIENCE = 60  # seconds for one command


def cgroups_named(prefix):
    """Others come and go meanwhile, which os.walk takes as it is."""
    return [pathlib.Path(place) / name for place, names, _ in os.walk(CGROUPS) for name in names if name.startswith(prefix)]


class Bed:
    """A bundle whose program waits, and a --root; ids begin with a prefix that nothing else has."""

    def __init__(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix=SUITE.removesuffix("_test") + "-", dir="/var/tmp"))
        self.prefix = self.work.name + "-"
        self.root = self.work / "state"
        bundle = self.bundle = self.work / "bundle"
        for name in ("bin", "proc", "sys", "dev"):
            (bundle / "rootfs" / name).mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), bundle / "rootfs/bin/busybox")
        subprocess.run([RUNTIME, "spec", "--bundle", bundle], check=True)
        config = json.loads((bundle / "config.json").read_text())
        config["process"].update(terminal=False, args=["/bin/busybox", "sleep", "1000"])
        config["linux"].pop("resources", None)  # the view of cgroups may have no controller
        (bundle / "config.json").write_text(json.dumps(config))

    def words(self, *words):
        return [RUNTIME, "--root", str(self.root), *words]

    def call(self, *words):
        """Status and message. A command that hangs is an exception."""
        # The container holds on to its streams, so they are no pipes of this process.
        with tempfile.TemporaryFile() as messages:
            done = subprocess.run(self.words(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages,
                                  timeout=PATIENCE, check=False)
            messages.seek(0)
            return done.returncode, messages.read().decode(errors="replace")

    def must(self, *words):
        status, message = self.call(*words)
        assert status == 0, f"{' '.join(words)}: status {status}: {message}"

    def create(self, one):
        return self.call("create", "--bundle", str(self.bundle), one)

    def state(self, one):
        done = subprocess.run(self.words("state", one), capture_output=True, text=True, timeout=PATIENCE, check=True)
        return json.loads(done.stdout)["status"]

    def life(self, one):
        status, message = self.create(one)
        assert status == 0, f"create {one}: {message}"
        assert self.state(one) == "created", f"{one} is not created"
        self.must("start", one)
        assert self.state(one) == "running", f"{one} is not running"
        self.must("kill", one, "KILL")
        end = time.monotonic() + PATIENCE
        while self.state(one) != "stopped":
            assert time.monotonic() < end, f"{one} does not stop"
        self.must("delete", one)

    def at_once(self, count, call):
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            return [one.result() for one in [pool.submit(call, number) for number in range(count)]]

    def leftovers(self):
        found = [f"state: {path}" for path in sorted(self.root.glob("*")) if not path.name.startswith("cache:")]
        found += [f"cgroup: {path}" for path in cgroups_named(self.prefix)]
        found += [f"mount: {line.split()[4]}" for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
                  if str(self.work) in line]
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                # In namespaces of one's own everything but this program has come from the runtime.
                if int(process.name) != os.getpid() and process_is_ours(process, words):
                    found.append(f"process {process.name}: {words or (process / 'comm').read_text()}")
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def clean(self):
        """Waits for what may take a moment, such as the reaping of the killed."""
        end = time.monotonic() + 5
        while self.leftovers() and time.monotonic() < end:
            reap()
            time.sleep(0.05)
        assert not self.leftovers(), "left over: " + "; ".join(self.leftovers()[:5])


def process_is_ours(process, words):
    state = (process / "stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z" and SUITE not in words


def reap():
    """Orphans come to the first process of this pid namespace: this one."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def skip_all(reason):
    print(f"skip {SUITE}  {reason}\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def enter_own_view(programs):
    """Mount and pid namespaces of its own, in which /sys/fs/cgroup is cgroup2."""
    if os.environ.pop("SUITE_VIEW", "") != "own":
        if os.geteuid() != 0:
            skip_all("needs root")
        for program in programs:
            if not shutil.which(program):
                skip_all(program + " is not installed")
        os.environ["SUITE_VIEW"] = "own"
        os.execvp("unshare", ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private",
                              sys.executable, *sys.argv])
    if not (CGROUPS / "cgroup.procs").exists():
        subprocess.run(["umount", "-l", "-R", CGROUPS], check=True)
        subprocess.run(["mount", "-t", "cgroup2", "none", CGROUPS], check=True)


def run_tests(tests, patterns):
    """Every test gets a Bed, and gives a reason when it has been skipped. The suite's exit status."""
    patterns = [pattern for word in patterns for pattern in word.split(",")]
    tally = {"ok": 0, "not ok": 0, "skip": 0}
    for name, test in tests.items():
        if patterns and not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            continue
        bed = Bed()
        try:
            reason = test(bed)
            word, note = ("skip", f"  {reason}") if reason else ("ok", "")
        except (AssertionError, subprocess.SubprocessError) as problem:
            print(f"  {problem}")
            word, note = "not ok", ""
            for path in bed.root.glob("*"):
                bed.call("delete", "--force", path.name)
        shutil.rmtree(bed.work, ignore_errors=True)
        tally[word] += 1
        print(f"{word} {name}{note}", flush=True)
    print(f"{tally['ok']} passed, {tally['not ok']} failed, {tally['skip']} skipped")
    return 1 if tally["not ok"] else 0
