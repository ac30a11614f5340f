"""A small project in a temporary directory, for tests that run the whole generator."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from gen.__main__ import ROOT, generate
from gen.emit.files import Output
from gen.language.errors import SpecError
from gen.language.target import DEFAULT, Target

POLICY = "budget gadgets 100000\nbudget bytes 9000000\n"
FEATURES = "FPU 1.edx 0\n"
NOP = """\
insn NOP
  90              ZO
  flags      OSZAPC = ------
  does       nothing
  body       nop
"""


class Project:
    """Context manager: `templates` are written below a temporary root that has those of
    `host_templates` (of none: "")."""

    def __init__(self, spec: str, policy: str = POLICY, features: str = FEATURES,
                 vendors: str = "", templates: dict[str, str] | None = None,
                 target: Target = DEFAULT, host_templates: str = DEFAULT.host) -> None:
        self.target = target
        self.root = Path(tempfile.mkdtemp(prefix="fg-gen-"))
        self.spec = self.root / "gen/spec"
        self.spec.mkdir(parents=True)
        (self.spec / "mini.x86").write_text(spec, encoding="utf-8")
        if policy:
            (self.spec / target.guest.policy).write_text(policy, encoding="utf-8")
        (self.spec / "features").write_text(features, encoding="utf-8")
        if vendors:
            (self.spec / "vendors").write_text(vendors, encoding="utf-8")
        self.templates = self.root / "templates" / target.host
        if host_templates:
            shutil.copytree(ROOT / "templates" / host_templates, self.templates)
        for name, text in (templates or {}).items():
            (self.templates / name).parent.mkdir(parents=True, exist_ok=True)
            (self.templates / name).write_text(text, encoding="utf-8")

    def __enter__(self) -> Project:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        shutil.rmtree(self.root)

    def run(self) -> Output:
        """Run the generator; raises SpecError as the command line would print it."""
        with contextlib.redirect_stdout(io.StringIO()):
            return generate([self.target], self.root / "out",
                            self.root / "gadgets", self.spec, self.templates, self.root)

    def read(self, name: str) -> str:
        """Text of a file below the root."""
        return (self.root / name).read_text(encoding="utf-8")

    def gadget_file(self, name: str) -> str:
        """Text of one gadget file, whatever its family."""
        found = list((self.root / "gadgets").rglob(f"{name}.S"))
        assert len(found) == 1, (name, found)
        return found[0].read_text(encoding="utf-8")


def mistake(spec: str, **more: object) -> str:
    """The message that a spec leads to; "" when it is accepted."""
    with Project(spec, **more) as project:  # type: ignore[arg-type]
        try:
            project.run()
        except SpecError as error:
            return str(error)
    return ""
