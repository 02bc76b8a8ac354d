#!/usr/bin/env python3
"""House style that a machine can check: sizes, layers, banned calls, forbidden words, dead headers, formatting.

Run from the repository's top; with --layers only who includes whom is looked at, as each build does. Exceptions are in tests/tidy/exceptions.txt, one a line: RULE PATH REASON; an exception
that is not needed any more is itself a fault.
"""
import pathlib
import re
import subprocess
import sys

# A folder may include the folders named here, and itself. The order is that of docs/architecture.md, lowest first.
LAYERS = {
    "src/base": [],
    "src/mail": ["src/base"],
    "src/proto": ["src/base", "src/mail"],
    "src/net": ["src/base"],
    "src/store": ["src/base"],
    "tenants": ["src/base", "src/mail", "src/net"],
    "netpolicy": ["src/base", "src/mail", "src/net", "src/store", "tenants"],
    "monitoring": ["src/base"],
    "monitoring/replies": ["src/base", "src/mail"],
    "monitoring/listings": ["src/base"],
    "monitoring/reputation": ["src/base", "src/mail", "monitoring/replies"],
    "monitoring/cases": ["src/base", "src/mail", "monitoring/replies", "monitoring/reputation"],
    "src/webhook": ["src/base"],
    "src/trace": ["src/base", "src/store"],
    "src/mailbox": ["src/base", "src/store"],
    "src/queue": ["src/base", "src/mail", "src/net", "src/store", "src/trace", "monitoring"],
    "src/delivery": ["src/base", "src/mail", "src/proto", "src/net", "src/store", "tenants", "netpolicy", "monitoring",
                     "monitoring/replies", "monitoring/reputation", "src/trace", "src/queue", "src/mailbox"],
    "src/smtpd": ["src/base", "src/mail", "src/proto", "src/net", "src/store", "tenants", "netpolicy", "monitoring",
                  "monitoring/reputation", "src/trace", "src/queue"],
    "src/admin": ["src/base", "src/mail", "src/proto", "src/net", "src/store", "tenants", "netpolicy", "monitoring",
                  "monitoring/replies", "monitoring/reputation", "monitoring/cases", "monitoring/listings",
                  "src/trace", "src/queue", "src/mailbox", "src/delivery"],
}
SOURCES = ("src", "tenants", "netpolicy", "monitoring")

# Calls that are banned, where they are still allowed, and what to use instead.
BANNED = [
    (r"#include <asio", r"^src/net/", "ASIO stays inside src/net; use src/net/stream.h and shard.h"),
    (r"\b(fsync|fdatasync|sync_file_range)\s*\(", r"^src/store/posix_file", "only the store's file layer syncs"),
    (r"\bsystem_clock::now|\bsteady_clock::now|\btime\(nullptr\)|\bgettimeofday", r"^src/base/clock\.cc$", "take a Clock"),
    (r"\bstd::rand\b|\brandom_device\b|\bmt19937", r"^src/base/random\.cc$", "take a Random"),
    (r"\bsleep_for\b|\busleep\s*\(", r"^$", "wait for the event, or Shard::sleep"),
    (r"\bstrcpy\s*\(|\bsprintf\s*\(|\bstrcat\s*\(|\batoi\s*\(|\bstrtok\s*\(", r"^$", "bounded: std::string, fmt, from_chars"),
    (r"\bstd::cout\b|\bstd::cerr\b|\bprintf\s*\(", r"^src/(app/main|admin/cli)/|^src/base/check\.cc$", "the Log, or a returned value"),
    (r"\b(if|while) \((?!auto)[^;{]*(?<!\w)co_await[^;]*\) (\{|co_return|break|continue|return)|!co_await", r"^$",
     "name the result first: g++ 12 destroys the condition's temporaries wrongly"),
    (r"\bconst_cast\b", r"^$", "own what you change"),
    (r"\bTODO\b|\bFIXME\b|\bXXX\b|\bHACK\b", r"^$", "finish it, or describe it in docs/"),
]
BAD_NAMES = re.compile(r"^\s*(?:class|struct)\s+(\w*(?:Manager|Helper|Util|Utils|Impl2))\b")
WORDS = re.compile(r"\b(LLM|language model|AI agent|prompted|chatbot)\b", re.I)

LINE_MAX, FILE_MAX, FUNCTION_MAX = 120, 500, 70


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], capture_output=True, text=True, check=True)
    return [p for p in out.stdout.split("\n") if p and pathlib.Path(p).is_file()]


def folder_of(path):
    for folder in sorted(LAYERS, key=len, reverse=True):
        if path.startswith(folder + "/"):
            return folder
    return None


def check_layers(path, lines):
    mine = folder_of(path)
    if mine is None:
        return
    for number, line in enumerate(lines, 1):
        include = re.match(r'#include "([^"]+)"', line)
        if not include:
            continue
        theirs = folder_of(include.group(1))
        if include.group(1).startswith("tests/"):
            yield "layer", number, "the program includes nothing of tests/"
        elif theirs and theirs != mine and theirs not in LAYERS[mine]:
            yield "layer", number, f"{mine} may not use {theirs}"
        elif theirs is None:
            yield "layer", number, f"{mine} may not use {include.group(1)}: it is the program's"


