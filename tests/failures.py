"""Prints what failed in a CTest log, and nothing else: each failed assertion with the name of its test, the beginning of
a sanitizer's report, and of a program that ended in another way its last lines.

  failures.py build/test/Testing/Temporary/LastTest.log
"""
import re
import sys

LINES_OF_ONE = 30


def parts(log):
    """(name, output, passed) of each program that the log tells of."""
    for part in re.split(r"^\d+/\d+ Testing: ", log, flags=re.M)[1:]:
        name, _, rest = part.partition("\n")
        yield name, rest.splitlines(), re.search(r"^Test Passed\.", rest, re.M) is not None


def failures(lines):
    """The lines from a failed assertion, or from a sanitizer's head, to the end of its test."""
    found, left = [], 0
    for line in lines:
        if re.search(r": Failure$|runtime error: |ERROR: \w+Sanitizer", line):
            left = LINES_OF_ONE
        if line.startswith("[  FAILED  ]") or left > 0:
            found.append(line[:400])
            left = 0 if line.startswith("[  FAILED  ]") else left - 1
    return found


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        log = file.read()
    for name, lines, passed in parts(log):
        if not passed:
            print(f"== {name}")
            print("\n".join(failures(lines) or lines[-LINES_OF_ONE:]))


main()
