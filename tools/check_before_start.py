#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when the code that runs before the program is relocated (src/before_start.cpp) needs something that is not there
yet: a function of libc, a table of addresses, thread-local storage. Compilers put such things in without being asked.

usage: check_before_start.py ARCHIVE"""
import re
import subprocess
import sys

FROM_THE_LINKER = {"__ehdr_start", "_start"}
# What is found by its distance from the code is right wherever the program lies.
BY_DISTANCE = {"R_X86_64_PC32", "R_X86_64_PLT32"}


def output(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def callees(archive):
    defined, wanted = set(FROM_THE_LINKER), {}
    for line in output("nm", "-A", archive).splitlines():
        place, kind, symbol = re.match(r"(.*):[ 0-9a-f]{16} (.) (.*)", line).groups()
        if kind in "Uw":
            wanted[symbol] = place
        else:
            defined.add(symbol)
    return [f"{place}: calls {symbol}" for symbol, place in wanted.items() if symbol not in defined]


def addresses(archive):
    found, section = [], ""
    for line in output("readelf", "-rW", archive).splitlines():
        if header := re.match(r"Relocation section '\.rela(\.[^']*)'", line):
            section = header[1]
        elif relocation := re.match(r"[0-9a-f]{16}\s+[0-9a-f]+\s+(R_\w+)\s+(.*)", line):
            if not section.startswith((".debug", ".eh_frame")) and relocation[1] not in BY_DISTANCE:
                found.append(f"{archive}: {section} has {relocation[1]} {relocation[2]}")
    return found


def main():
    found = callees(sys.argv[1]) + addresses(sys.argv[1])
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