def code_of(line):
    """The line without its comment and string contents, near enough for these checks."""
    line = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
    return line.split("//", 1)[0]


def check_lines(path, lines):
    is_source = path.startswith(SOURCES)
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_MAX:
            yield "line", number, f"{len(line)} columns, at most {LINE_MAX}"
        if line != line.rstrip():
            yield "space", number, "white space at the end of the line"
        if not is_source:
            continue
        for pattern, allowed, instead in BANNED:
            text = line if pattern.startswith((r"#include", r"\bTODO")) else code_of(line)
            if re.search(pattern, text) and not re.search(allowed, path):
                yield "banned", number, f"{re.search(pattern, text).group(0).strip()}: {instead}"
        bad = BAD_NAMES.match(line)
        if bad:
            yield "name", number, f"{bad.group(1)}: name it after what it does"


def check_functions(path, lines):
    """Functions are found by formatting: clang-format puts a function's closing brace in its opening line's column."""
    start = None
    for number, line in enumerate(lines, 1):
        if re.match(r"^(  )?[\w:~<>,&*\s\[\]\(\)=.\"'|!-]*\)[^;]*\{$", line) and not re.match(r"^\s*(namespace|class|struct|enum)\b", line):
            indent = len(line) - len(line.lstrip())
            if start is None or indent <= start[1]:
                start = (number, indent)
        elif start and re.match(r"^\s{%d}\}" % start[1], line):
            length = number - start[0] + 1
            if length > FUNCTION_MAX:
                yield "function", start[0], f"{length} lines, at most {FUNCTION_MAX}"
            start = None


def check_file(path):
    text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    lines = text.split("\n")
    faults = list(check_layers(path, lines)) + list(check_lines(path, lines)) + list(check_functions(path, lines))
    if len(lines) - 1 > FILE_MAX:
        faults.append(("file", 1, f"{len(lines) - 1} lines, at most {FILE_MAX}"))
    if path.endswith(".h") and "#pragma once" not in text:
        faults.append(("header", 1, "no #pragma once"))
    if path.startswith(SOURCES) and path.endswith(".h") and not text.startswith("//"):
        faults.append(("header", 1, "a header begins with what it is for"))
    return faults


def check_dead_headers(paths):
    included = set()
    for path in paths:
        included.update(re.findall(r'#include "([^"]+)"', pathlib.Path(path).read_text(errors="replace")))
    for path in paths:
        if path.endswith(".h") and path not in included:
            yield path, "dead", 1, "no file includes this header"


def check_words():
    for path in tracked():
        if path.startswith("tests/tidy/") or path == "LICENSE":
            continue
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if WORDS.search(line):
                yield path, "word", number, "the repository speaks of the project alone"


def check_format(paths):
    for at in range(0, len(paths), 50):
        out = subprocess.run(["clang-format", "--dry-run", *paths[at:at + 50]], capture_output=True, text=True)
        seen = set()
        for match in re.finditer(r"^([^:\n]+):(\d+):\d+: warning: code should be clang-formatted", out.stderr, re.M):
            if match.group(1) not in seen:
                seen.add(match.group(1))
                yield match.group(1), "format", int(match.group(2)), "run clang-format -i"


def read_exceptions():
    allowed = {}
    for number, line in enumerate(pathlib.Path("tests/tidy/exceptions.txt").read_text().split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split(None, 2)
        if len(parts) < 3:
            sys.exit(f"tests/tidy/exceptions.txt:{number}: RULE PATH REASON")
        allowed[(parts[0], parts[1])] = number
    return allowed


def layer_faults():
    for folder in LAYERS:
        for path in sorted(pathlib.Path(folder).rglob("*.[hc]*")):
            if path.suffix in (".h", ".cc"):
                for rule, number, message in check_layers(str(path), path.read_text().split("\n")):
                    yield f"{path}:{number}: {rule}: {message}"


def main():
    if sys.argv[1:] == ["--layers"]:
        faults = sorted(set(layer_faults()))
        print("\n".join(faults), end="\n" if faults else "")
        return 1 if faults else 0
    paths = tracked("*.h", "*.cc")
    faults = [(path, *fault) for path in paths for fault in check_file(path)]
    faults += list(check_dead_headers(paths)) + list(check_words()) + list(check_format(paths))
    allowed, used, count = read_exceptions(), set(), 0
    for path, rule, number, message in faults:
        if (rule, path) in allowed:
            used.add((rule, path))
            continue
        count += 1
        print(f"{path}:{number}: {rule}: {message}")
    for rule, path in set(allowed) - used:
        count += 1
        print(f"tests/tidy/exceptions.txt:{allowed[(rule, path)]}: {rule} {path} is not needed any more")
    print(f"{len(paths)} files, {count} faults")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
