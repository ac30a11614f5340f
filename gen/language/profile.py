"""Profiles: what programs of the training ran (gen/train.py).

Reads gen/spec/default.profile, x86-64.profile. A line has labels of gadgets, as in the gadget files
without the `g_`: of two or more, an n-gram; of one, a gadget that programs use; both those of most
programs first. From a `#` on it is a comment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gen.language.errors import Where


@dataclass
class Profile:
    """One profile; a guest may have none."""

    name: str
    ngrams: dict[tuple[str, ...], Where] = field(default_factory=dict)  # in the order of ranks
    used: dict[str, int] = field(default_factory=dict)  # gadgets, with their rank from 0 on


def read_profile(path: Path, root: Path) -> Profile:
    """The profile of a file; an empty one when there is none. What is there twice counts where it
    is first."""
    profile = Profile(str(path.relative_to(root)) if path.is_relative_to(root) else str(path))
    if not path.exists():
        return profile
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        labels = tuple(line.partition("#")[0].split())
        if len(labels) == 1:
            profile.used.setdefault(labels[0], len(profile.used))
        elif labels:
            profile.ngrams.setdefault(labels, Where(profile.name, number))
    return profile
