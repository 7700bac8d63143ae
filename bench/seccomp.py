# SPDX-License-Identifier: Apache-2.0
"""Seccomp profiles: that of an engine, as the engine would write it into config.json, and such of any length."""
import json
import sys

PLACES = ("usr/share/containers/seccomp.json", "etc/containers/seccomp.json")
KERNEL = (6, 18)


def engine_profile(place, capabilities, file=None):
    """linux.seccomp from the profile that Podman's packages (containers-common) bring along."""
    paths = [file] if file else [place.in_tree(f"/{name}") for name in PLACES]
    for path in paths:
        try:
            with open(path, encoding="utf-8") as text:
                return translate(json.load(text), set(capabilities))
        except FileNotFoundError:
            continue
    sys.exit("bench/run: no seccomp profile of an engine in " + ", ".join(map(str, paths)) + "; name one with --profile FILE")


def translate(profile, capabilities):
    """What the engine decides at create: the rules for this architecture, these capabilities, and this kernel."""
    first = profile["archMap"][0]  # x86_64
    result = {"defaultAction": profile["defaultAction"], "architectures": [first["architecture"], *first["subArchitectures"]],
              "syscalls": [rule_of(rule) for rule in profile["syscalls"] if counts(rule, capabilities)]}
    if "defaultErrnoRet" in profile:
        result["defaultErrnoRet"] = profile["defaultErrnoRet"]
    return result


def counts(rule, capabilities):
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if includes.get("arches") and not {"amd64", "x32", "x86"} & set(includes["arches"]):
        return False
    if {"amd64"} & set(excludes.get("arches") or []):
        return False
    if set(excludes.get("caps") or []) & capabilities:
        return False
    if includes.get("minKernel") and tuple(map(int, includes["minKernel"].split("."))) > KERNEL:
        return False
    return set(includes.get("caps") or []) <= capabilities


def rule_of(rule):
    known = ("names", "action", "errnoRet", "args")
    return {key: rule[key] for key in known if rule.get(key) not in (None, [], "")}


def profile_of(rules):
    """`rules` rules that forbid what nobody calls: one value of one argument of one call each."""
    calls = ("personality", "ioctl", "fcntl", "socket", "prctl", "madvise", "keyctl", "clock_gettime", "getrandom", "lseek")
    return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": [calls[number % len(calls)]], "action": "SCMP_ACT_ERRNO",
                          "args": [{"index": 1, "value": 0x70000000 + number, "op": "SCMP_CMP_EQ"}]}
                         for number in range(rules)]}
