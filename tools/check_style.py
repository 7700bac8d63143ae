#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a source file breaks a rule that a program can see: what may be called and included where, sizes, licence
lines, formatting, and that no binary file is tracked. What a compiler would have to see is clang-tidy's (tools/tidy).

usage: check_style.py SOURCE_ROOT"""
import fnmatch
import pathlib
import re
import shutil
import subprocess
import sys

LONGEST = 500  # lines of a file
LICENCE = "SPDX-License-Identifier: Apache-2.0"

# What may be included only in the named files (none: nowhere), and why.
INCLUDES = [
    (r"<(iostream|regex|thread|filesystem|locale)>", [], "costs at every start"),
    (r"<yajl/", ["libcrun-like/base/json.cpp"], "one file knows the parser"),
    (r"<seccomp\.h>", ["libcrun-like/kernel/seccomp*.cpp"], "one mechanism, one place"),
    (r"<systemd/", ["src/systemd/*"], "the runtime itself is static and loads no library"),
    (r'"kernel_call\.hpp"', ["src/readonly_clone.cpp", "src/before_start.cpp"], "libc's calls wherever there is libc"),
    (r"<cap-ng\.h>", [], "tools/capability_names.cpp asks it for names when the runtime is built; the child calls capset itself"),
]

# What may be called only in the named files: "Where are mounts made?" has one answer.
CALLS = [
    (r"(mount|umount2?|move_mount|fsopen|fsmount|fsconfig|fspick|open_tree|mount_setattr|pivot_root)\(",
     ["libcrun-like/base/syscalls.*", "libcrun-like/base/mount_attributes.cpp", "libcrun-like/init/mount*",
      "libcrun-like/init/masks.cpp", "libcrun-like/init/root.cpp", "libcrun-like/init/procfs.cpp", "libcrun-like/init/terminal.cpp",
      "libcrun-like/init/devices.cpp", "libcrun-like/init/copy_up.cpp",
      "libcrun-like/container/host_view.cpp",  # unmounts what outlives the process that made it
      "libcrun-like/container/sources.cpp",  # opens what the child may not reach; attaching stays the child's
      "libcrun-like/container/foreign_procfs.cpp",  # a procfs for kernels before 6.17
      "libcrun-like/container/id_mapper.cpp",  # the same for what needs privileges over a file system
      "libcrun-like/container/restore_root.cpp",  # for CRIU, in a namespace of the runtime's own
     ],
     "mounts are made under init/ only"),
    (r"(fork|vfork|clone|system|popen|posix_spawnp?)\(", ["libcrun-like/base/command.cpp",
     "libcrun-like/kernel/criu.cpp",  # whose child outlives a call, and takes descriptors
     "src/ps.cpp"],
     "one door to the container"),
]

SOURCES = ["include/**/*.hpp", "libcrun-like/**/*.[ch]pp", "src/**/*.[ch]pp"]
TESTS = ["tests/**/*.[ch]pp", "bench/**/*.cpp"]


def files(root, patterns):
    return sorted(path for pattern in patterns for path in root.glob(pattern))


def allowed(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def code_of(line):
    """The line without its comment and without what stands in quotes."""
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    return line.split("//")[0]


def rule_findings(root):
    for path in files(root, SOURCES):
        name = str(path.relative_to(root))
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for pattern, places, why in INCLUDES:
                if re.match(r"\s*#\s*include\s+" + pattern, line) and not allowed(name, places):
                    yield f"{name}:{number}: {line.strip()}: {why}"
            for pattern, places, why in CALLS:
                # With "::" or "sys::" in front it is the system call; a bare word may be anything.
                if re.search(r"(?<!\w)(sys::|::)" + pattern, code_of(line)) and not allowed(name, places):
                    yield f"{name}:{number}: {line.strip()}: {why}"


def size_findings(root):
    for path in files(root, SOURCES + TESTS):
        lines = path.read_text().splitlines()
        if len(lines) > LONGEST:
            yield f"{path.relative_to(root)}: {len(lines)} lines, more than {LONGEST}"
        if not lines or LICENCE not in lines[0]:
            yield f"{path.relative_to(root)}:1: the first line is not the licence's"


def script_findings(root):
    for path in files(root, ["tools/*", "tests/engines/*", "bench/*", ".ci/*"]):
        if path.is_file() and path.suffix not in {".md", ".cpp", ".json"} and LICENCE not in "".join(path.read_text().splitlines()[:3]):
            yield f"{path.relative_to(root)}:1: no licence line"


def binary_findings(root):
    tracked = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=False)
    if tracked.returncode != 0:  # a tree without its history has only what was in it
        return
    for name in tracked.stdout.decode().split("\0"):
        path = root / name
        if not name or path.is_symlink() or not path.is_file():
            continue
        is_image = name.startswith("docs/") and path.suffix in {".png", ".svg"}
        if b"\0" in path.read_bytes() and not is_image:
            yield f"{name}: a binary file"


def format_findings(root):
    program = shutil.which("clang-format")
    if not program:
        yield "clang-format is not installed"
        return
    names = [str(path) for path in files(root, SOURCES + TESTS)]
    result = subprocess.run([program, "--dry-run", "-Werror", *names], capture_output=True, text=True)
    for line in result.stderr.splitlines():
        if re.match(r"\S+:\d+:\d+: error:", line):
            yield line.replace(str(root) + "/", "")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    found = [*rule_findings(root), *size_findings(root), *script_findings(root), *binary_findings(root), *format_findings(root)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
