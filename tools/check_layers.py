#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a file includes a header of a layer that it may not know (docs/architecture.md, "Layers").

usage: check_layers.py SOURCE_ROOT"""
import pathlib
import re
import sys

# Every layer with the layers below it that it may include. Public headers ("oci/…") may be included everywhere.
ALLOWED = {
    "base": set(),
    "spec": {"base"},
    "kernel": {"base", "spec"},
    "plan": {"base", "spec", "kernel"},
    "init": {"base", "plan"},  # the container's side: nothing that parses, logs in, or talks to systemd
    "container": {"base", "spec", "kernel", "plan", "init"},
}
INCLUDE = re.compile(r'\s*#\s*include\s+"([a-z_]+)/')


def findings(root):
    library = root / "libcrun-like"
    for path in sorted(library.glob("*/*.[ch]pp")):
        layer = path.parent.name
        if layer not in ALLOWED:
            yield f"{path.relative_to(root)}: {layer} is no layer"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match and match[1] not in {"oci", layer} | ALLOWED[layer]:
                yield f"{path.relative_to(root)}:{number}: {layer} may not include {match[1]}"
    for path in sorted((root / "include" / "oci").glob("*.hpp")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match and match[1] != "oci":
                yield f"{path.relative_to(root)}:{number}: a public header may not include {match[1]}"


def main():
    found = list(findings(pathlib.Path(sys.argv[1])))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
