"""Settings from their sources, later over earlier: built in, the shipped file, the home's file, the environment.

Finds every mistake in one go and tells where each stands.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from core.domain.errors import BursarError, Invalid
from core.settings.declared import SECTIONS, Knob, Settings, knobs_of, variable_of
from core.settings.places import find_home
from core.settings.private_files import Environment, refuse_if_seen_by_others
from core.settings.rules import OnlyEnvironment, Unfit, did_you_mean, nearest
from core.settings.toml_file import Problem, read_toml, shown_key

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "bursar.toml"
FILE_NAME = "bursar.toml"
# Variables that speak to the program but are no settings.
NOT_SETTINGS = ("BURSAR_HOME", "BURSAR_TOKEN", "BURSAR_TOKEN_FILE")
# What container platforms set on their own for a service that happens to be called bursar-something.
_SET_BY_PLATFORM = r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$"


class Found(NamedTuple):
    value: object
    source: str


class Gathered:
    """What the sources said so far, by (section, field), and what was wrong with them."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], Found] = {}
        self.problems: list[Problem] = []

    def take_file(self, path: Path) -> None:
        document, problems = read_toml(path)
        self.problems += problems
        for section, content in document.tables.items():
            if section in SECTIONS and isinstance(content, dict):
                for key, value in content.items():
                    self._take_key(path, document.lines.get((section, key)), section, key, value)
                continue
            if isinstance(content, dict):
                line, wrong, right = document.lines.get((section, "")), "unknown section", None
            else:
                line, wrong, right = document.lines.get(("", section)), "unknown key", _home_of(section)
            right = right or did_you_mean(section, tuple(SECTIONS))
            self.problems.append(Problem(str(path), line, shown_key("", section), wrong, right))

    def _take_key(self, path: Path, line: int | None, section: str, key: str, value: object) -> None:
        knobs = knobs_of(section)
        try:
            if key not in knobs:
                raise Unfit("unknown key", _home_of(key) or did_you_mean(key, tuple(knobs)))
            name, knob = knobs[key]
            self.values[section, name] = Found(knob.rule.read(value), str(path))
        except Unfit as unfit:
            self.problems.append(Problem(str(path), line, shown_key(section, key), unfit.wrong, unfit.right))

    def take_variable(self, environment: Environment, section: str, key: str, name: str, knob: Knob) -> None:
        variable = variable_of(section, key, knob)
        try:
            if knob.rule.secret:
                secret = environment.secret(variable, insecure=self.insecure)
                if secret is not None:
                    value = secret if isinstance(knob.rule, OnlyEnvironment) else knob.rule.read_text(secret.reveal())
                    self.values[section, name] = Found(value, variable)
            elif environment.get(variable):
                self.values[section, name] = Found(knob.rule.read_text(environment[variable]), variable)
        except Unfit as unfit:
            self.problems.append(Problem("environment", None, variable, unfit.wrong, unfit.right))
        except BursarError as error:
            self.problems.append(Problem("environment", None, variable, error.message, error.hint or ""))

    @property
    def insecure(self) -> bool:
        found = self.values.get(("security", "insecure_permissions"))
        return found is not None and found.value is True


def load(environ: Mapping[str, str] | None = None, home_override: str | Path | None = None) -> Settings:
    """The settings of this start, or one Invalid that names every mistake with its place."""
    started_with: Mapping[str, str] = os.environ if environ is None else environ  # noqa: TID251 - the one place for it
    environment = Environment(started_with)
    home = find_home(environment, home_override)
    gathered = Gathered()
    gathered.take_file(SHIPPED)
    gathered.take_file(home / FILE_NAME)
    known: list[str] = []
    for section in SECTIONS:  # security comes first: it says how strictly the files of secrets are looked at
        for key, (name, knob) in knobs_of(section).items():
            known.append(variable_of(section, key, knob))
            gathered.take_variable(environment, section, key, name, knob)
    gathered.problems += _unknown_variables(environment, known)
    settings = _built(home, gathered, environment)
    _check_database(settings, gathered)
    if settings.run_out.notice_percent > settings.run_out.approval_percent:
        wrong = f"the notice at {settings.run_out.notice_percent} % comes after approval is already needed"
        right = f"give at most {settings.run_out.approval_percent}"
        gathered.problems.append(Problem("all sources together", None, "run_out.notice_percent", wrong, right))
    if gathered.problems:
        raise _refusal(gathered.problems)
    return settings


def _built(home: Path, gathered: Gathered, environment: Environment) -> Settings:
    sections = {
        section: kind(**{name: found.value for (of, name), found in gathered.values.items() if of == section})
        for section, kind in SECTIONS.items()
    }
    return Settings(home=home, environment=environment, **sections)


def _check_database(settings: Settings, gathered: Gathered) -> None:
    found = gathered.values.get(("database", "url"))
    source = found.source if found else "built in"
    try:
        url = settings.database_url
        if url.has_password and source == str(settings.home / FILE_NAME):
            path = settings.home / FILE_NAME
            refuse_if_seen_by_others(path, path.stat(), insecure=gathered.insecure)
    except BursarError as error:
        gathered.problems.append(Problem(source, None, "database.url", error.message, error.hint or ""))


def _unknown_variables(environment: Environment, known: list[str]) -> list[Problem]:
    takes_file = [f"{name}_FILE" for name in known]
    every = (*known, *takes_file, *NOT_SETTINGS)
    sections = tuple(f"BURSAR_{section.upper()}_" for section in SECTIONS)
    problems: list[Problem] = []
    for variable in sorted(environment):
        if not variable.startswith("BURSAR_") or variable in every or re.search(_SET_BY_PLATFORM, variable):
            continue
        # A name that is nothing like a setting belongs to someone else: a driver's key, a test's data.
        near = nearest(variable, (*known, *NOT_SETTINGS), alike=0.85)
        if near or variable.startswith(sections):
            right = f"did you mean {near}?" if near else "the known ones are in the shipped file"
            problems.append(Problem("environment", None, variable, "unknown variable", right))
    return problems


def _home_of(key: str) -> str | None:
    homes = [section for section in SECTIONS if key in knobs_of(section)]
    return f"it belongs under [{homes[0]}]" if homes else None


def _refusal(problems: list[Problem]) -> Invalid:
    lines = [problem.sentence for problem in problems]
    message = lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} settings are wrong:", *lines])
    return Invalid(
        "settings",
        message,
        "mend what is named; every setting and its default is in the shipped config/bursar.toml",
        {"problems": [problem.as_data() for problem in problems]},
    )
