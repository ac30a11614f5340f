"""What the generator reads, make depends on: an edit of any input regenerates."""

from __future__ import annotations

import re
import subprocess
import unittest

from gen.__main__ import ROOT

LIST = ROOT / "build/gen/gen.d"


def make(*words: str) -> str:
    """What make would do."""
    done = subprocess.run(["make", "-n", *words, "build/gen/stamp"], cwd=ROOT, check=True,
                          capture_output=True, text=True)
    return done.stdout


@unittest.skipUnless(LIST.exists(), "nothing is built here")
class Dependencies(unittest.TestCase):
    """build/gen/gen.d"""

    def test_all_inputs_are_listed(self) -> None:
        listed = set(re.findall(r"^    (\S+?)(?: \\)?$", LIST.read_text(encoding="utf-8"), re.M))
        tracked = subprocess.run(["git", "ls-files", "gen/spec", "templates", "syscalls/table"],
                                 cwd=ROOT, check=True, capture_output=True, text=True)
        inputs = {name for name in tracked.stdout.split() if not name.endswith(".md")}
        self.assertEqual(inputs - listed, set())
        self.assertIn("core/helpers/helpers.h", listed)
        self.assertIn("gen/expand/expander.py", listed)
        self.assertFalse([name for name in listed if name.startswith(("build/", "docs/"))])

    def test_an_edit_regenerates(self) -> None:
        self.assertIn("-m gen ", make("-W", "gen/spec/features"))


if __name__ == "__main__":
    unittest.main()
