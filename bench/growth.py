# SPDX-License-Identifier: Apache-2.0
"""How time grows with the number of containers, mounts, rules, and callers. Each function returns
{subject: {size: milliseconds}} for one or more names."""
import ctypes
import statistics

import seccomp
from subjects import Floor, Runtime, Uncached, by_turns

libc = ctypes.CDLL(None, use_errno=True)
MS_BIND, MNT_DETACH = 4096, 2


def median(samples):
    return statistics.median(time for time, _ in samples) / 1e6


def runs(subjects, rounds, run):
    """{subject: median of run(subject)}"""
    seen = {subject.name: [] for subject in subjects}
    for number, subject in by_turns(subjects, rounds):
        sample = run(subject)
        if number > 0:
            seen[subject.name].append(sample)
    return {name: median(samples) for name, samples in seen.items()}


def transposed(by_size):
    """{size: {subject: value}} the other way round."""
    names = next(iter(by_size.values()))
    return {name: {size: values[name] for size, values in by_size.items()} for name in names}


def live_containers(place, subjects, quick):
    """create, list and delete of one container beside so many others; and what the kernel alone takes longer by then: the
    floor's run, beside containers of the first runtime. Up and down again and again, so that a machine that gets slower or
    faster meanwhile does not count as growth."""
    sizes = (10, 30, 100) if quick else (10, 100, 1000)
    ways = (*sizes, *sizes[-2:0:-1]) * (1 if quick else 4) + sizes[:1]
    bundle, short = place.bundle("growth-long", "wait"), place.bundle("growth-short", "true")
    runtimes = [subject for subject in subjects if isinstance(subject, Runtime)]
    floors = [subject for subject in subjects if isinstance(subject, Floor)]
    result = {"create": {}, "list": {}, "delete": {}, "run": {}}
    for runtime in runtimes:
        others, samples = [], {}
        try:
            for size in ways:
                others += [runtime.create(bundle)[0] for _ in range(size - len(others))]
                while len(others) > size:
                    runtime.delete(others.pop())
                for _ in range(5 if quick else 20):
                    one, created = runtime.create(bundle)
                    steps = {"create": created, "list": runtime.command("list"), "delete": runtime.delete(one)}
                    for step, sample in steps.items():
                        samples.setdefault((step, runtime.name, size), []).append(sample)
                    for subject in [runtime, *floors] if runtime is runtimes[0] else []:
                        samples.setdefault(("run", subject.name, size), []).append(subject.run(short))
        finally:
            for one in others:
                runtime.delete(one)
        for (step, name, size), seen in samples.items():
            result[step].setdefault(name, {})[size] = median(seen)
    return {f"{step} beside N containers": values for step, values in result.items()}


def bind_mounts(place, subjects, quick):
    """run with so many binds more in config.json; the floor makes as many."""
    by_size = {}
    for size in (1, 10, 50) if quick else (1, 10, 100, 500):
        source = place.work / "bind-source"
        source.mkdir(exist_ok=True)

        def add(config, size=size):
            config["mounts"] += [{"destination": f"/m/{number}", "type": "bind", "source": str(source),
                                  "options": ["bind"]} for number in range(size)]

        bundle = place.bundle("growth-mounts", "true", add)
        for number in range(size):
            (bundle / f"rootfs/m/{number}").mkdir(parents=True, exist_ok=True)
        by_size[size] = runs(subjects, 5 if quick else 30, lambda subject, n=size, b=bundle: subject.run(b, n)
                             if isinstance(subject, Floor) else subject.run(b))
    return {"run with N more mounts": transposed(by_size)}


def host_mounts(place, subjects, quick):
    """run where the host has so many mounts: each new mount namespace is a copy of them."""
    bundle = place.bundle("growth-short", "true")
    base = place.work / "host-mounts"
    base.mkdir()
    must(libc.mount(b"tmpfs", str(base).encode(), b"tmpfs", 0, None), "mount a tmpfs")
    by_size, made = {}, 0
    try:
        for size in (10, 100, 1000) if quick else (10, 100, 1000, 10000):
            for made in range(made, size):
                point = base / str(made)
                point.mkdir(exist_ok=True)
                must(libc.mount(str(point).encode(), str(point).encode(), None, MS_BIND, None), "bind a directory")
            made = size
            by_size[size] = runs(subjects, 5 if quick else 30, lambda subject: subject.run(bundle))
    finally:
        libc.umount2(str(base).encode(), MNT_DETACH)
    return {"run beside N mounts of the host": transposed(by_size)}


def seccomp_rules(place, subjects, quick):
    """run with a profile of so many rules; our runtime twice, because it remembers what it has compiled."""
    runtimes = [subject for subject in subjects if isinstance(subject, Runtime)]
    runtimes.append(Uncached(place, "ours, no cache", runtimes[0].path))
    by_size = {}
    for size in (10, 100, 1000):
        bundle = place.bundle("growth-seccomp", "true",
                              lambda config, n=size: config["linux"].update(seccomp=seccomp.profile_of(n)))
        by_size[size] = runs(runtimes, 5 if quick else 30, lambda runtime, b=bundle: runtime.run(b))
    return {"run with N seccomp rules": transposed(by_size)}


def at_once(place, subjects, quick):
    """So many creates at the same time: until the last is done."""
    bundle = place.bundle("growth-long", "wait")
    runtimes = [subject for subject in subjects if isinstance(subject, Runtime)]

    def create(runtime, size):
        name = runtime.new_id()
        sample = runtime.command("create", "--bundle", bundle, name + "-%", at_once=size)
        for number in range(size):
            runtime.delete(f"{name}-{number}")
        return sample

    by_size = {size: runs(runtimes, 5 if quick else 30, lambda runtime, n=size: create(runtime, n)) for size in (1, 2, 4, 8)}
    return {"N creates at once": transposed(by_size)}


def must(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


CASES = (live_containers, bind_mounts, host_mounts, seccomp_rules, at_once)


def measure(place, subjects, quick, done=lambda growth: None):
    """`done` gets all that is known after each case: they take minutes."""
    growth = {}
    for case in CASES:
        new = case(place, subjects, quick)
        report(new)
        growth.update(new)
        done(growth)


def report(growth):
    for name, by_subject in growth.items():
        sizes = sorted({size for values in by_subject.values() for size in values})
        print(f"\n{name}, ms".ljust(36) + "".join(str(size).rjust(10) for size in sizes))
        for subject, values in by_subject.items():
            print(subject.ljust(35) + "".join(f"{values[size]:.2f}".rjust(10) for size in sizes))
