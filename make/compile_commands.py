"""Turns the commands that make would run (stdin) into compile_commands.json (stdout).

A line counts when it compiles one C file (-c). make compile_commands.json calls this.
"""

import json
import os
import shlex
import sys

entries = []
for line in sys.stdin:
    words = shlex.split(line) if " -c " in line else []
    if words and words[-1].endswith(".c"):
        entries.append({"directory": os.getcwd(), "file": words[-1], "arguments": words})
json.dump(entries, sys.stdout, indent=1)
