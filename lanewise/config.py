"""Everything that decides a drive, as one value: `RunConfig`, read from TOML and `--set`, written beside the drive.

Settings live beside the code that they configure; here they only get their section. An unknown key is an error that
lists the known ones.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import tomli_w
from pydantic import TypeAdapter, ValidationError

from geometry.errors import ContractError, InputError
from inference.settings import InferenceSettings
from lanewise.planners import planner_settings
from localization.map_filter import MapSettings
from motion.tracking import TrackingSettings
from perception.detector import DetectorSettings
from perception.ground_truth import GroundTruthSettings
from perception.track_state import TrackerSettings
from planning.planner import PlannerSettings
from planning.safety import SafetySettings
from sim.sensors.camera.rig import RigSettings
from sim.sensors.gnss import GnssSettings
from sim.sensors.imu import ImuSettings
from sim.sensors.landmarks import LandmarkErrors
from sim.sensors.lane_marks import LaneMarkErrors
from sim.sensors.wheels import WheelSettings

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class StackChoice:
    """Which module stands at each place of the chain (`lanewise.stack` lists the names)."""

    planner: str = "idm"
    perception: str = "ground-truth"
    detector: str = ""
    """Who looks through the cameras: empty for our own net, else as `lanewise.detectors` reads it."""
    detector_form: str = ""
    """How a detector in an ONNX file is fed and read; empty for the TOML file beside it."""
    localization: str = "ground-truth"


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """Step of the simulator, and when a drive that does not end by itself is ended."""

    step_s: float = 0.02
    timeout_s: float = 120.0

    def __post_init__(self) -> None:
        if not (0.001 <= self.step_s <= 0.1 and self.timeout_s > 0.0):
            raise ContractError(f"step_s = {self.step_s} must lie in [0.001, 0.1], timeout_s = {self.timeout_s} be > 0")


@dataclass(frozen=True, slots=True)
class SensorSettings:
    """The car's devices, and the error models of what cameras see of marks and landmarks."""

    rig: RigSettings = RigSettings()
    gnss: GnssSettings = GnssSettings()
    imu: ImuSettings = ImuSettings()
    wheels: WheelSettings = WheelSettings()
    lane_marks: LaneMarkErrors = LaneMarkErrors()
    landmarks: LandmarkErrors = LandmarkErrors()


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One drive. `parameters` are values for the parameters that the scenario declares, in its own units.

    `planning` are the settings of the chosen planner, None for a planner without any.
    """

    scenario: str = ""
    seed: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    stack: StackChoice = StackChoice()
    simulation: SimulationSettings = SimulationSettings()
    sensors: SensorSettings = SensorSettings()
    localization: MapSettings = MapSettings()
    perception: GroundTruthSettings = GroundTruthSettings()
    detector: DetectorSettings = DetectorSettings()
    inference: InferenceSettings = InferenceSettings()
    tracker: TrackerSettings = TrackerSettings()
    planner: PlannerSettings = PlannerSettings()
    planning: Any = None
    tracking: TrackingSettings = TrackingSettings()
    safety: SafetySettings = SafetySettings()

    def __post_init__(self) -> None:
        if self.planning is None:
            kind = planner_settings(self.stack.planner)
            object.__setattr__(self, "planning", None if kind is None else kind())

    def to_toml(self) -> str:
        """All values; `read_toml` gives the same configuration back."""
        return tomli_w.dumps(_without_none(asdict(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Travels to worker processes as its TOML: they have to load a planner's file before its settings exist."""
        return read_toml, (self.to_toml(), "configuration")


def read_toml(text: str, place: Path | str) -> RunConfig:
    """A configuration from TOML; what it does not name keeps its default.

    Raises:
        InputError: not TOML, an unknown key, or a value of the wrong type.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not valid TOML: {error}", place) from None
    return configured(tree, place)


def configured(tree: Mapping[str, Any], place: Path | str | None = None) -> RunConfig:
    """A configuration from nested mappings; errors as `read_toml`."""
    rest = {key: value for key, value in tree.items() if key != "planning"}
    config: RunConfig = _build(RunConfig, rest, "", place)
    section = tree.get("planning", {})
    kind = planner_settings(config.stack.planner)
    if kind is None:
        if section:
            raise InputError(f"the planner {config.stack.planner} has no settings; remove [planning]", place)
        return config
    return replace(config, planning=_build(kind, section, "planning", place))


def section(kind: type[Kind], tree: Mapping[str, Any], place: Path | str | None) -> Kind:
    """A frozen dataclass from the mapping of a TOML file of its own; errors as `read_toml`."""
    built: Kind = _build(kind, tree, "", place)
    return built


def with_settings(tree: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """A tree with `key.path=value` assignments put in; values are TOML, bare words are strings.

    Raises:
        InputError: an assignment without `=`, or a path through a value that is no section.
    """
    result = _copied(tree)
    for assignment in assignments:
        path, equals, raw = assignment.partition("=")
        if not equals or not path.strip():
            raise InputError(f"--set needs key=value, for example planning.horizon_s=6; found {assignment!r}")
        *sections, key = path.strip().split(".")
        node = result
        for section in sections:
            node = node.setdefault(section, {})
            if not isinstance(node, dict):
                raise InputError(f"--set {path}: {section} is a value, not a section")
        node[key] = _toml_value(raw.strip())
    return result


def _toml_value(raw: str) -> Any:
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        return raw


def _build(kind: Any, tree: Any, path: str, place: Path | str | None) -> Any:
    """A frozen dataclass from a mapping, section by section."""
    if not isinstance(tree, Mapping):
        raise InputError(f"{path} is a section with {', '.join(_names(kind))}; found {tree!r}", place)
    hints = get_type_hints(kind)
    unknown = [key for key in tree if key not in _names(kind)]
    if unknown:
        raise InputError(f"unknown key {_joined(path, unknown[0])}; known are {', '.join(_names(kind))}", place)
    values = {key: _value(hints[key], value, _joined(path, key), place) for key, value in tree.items()}
    try:
        return kind(**values)
    except ContractError as error:
        raise InputError(f"[{path}]: {error}", place) from None


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _value(kind: Any, value: Any, path: str, place: Path | str | None) -> Any:
    if is_dataclass(kind):
        return _build(kind, value, path, place)
    if isinstance(value, list) and get_args(kind)[1:] == (...,) and is_dataclass(get_args(kind)[0]):
        return tuple(_build(get_args(kind)[0], item, f"{path}[{i}]", place) for i, item in enumerate(value))
    try:
        # TOML has lists only; settings are frozen and hold tuples.
        return TypeAdapter(kind).validate_python(_frozen(value), strict=True)
    except ValidationError as error:
        raise InputError(f"{path} = {value!r}: {error.errors()[0]['msg'].lower()}", place) from None


def _names(kind: Any) -> list[str]:
    """Keys of a section; the planner's own section is built apart."""
    return [item.name for item in fields(kind) if item.init]


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _copied(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in tree.items()}


def _without_none(tree: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no null: what is None is left out."""
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in tree.items()
        if value is not None
    }
