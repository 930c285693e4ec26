"""A Dockerfile as a list of stages: as much of its language as ours uses."""

import json
import re
from typing import NamedTuple

INSTRUCTION = re.compile(r"^([A-Z]+)\s+(.*)$", re.S)


class Instruction(NamedTuple):
    name: str
    text: str

    def words(self):
        """The arguments, in either form."""
        return json.loads(self.text) if self.text.startswith("[") else self.text.split()


class Stage(NamedTuple):
    name: str
    base: str  # an image, or the name of a stage before
    instructions: list

    def all(self, name):
        return [each for each in self.instructions if each.name == name]

    def last(self, name):
        """The one that counts, or None."""
        found = self.all(name)
        return found[-1] if found else None


def _instructions(text):
    text = re.sub(r"(?m)^\s*#.*\n", "", text).replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip():
            match = INSTRUCTION.match(line)
            if match is None:
                raise ValueError(f"no instruction: {line}")
            yield Instruction(match.group(1), re.sub(r"\s{2,}", " ", match.group(2).strip()))


def read(path):
    """The stages in order. What stands before the first one are arguments, put in where they are
    used."""
    with open(path, encoding="utf-8") as file:
        found = list(_instructions(file.read()))
    arguments, stages = {}, []
    for each in found:
        if each.name == "ARG" and not stages:
            name, value = each.text.split("=", 1)
            arguments[name] = value
        elif each.name == "FROM":
            base, _, name = each.text.partition(" AS ")
            stages.append(Stage(name, re.sub(r"\$\{(\w+)\}", lambda m: arguments[m.group(1)], base),
                                []))
        else:
            stages[-1].instructions.append(each)
    return stages


def chain(stages, name):
    """The stage of that name behind those it is made from, the image it begins with first."""
    by_name = {stage.name: stage for stage in stages}
    found = []
    while name in by_name:
        found.insert(0, by_name[name])
        name = by_name[name].base
    return name, found
