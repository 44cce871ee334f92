"""Small OpenSCENARIO files on the shipped straight motorway, and what they do when they play by themselves."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lanewise.scenarios.catalog import FOLDER
from sim.scenarios.openscenario.engine import StoryboardEngine
from sim.scenarios.openscenario.load import load_scenario
from sim.scenarios.scripted import scripted_states

VEHICLE = (
    '<Vehicle name="{name}" vehicleCategory="car"><BoundingBox><Center x="1.4" y="0" z="0.9"/>'
    '<Dimensions width="2" length="5" height="1.8"/></BoundingBox>'
    '<Performance maxSpeed="69" maxDeceleration="10" maxAcceleration="10"/>'
    '<Axles><FrontAxle maxSteering="0.5" wheelDiameter="0.8" trackWidth="1.6" positionX="2.98" positionZ="0.4"/>'
    '<RearAxle maxSteering="0" wheelDiameter="0.8" trackWidth="1.6" positionX="0" positionZ="0.4"/></Axles>'
    "<Properties/></Vehicle>"
)


def speed_to(value: str, shape: str = "step", dimension: str = "time", over: float = 0.0) -> str:
    return (
        f'<PrivateAction><LongitudinalAction><SpeedAction><SpeedActionDynamics dynamicsShape="{shape}" '
        f'dynamicsDimension="{dimension}" value="{over}"/><SpeedActionTarget><AbsoluteTargetSpeed value="{value}"/>'
        "</SpeedActionTarget></SpeedAction></LongitudinalAction></PrivateAction>"
    )


def lane_to(value: int, shape: str = "sinusoidal", dimension: str = "time", over: float = 4.0) -> str:
    return (
        f'<PrivateAction><LateralAction><LaneChangeAction><LaneChangeActionDynamics dynamicsShape="{shape}" '
        f'dynamicsDimension="{dimension}" value="{over}"/><LaneChangeTarget><AbsoluteTargetLane value="{value}"/>'
        "</LaneChangeTarget></LaneChangeAction></LateralAction></PrivateAction>"
    )


def at_time(seconds: float, edge: str = "none", delay: float = 0.0, rule: str = "greaterThan") -> str:
    return (
        f'<Condition name="time" delay="{delay}" conditionEdge="{edge}"><ByValueCondition>'
        f'<SimulationTimeCondition value="{seconds}" rule="{rule}"/></ByValueCondition></Condition>'
    )


def when(entity: str, condition: str, edge: str = "none", delay: float = 0.0) -> str:
    return (
        f'<Condition name="entity" delay="{delay}" conditionEdge="{edge}"><ByEntityCondition>'
        f'<TriggeringEntities triggeringEntitiesRule="any"><EntityRef entityRef="{entity}"/></TriggeringEntities>'
        f"<EntityCondition>{condition}</EntityCondition></ByEntityCondition></Condition>"
    )


def after(kind: str, name: str, state: str = "completeState") -> str:
    return (
        '<Condition name="state" delay="0" conditionEdge="none"><ByValueCondition><StoryboardElementStateCondition '
        f'storyboardElementType="{kind}" storyboardElementRef="{name}" state="{state}"/></ByValueCondition></Condition>'
    )


def event(name: str, condition: str, *actions: str, priority: str = "parallel", count: int = 1) -> str:
    """An event; conditions in one string are one group, the actions are named after it."""
    made = "".join(f'<Action name="{name} {i}">{action}</Action>' for i, action in enumerate(actions))
    return (
        f'<Event name="{name}" priority="{priority}" maximumExecutionCount="{count}">{made}'
        f"<StartTrigger><ConditionGroup>{condition}</ConditionGroup></StartTrigger></Event>"
    )


@dataclass(frozen=True)
class Files:
    """Writes scenarios into a folder that holds the map."""

    folder: Path

    def text(self, *events: str, actor: str = "Other", init: str = "", speed: str = "20", declarations: str = "",
             stop: str = "", entities: str = "", logic: str = "road.xodr", catalogs: str = "") -> str:  # fmt: skip
        """Ego on lane -2 and Other 50 m ahead of it, both at `speed`; the events belong to `actor`."""
        places = {"Ego": '<LanePosition roadId="1" laneId="-2" s="100"/>',
                  "Other": '<RelativeLanePosition entityRef="Ego" dLane="0" ds="50"/>'}  # fmt: skip
        privates = "".join(
            f'<Private entityRef="{name}"><PrivateAction><TeleportAction><Position>{place}</Position></TeleportAction>'
            f"</PrivateAction>{speed_to(speed)}</Private>"
            for name, place in places.items()
        )
        story = (
            f'<Story name="story"><Act name="act"><ManeuverGroup name="group" maximumExecutionCount="1">'
            f'<Actors selectTriggeringEntities="false"><EntityRef entityRef="{actor}"/></Actors>'
            f'<Maneuver name="maneuver">{"".join(events)}</Maneuver></ManeuverGroup><StartTrigger><ConditionGroup>'
            f"{at_time(0.0, rule='greaterOrEqual')}</ConditionGroup></StartTrigger></Act></Story>"
        )
        objects = "".join(
            f'<ScenarioObject name="{name}">{VEHICLE.format(name=name)}</ScenarioObject>' for name in places
        )
        stopped = f"<StopTrigger>{stop}</StopTrigger>" if stop else "<StopTrigger/>"
        return (
            '<?xml version="1.0"?>\n<OpenSCENARIO><FileHeader revMajor="1" revMinor="2" date="2026-01-01T00:00:00" '
            f'description="test" author="test"/>\n<ParameterDeclarations>{declarations}</ParameterDeclarations>\n'
            f"<CatalogLocations>{catalogs}</CatalogLocations>\n"
            f'<RoadNetwork><LogicFile filepath="{logic}"/></RoadNetwork>\n'
            f"<Entities>{objects}{entities}</Entities>\n<Storyboard><Init><Actions>{privates}{init}</Actions></Init>"
            f"{story if events else ''}{stopped}</Storyboard></OpenSCENARIO>"
        )

    def write(self, text: str, name: str = "test.xosc") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def engine(self, *events: str, driver: str = "scripted", parameters: dict[str, str] | None = None,
               **parts: str) -> StoryboardEngine:  # fmt: skip
        """The engine of such a scenario."""
        return load_scenario(self.write(self.text(*events, **parts)), parameters=parameters, ego_driver=driver)


@pytest.fixture
def xosc(tmp_path: Path) -> Files:
    shutil.copy(FOLDER / "maps" / "highway_straight.xodr", tmp_path / "road.xodr")
    return Files(tmp_path)


@dataclass(frozen=True)
class Played:
    """States of one entity every 20 ms: (t, x, y, yaw, speed)."""

    rows: tuple[tuple[float, float, float, float, float], ...]

    def at(self, t_s: float) -> tuple[float, float, float, float]:
        return self.rows[round(t_s / 0.02)][1:]

    def speed(self, t_s: float) -> float:
        return self.at(t_s)[3]

    def lateral(self, t_s: float) -> float:
        """Metres to the left of where it began."""
        return self.at(t_s)[1] - self.rows[0][2]

    @property
    def end_s(self) -> float:
        return self.rows[-1][0]


@pytest.fixture
def play(xosc: Files) -> Callable[..., Played]:
    def played(*events: str, seconds: float = 15.0, entity: int = 1, **parts: str) -> Played:
        engine = xosc.engine(*events, **parts)
        rows = []
        for t_ns, world in scripted_states(engine, 20_000_000, round(seconds * 1e9)):
            columns = (world.x_m, world.y_m, world.yaw_rad, world.speed_mps)
            rows.append((t_ns * 1e-9, *(float(column[0, entity]) for column in columns)))
        return Played(tuple(rows))

    return played


def replaced_map(xosc: Files, geo_reference: str) -> None:
    """Put a geo reference into the map's header, in place of its own."""
    path = xosc.folder / "road.xodr"
    text = re.sub(r"<geoReference>.*?</geoReference>", "", path.read_text(), flags=re.DOTALL)
    header = re.search(r"<header[^>]*?(/?)>", text)
    assert header is not None
    opened = header.group(0).replace("/>", ">")
    closing = "</header>" if header.group(1) else ""
    path.write_text(text.replace(header.group(0), opened + geo_reference + closing, 1))
