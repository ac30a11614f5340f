#!/usr/bin/env python3
# time: 900
"""The generator's own tests (gen/tests): mistakes, exact output, golden gadgets, the page about
adding an instruction. One case per test."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP))


class Lines(unittest.TestResult):
    """Prints the lines that test/README.md asks for."""

    def addSuccess(self, test: unittest.TestCase) -> None:
        print(f"ok {test.id()}", flush=True)

    def bad(self, test: unittest.TestCase, text: str) -> None:
        print(f"not ok {test.id()}")
        for line in text.splitlines()[-12:]:
            print(f"# {line}")
        print(f"# replay: {sys.executable} -m unittest {test.id().split(' ')[0]}", flush=True)

    def addFailure(self, test: unittest.TestCase, err: object) -> None:
        super().addFailure(test, err)  # type: ignore[arg-type]
        self.bad(test, self.failures[-1][1])

    def addError(self, test: unittest.TestCase, err: object) -> None:
        super().addError(test, err)  # type: ignore[arg-type]
        self.bad(test, self.errors[-1][1])

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: object) -> None:
        super().addSubTest(test, subtest, err)  # type: ignore[arg-type]
        if err is not None:
            self.bad(subtest, self.failures[-1][1] if self.failures else str(err))


def flatten(suite: unittest.TestSuite) -> list[unittest.TestCase]:
    """All cases of a suite."""
    cases: list[unittest.TestCase] = []
    for item in suite:
        cases += flatten(item) if isinstance(item, unittest.TestSuite) else [item]
    return cases


def main() -> int:
    os.chdir(TOP)
    patterns = [a for a in sys.argv[1:] if not a.startswith("--") and not a.isdigit()]
    suite = unittest.defaultTestLoader.discover("gen/tests", top_level_dir=".")
    chosen = [c for c in flatten(suite) if not patterns or any(p in c.id() for p in patterns)]
    result = Lines()
    unittest.TestSuite(chosen).run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
