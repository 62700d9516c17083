"""Finds drivers by name: those of this house, and those that other packages register as `bursar.drivers`.

It hands each driver its directory, its settings and only the secrets it names. A plug-in that cannot be loaded is
named in the error to whoever asks for it, and listed by `problems` for the doctor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from core.clock import Clock
from core.domain.engines import Capabilities, Detecting, Driver, EngineHere, Setting, Site, Trouble, trouble
from core.domain.errors import BursarError, Invalid, NotFound
from core.domain.node_settings import declared

GROUP = "bursar.drivers"
VERBS = ("ensure", "observe", "stop", "forget", "suspend", "resume", "logs", "discover", "close", "kept_settings")

# Known without installed metadata, so that a plain checkout works too.
OF_THIS_HOUSE: dict[str, str] = {
    "docker": "core.drivers.docker:DockerDriver",
    "process": "core.drivers.process:ProcessDriver",
    "scripted": "core.drivers.scripted:ScriptedDriver",
}

LONGEST_VALUE = 1000
LARGEST_SECRET_FILE = 64 * 1024
_CLUSTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def installed() -> Iterable[EntryPoint]:
    return entry_points(group=GROUP)


class DriverRegistry:
    def __init__(
        self,
        *,
        home: Path,
        clock: Clock,
        environ: Mapping[str, str],
        deadline_s: float = 20.0,
        find: Callable[[], Iterable[EntryPoint]] = installed,
    ) -> None:
        self._home = home
        self._clock = clock
        self._environ = environ
        self._deadline_s = deadline_s
        self._find = find
        self._classes: dict[str, type[Driver]] = {}
        self._places: dict[str, list[str]] | None = None

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._known()))

    def capabilities(self, driver: str) -> Capabilities:
        return self._class(driver).capabilities

    def settings(self, driver: str) -> tuple[Setting, ...]:
        return self._class(driver).settings

    def validated(self, driver: str, settings: Mapping[str, str]) -> dict[str, str]:
        cls = self._class(driver)
        known = {setting.name: setting for setting in cls.settings}
        wrong = [text for name, value in settings.items() if (text := _complaint(driver, known, name, value))]
        if wrong:
            raise Invalid("bad_setting", "; ".join(wrong), _settings_hint(driver, known))
        return cls.kept_settings(settings)

    def here(self) -> tuple[EngineHere, ...]:
        """Containers before commands of the host: whoever runs those can do there what their user can."""
        found: list[EngineHere] = []
        for name in self.names():
            try:
                cls = self._class(name)
            except BursarError:
                continue  # `problems` names it
            if isinstance(cls, Detecting):
                found += [EngineHere(name, dict(settings)) for settings in cls.found_here()]
        return tuple(sorted(found, key=lambda engine: self.capabilities(engine.driver).shell_on_host))

    def open(self, driver: str, cluster: str, settings: Mapping[str, str]) -> Driver:
        if not _CLUSTER.fullmatch(cluster):
            raise Invalid("bad_cluster_key", f"{cluster[:80]!a} cannot name a directory", "use letters, digits, . _ -")
        cls = self._class(driver)
        return cls(
            Site(
                cluster=cluster,
                home=self._home / "clusters" / cluster,
                clock=self._clock,
                settings=self.validated(driver, settings),
                secrets={n: s for n in cls.secret_names if (s := self._secret(n)) is not None},
                deadline_s=self._deadline_s,
            )
        )

    def problems(self) -> tuple[BursarError, ...]:
        """One error for each driver that is registered but cannot be used."""
        found: list[BursarError] = []
        for name, places in sorted(self._known().items()):
            try:
                self._class(name)
            except BursarError as error:
                found.append(error)
            else:
                found += [
                    _broken(name, f"{rival} claims the name of our own", "it is not used") for rival in places[1:]
                ]
        return tuple(found)

    def _known(self) -> dict[str, list[str]]:
        if self._places is None:
            places: dict[str, list[str]] = {name: [place] for name, place in OF_THIS_HOUSE.items()}
            for point in self._find():
                if point.value not in places.setdefault(point.name, []):
                    places[point.name].append(point.value)
            self._places = places
        return self._places

    def _class(self, name: str) -> type[Driver]:
        if name in self._classes:
            return self._classes[name]
        # Our own come first: nobody may take their names, and reading all installed metadata takes its time.
        places = [OF_THIS_HOUSE[name]] if name in OF_THIS_HOUSE else self._known().get(name)
        if not places:
            near = get_close_matches(name, self.names(), n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"installed: {', '.join(self.names())}"
            raise NotFound("unknown_driver", f"there is no driver {name[:60]!a}", hint)
        if len(places) > 1:
            raise _broken(name, f"{' and '.join(places)} both claim the name", "uninstall one of the packages")
        self._classes[name] = _load(name, places[0])
        return self._classes[name]

    def _secret(self, name: str) -> str | None:
        if name in self._environ:
            return self._environ[name]
        file = self._environ.get(f"{name}_FILE")
        if file is None:
            return None
        try:
            with Path(file).open("rb") as opened:
                return opened.read(LARGEST_SECRET_FILE).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise Invalid("bad_secret_file", f"{name}_FILE: cannot read {file}: {reason}") from None


def _load(name: str, place: str) -> type[Driver]:
    module, _, attribute = place.partition(":")
    try:
        cls = getattr(import_module(module), attribute)
    except Exception as error:  # importing a plug-in may raise anything, and all of it is named
        why = f"{place}: {type(error).__name__}: {error}"
        raise _broken(name, why, "install what it needs, or remove it") from error
    lacking = [verb for verb in VERBS if not callable(getattr(cls, verb, None))]
    if not isinstance(getattr(cls, "capabilities", None), Capabilities):
        lacking.append("capabilities")
    lacking += [part for part in ("settings", "secret_names") if not isinstance(getattr(cls, part, None), tuple)]
    if lacking:
        raise _broken(name, f"{place} lacks {', '.join(lacking)}", "ask its maker for a version that fits")
    found: type[Driver] = cls
    return found


def _broken(name: str, why: str, hint: str) -> BursarError:
    return trouble(Trouble.DRIVER_BROKEN, f"driver {name!a} cannot be used: {why}", hint)


def _complaint(driver: str, known: Mapping[str, Setting], name: str, value: str) -> str | None:
    setting = declared(name, known)
    if setting is None:
        near = get_close_matches(name, known, n=1)
        return f"{driver} has no setting {name[:60]!a}" + (f", did you mean '{near[0]}'?" if near else "")
    if len(value) > LONGEST_VALUE or not value.isprintable():
        return f"{name}: at most {LONGEST_VALUE} printable characters"
    if setting.choices and value not in setting.choices:
        return f"{name}: {value[:60]!a} is none of {', '.join(setting.choices)}"
    return None


def _settings_hint(driver: str, known: Mapping[str, Setting]) -> str:
    return f"settings of {driver}: {', '.join(sorted(known)) or 'none'}"
