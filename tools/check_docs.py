#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when the documents and the sources disagree about which options, config.json members and error texts there are.

  src/grammar.cpp            man/runtime.1, docs/options.md, completions/*: every option of every command, and no other
  libcrun-like/spec/*.cpp    docs/config.md: every member that is read, and no other that is said to be
                             tests/unit/fields/*.cpp: a row for every member, which unit/field_test tries
  tests/                     docs/config.md: every test that is named
  all string literals        docs/errors.md: every text that is listed

With RUNTIME, the built executable, its help is held against src/grammar.cpp as well.

usage: check_docs.py SOURCE_ROOT [RUNTIME]"""
import pathlib
import re
import subprocess
import sys

GLOBAL = ""  # the command whose options are the global ones
STRING = r'"((?:\\.|[^"\\])*)"'
RAW_STRING = r'R"\((.*?)\)"'


def unescape(text):
    return re.sub(r"\\(.)", r"\1", text)


def join_literals(source):
    """Adjacent string literals as one, as the compiler has them."""
    return re.sub(r'(?<!\\)"\s*\n\s*"', "", source)


# What src/grammar.cpp says -------------------------------------------------------------------------------------------


def tables(source):
    """Name of each option table -> {"--name" and "-l" of each option: whether it takes a value}."""
    row = re.compile(r"(?:(flag|value|path|size)<[^>]*>\(|Option\{)\s*" + STRING + r",\s*" + STRING + r",\s*" + STRING)
    found = {}
    for name, body in re.findall(r"constexpr std::array (\w+_table)\{(.*?)\n\};", source, re.S):
        if name == "command_table":
            continue
        options = {}
        rows = row.findall(body)
        if len(rows) != len(re.findall(r"\b(?:flag|value|path|size)<&|\bOption\{", body)):
            raise SystemExit(f"src/grammar.cpp: {name} has a row that check_docs.py cannot read")
        for kind, option, letters, third in rows:
            takes_value = kind in ("value", "path", "size") or (kind == "" and third != "")
            for spelling in ["--" + option] + ["-" + letter for letter in letters]:
                options[spelling] = takes_value
        found[name] = options
    return found


def grammar(root):
    """{command: options}"""
    source = join_literals((root / "src/grammar.cpp").read_text())
    known = tables(source)
    commands = {GLOBAL: known["global_table"]}
    pattern = r'\.name = "(\w+)",.*?\.options = (\w+|\{\}),\s*\.more_options = (\w+|\{\})'
    for name, *used in re.findall(pattern, source, re.S):
        commands[name] = {}
        for table in used:
            commands[name].update(known.get(table, {}))
    if len(commands) != 1 + source.count("Command{"):
        raise SystemExit("src/grammar.cpp has a command that check_docs.py cannot read")
    return commands


def difference(place, command, wanted, given):
    of = f"of {command}" if command else "(global)"
    for option in sorted(wanted.keys() - given.keys()):
        yield f"{place}: {option} {of} is missing"
    for option in sorted(given.keys() - wanted.keys()):
        yield f"{place}: {option} {of} does not exist"
    for option in sorted(wanted.keys() & given.keys()):
        if given[option] is not None and wanted[option] != given[option]:
            yield f"{place}: {option} {of} " + ("takes a value" if wanted[option] else "takes no value")


# The documents of options --------------------------------------------------------------------------------------------


def subjects(heading, commands):
    """The commands that a heading is about."""
    if heading.lower().startswith("global"):
        return [GLOBAL]
    return [word for word in re.findall(r"[a-z]+", heading) if word in commands]


def man_options(text, commands):
    """{command: options} out of the .It lines below each .Ss."""
    found = {command: {} for command in commands}
    about = []
    for line in text.splitlines():
        if line.startswith((".Ss ", ".Sh ")):
            about = subjects(line[4:].replace("\\&", ""), commands) if line.startswith(".Ss ") else []
        elif line.startswith(".It Fl "):
            # ".It Fl -bundle Ar dir , Fl b Ar dir"
            for part in re.split(r"Fl ", line)[1:]:
                words = part.replace("\\&", "").split()
                for command in about:
                    found[command]["-" + words[0]] = "Ar" in words
    return found


def markdown_rows(text):
    """(heading, cells) of each table row that is neither head nor ruler."""
    heading = ""
    head = True
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if not line.startswith("|"):
            head = True
            continue
        if not head and not re.fullmatch(r"[|\s:-]+", line):
            yield heading, [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        head = False


STATUSES_OF_OPTIONS = {"done", "no effect", "refused"}


def option_rows(text, commands):
    """{command: {option: None}} of what docs/options.md says is there, the same of what is refused, and findings."""
    there = {command: {} for command in commands}
    refused = {command: {} for command in commands}
    findings = []
    for heading, cells in markdown_rows(text):
        options = re.findall(r"`(-[^` ]*)", cells[0])
        if not options:
            continue
        if cells[1] not in STATUSES_OF_OPTIONS:
            findings.append(f"docs/options.md: {heading}: {cells[0]}: \"{cells[1]}\" is none of {STATUSES_OF_OPTIONS}")
        for command in subjects(heading, commands):
            for option in options:
                (refused if cells[1] == "refused" else there)[command][option] = None
    return there, refused, findings


def bash_options(text, commands):
    """{command: options} out of lines such as "create) options='--bundle= --no-pivot' ;;"."""
    found = {command: {} for command in commands}
    for names, options in re.findall(r"^\s*([\w |'-]+)\) options='([^']*)'", text, re.M):
        for name in names.split("|"):
            name = name.strip(" '")
            for option in options.split():
                found.setdefault(GLOBAL if name == "global" else name, {})[option.rstrip("=")] = option.endswith("=")
    return found


def fish_options(text, commands):
    """{command: options} out of "complete -c runtime -n '__runtime_command create' -l bundle -s b -r …"."""
    found = {command: {} for command in commands}
    for line in text.splitlines():
        match = re.match(r"complete -c runtime (?:-n '__runtime_command ([\w ]+)' )?(-.*)", line)
        if not match:
            continue
        options = match[2].split(" -d ")[0].split()
        for flag, prefix in (("-l", "--"), ("-s", "-")):
            for i, word in enumerate(options[:-1]):
                if word == flag:
                    for command in (match[1] or "global").split():
                        found.setdefault(GLOBAL if command == "global" else command, {})[
                            prefix + options[i + 1].strip("'\\")] = "-r" in options
    return found


def option_findings(root):
    commands = grammar(root)
    readers = {"man/runtime.1": man_options, "completions/runtime.bash": bash_options,
               "completions/runtime.fish": fish_options}
    for place, read in readers.items():
        text = (root / place).read_text()
        given = read(text, commands)
        for command in given.keys() - commands.keys():
            yield f"{place}: there is no command {command}"
        for command, options in commands.items():
            yield from difference(place, command, options, given[command])
            if command and not re.search(rf"(?<![\w-]){command}(?![\w-])", text):
                yield f"{place}: the command {command} is missing"
    place = "docs/options.md"
    there, refused, findings = option_rows((root / place).read_text(), commands)
    yield from findings
    for command in commands:
        wanted = commands.get(command, {})
        yield from difference(place, command, wanted, there[command])
        for option in refused[command].keys() & wanted.keys():
            yield f"{place}: {option} of {command or 'all commands'} is there, not refused"


def help_findings(root, runtime):
    commands = grammar(root)
    for command, options in commands.items():
        words = [runtime, *([command] if command else []), "--help"]
        text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        shown = {}
        for line in re.findall(r"^   (-.*?)(?:  |$)", text, re.M):
            for part in line.split(", "):
                shown[part.split()[0]] = len(part.split()) > 1
        yield from difference(f"{runtime} {command} --help", command, options, shown)


# docs/config.md ------------------------------------------------------------------------------------------------------

STATUSES_OF_FIELDS = {"done", "warning", "ignored"}


def struct_members(root):
    """{struct: {member: its type}} of include/oci/spec.hpp."""
    source = (root / "include/oci/spec.hpp").read_text()
    declaration = re.compile(r"^\s*(std::(?:map|vector|optional)<.*>|[\w:]+)\s+(\w+(?:,\s*\w+)*)(?:\s*=\s*[^;]+|\{\})?;")
    found = {}
    for struct, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", source, re.S | re.M):
        for line in body.splitlines():
            match = declaration.match(line.split("//")[0])
            if match:
                for member in match[2].split(","):
                    found.setdefault(struct, {})[member.strip()] = match[1]
    return found


def config_paths(root):
    """Every member of config.json that is read: "mounts[].options", "linux.resources.rdma.*.hcaHandles"."""
    types = struct_members(root)
    names = {}
    source = (root / "libcrun-like/spec/decode.cpp").read_text()
    rows = re.findall(r'(?:field|limit)<&(\w+)::(\w+)>\("(\w+)"', source)
    if len(rows) != len(re.findall(r"\b(?:field|limit)<&", source)):
        raise SystemExit("libcrun-like/spec/decode.cpp has a row that check_docs.py cannot read")
    for struct, member, name in rows:
        names.setdefault(struct, []).append((member, name))

    def walk(struct, prefix):
        for member, name in names[struct]:
            path = prefix + name
            yield path
            suffix, inner = "", types[struct][member]
            while wrapped := re.fullmatch(r"std::(map|vector|optional)<(?:std::string, )?(.*)>", inner):
                suffix += {"map": ".*", "vector": "[]", "optional": ""}[wrapped[1]]
                inner = wrapped[2]
            if inner in names:
                yield from walk(inner, path + suffix + ".")

    return set(walk("Spec", ""))


def braces(pattern):
    """The shell's: "a.{b,c}" is "a.b" and "a.c"."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if not match:
        return [pattern]
    return [path for word in match[1].split(",")
            for path in braces(pattern[:match.start()] + word.strip() + pattern[match.end():])]


def field_rows(root):
    """Every path that has a row in tests/unit/fields/, which are C++: macros are expanded as far as they are used here."""
    found = []
    for path in sorted((root / "tests/unit/fields").glob("*.cpp")):
        source = join_literals(path.read_text()).replace("\\\n", " ")
        constants = dict(re.findall(r'^#define (\w+) "([^"]*)"$', source, re.M))
        macros = {name: (parameter, body) for name, parameter, body in
                  re.findall(r"^#define (\w+)\((\w+)\) (.*)$", source, re.M)}
        source = re.sub(r"^#define .*$", "", source, flags=re.M)
        for name, (parameter, body) in macros.items():
            source = re.sub(rf'\b{name}\(("[^"]*")\)', lambda use: re.sub(rf"\b{parameter}\b", use[1], body), source)
        for name, value in constants.items():
            source = re.sub(rf"\b{name}\b", f'"{value}"', source)
        for pieces in re.findall(r'FieldRow\s*\{\s*((?:"[^"]*"\s*)+),', source):
            found.append("".join(re.findall(r'"([^"]*)"', pieces)))
    return found


def field_row_findings(root, wanted):
    place = "tests/unit/fields"
    rows = field_rows(root)
    for path in sorted(wanted - set(rows)):
        yield f"{place}: {path} has no row"
    for path in sorted(set(rows) - wanted):
        yield f"{place}: {path} is not read by the runtime"
    for path in sorted({path for path in rows if rows.count(path) > 1}):
        yield f"{place}: {path} has two rows"


TEST = r"`((?:unit/|engines/|vm/)?\w+_test)`"


def test_exists(root, name):
    """Where no directory is given: tests/integration. vm and engines have scripts."""
    if name.startswith(("vm/", "engines/")):
        return (root / "tests" / name).exists()
    return (root / "tests" / ((name if "/" in name else "integration/" + name) + ".cpp")).exists()


def config_findings(root):
    place = "docs/config.md"
    wanted = config_paths(root)
    yield from field_row_findings(root, wanted)
    read, unread = set(), set()
    for heading, cells in markdown_rows((root / place).read_text()):
        paths = [path for pattern in re.findall(r"`([^`]+)`", cells[0]) for path in braces(pattern)]
        if heading.startswith("Not read"):
            unread.update(paths)
            continue
        if not paths:
            continue  # a table of something else
        if len(cells) != 4 or cells[1] not in STATUSES_OF_FIELDS:
            yield f"{place}: {cells[0]}: expected four cells, the second one of {sorted(STATUSES_OF_FIELDS)}"
            continue
        for path in set(paths) & read:
            yield f"{place}: {path} is there twice"
        read.update(paths)
        tests = re.findall(TEST, cells[3])
        for test in tests:
            if not test_exists(root, test):
                yield f"{place}: {cells[0]}: there is no tests/{test}"
        if not tests or re.search(r"\bnone\b", cells[3]):
            yield f"{place}: {cells[0]}: has an effect, or a lack of one, that no test proves"
    for path in sorted(wanted - read):
        yield f"{place}: {path} is missing"
    for path in sorted(read - wanted):
        yield f"{place}: {path} is not read by the runtime"
    for path in sorted(unread & wanted):
        yield f"{place}: {path} is read by the runtime"


# docs/errors.md ------------------------------------------------------------------------------------------------------


def error_findings(root):
    place = "docs/errors.md"
    literals = []
    for directory in ("src", "libcrun-like", "include"):
        for path in (root / directory).rglob("*.[ch]pp"):
            source = path.read_text()
            literals += re.findall(RAW_STRING, source, re.DOTALL)
            literals += [unescape(text) for text in re.findall(STRING, join_literals(re.sub(RAW_STRING, '""', source)))]
    for heading, cells in markdown_rows((root / place).read_text()):
        if not heading.startswith("Texts"):
            continue
        for text in re.findall(r"`([^`]+)`", cells[0]):
            for piece in text.split("…"):
                if len(piece.strip()) > 1 and not any(piece.strip() in literal for literal in literals):
                    yield f"{place}: no source file says \"{piece.strip()}\""


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    found = [*option_findings(root), *config_findings(root), *error_findings(root)]
    if len(sys.argv) > 2:
        found += help_findings(root, sys.argv[2])
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
