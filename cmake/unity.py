#!/usr/bin/env python3
"""unity.py MOST FILE…: says which sources may be compiled as one, a line `GROUP FILE` each, at most MOST in a group.

Names in an anonymous namespace are a file's own, and stay so: two files share a group only where no type or constant
that one hides there occurs in the other or in a header of ours that it includes, and no function that one hides is
declared there. So nobody needs to think of it while writing. Files that fit nowhere stand alone."""
import functools
import pathlib
import re
import sys

TYPE = re.compile(r"^(?:template\s*<.*>\s*)?(?:struct|class|union|concept|using|enum(?: class)?)\s+(\w+)")
FUNCTION = re.compile(r"(?<![\w:~])(\w+)\(")
CONSTANT = re.compile(r"(\w+)(?:\[\w*\])*\s*(?:=|\{|;|$)")
MACRO = re.compile(r"^#define (\w+)", re.M)
WORD = re.compile(r"(?<![\w.>:])[A-Za-z_]\w*")  # on its own: not a member, not of another namespace
INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)
KEYWORDS = {"if", "for", "while", "switch", "return", "decltype", "alignas", "noexcept", "operator", "requires", "sizeof",
            "static_assert", "TEST", "TEST_F", "TEST_P", "INSTANTIATE_TEST_SUITE_P"}


class Names:
    """What a text declares at namespace scope (clang-format puts that at the line's start), hidden and not."""

    def __init__(self, text):
        self.hidden = set(MACRO.findall(text))
        self.hidden_functions, self.functions = set(), set()
        within = False
        for line in text.splitlines():
            if line.startswith("namespace") and line.endswith("{"):
                within = line == "namespace {"
            elif line.startswith("}  // namespace"):
                within = False
            elif line and line[0] not in " }#/" and not line.startswith("namespace "):
                self.add(line, within)

    def add(self, line, within):
        kind = TYPE.match(line)
        functions = [name for name in FUNCTION.findall(line) if name not in KEYWORDS]
        if kind or not functions:
            if within:
                self.hidden.update([kind.group(1)] if kind else CONSTANT.findall(line)[:1])
        else:
            self.functions.add(functions[0])
            if within:
                self.hidden_functions.add(functions[0])


@functools.cache
def reach(path, roots):
    """All words, and all functions declared, of a file and of the headers of ours that it includes."""
    text = path.read_text()
    words, functions = set(WORD.findall(text)), set(Names(text).functions)
    for name in INCLUDE.findall(text):
        for root in (*roots, path.parent):
            if (root / name).is_file():
                more_words, more_functions = reach(root / name, roots)
                words |= more_words
                functions |= more_functions
                break
    return words, functions


class Group:
    def __init__(self):
        self.files, self.hidden, self.hidden_functions, self.words, self.functions = [], set(), set(), set(), set()

    def takes(self, names, words, functions):
        return not (names.hidden & self.words or self.hidden & words or
                    names.hidden_functions & self.functions or self.hidden_functions & functions)

    def add(self, file, names, words, functions):
        self.files.append(file)
        self.hidden |= names.hidden
        self.hidden_functions |= names.hidden_functions
        self.words |= words
        self.functions |= functions


def main():
    most, files = int(sys.argv[1]), [pathlib.Path(name) for name in sys.argv[2:]]
    source = pathlib.Path(__file__).resolve().parents[1]
    roots = (source / "src", source / "tests")
    groups = []
    for file in sorted(files):
        facts = (Names(file.read_text()), *reach(file, roots))
        group = next((group for group in reversed(groups) if len(group.files) < most and group.takes(*facts)), None)
        if not group:
            group = Group()
            groups.append(group)
        group.add(file, *facts)
    for number, group in enumerate(groups):
        for file in group.files:
            print(number, file)


if __name__ == "__main__":
    main()
