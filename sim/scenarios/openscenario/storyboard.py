"""The storyboard: stories, acts, maneuver groups, maneuvers, events, actions, as state machines.

States and transitions follow OpenSCENARIO XML 1.3, "Storyboard and its elements": an element stands by until its
trigger fires, runs while a child runs, and is complete afterwards. Transitions of one step are seen by the conditions
of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from geometry.errors import Place
from sim.scenarios.openscenario.actions import Action, Running, read_private_action
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.conditions import Moment, Trigger, read_trigger
from sim.scenarios.openscenario.declarations import read_declarations
from sim.scenarios.openscenario.entities import Catalogs
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.parameters import declare
from sim.scenarios.openscenario.reading import Node

STANDBY, RUNNING, COMPLETE = "standbyState", "runningState", "completeState"
PRIORITIES = ("overwrite", "override", "skip", "parallel")

Announce = Callable[[str, str, str], None]
"""(element type, name, transition)."""


@dataclass(frozen=True, slots=True)
class NamedAction:
    """An action of an event, with its place in the file."""

    name: str
    action: Action
    place: Place


@dataclass(slots=True)
class Event:
    """Actions that start together when the trigger fires."""

    name: str
    priority: str
    limit: int
    actions: tuple[NamedAction, ...]
    trigger: Trigger | None
    state: str = STANDBY
    executions: int = 0
    running: list[tuple[NamedAction, Mover, Running]] = field(default_factory=list)


@dataclass(slots=True)
class Maneuver:
    name: str
    events: tuple[Event, ...]
    state: str = STANDBY


@dataclass(slots=True)
class Group:
    """A maneuver group: its actors perform its maneuvers."""

    name: str
    limit: int
    actors: tuple[str, ...]
    triggering: bool
    maneuvers: tuple[Maneuver, ...]
    place: Place
    state: str = STANDBY


@dataclass(slots=True)
class Act:
    name: str
    groups: tuple[Group, ...]
    start: Trigger | None
    stop: Trigger | None
    state: str = STANDBY


@dataclass(slots=True)
class Story:
    name: str
    acts: tuple[Act, ...]
    state: str = STANDBY


# --- reading ---


def read_stories(storyboard: Node, catalogs: Catalogs) -> tuple[Story, ...]:
    """All `<Story>` elements."""
    return tuple(_story(node, catalogs) for node in storyboard.all("Story"))


def _story(node: Node, catalogs: Catalogs) -> Story:
    node = node.within(declare(read_declarations(node), node.scope))
    node.allow("ParameterDeclarations", "Act")
    return Story(node.text("name", ""), tuple(_act(item, catalogs) for item in node.all("Act")))


def _act(node: Node, catalogs: Catalogs) -> Act:
    node.allow("ManeuverGroup", "StartTrigger", "StopTrigger")
    groups = tuple(_group(item, catalogs) for item in node.all("ManeuverGroup"))
    return Act(
        node.text("name"), groups, read_trigger(node.find("StartTrigger")), read_trigger(node.find("StopTrigger"))
    )


def _group(node: Node, catalogs: Catalogs) -> Group:
    node.allow("Actors", "Maneuver", "CatalogReference")
    actors = node.child("Actors")
    maneuvers = tuple(
        _maneuver(item if item.tag == "Maneuver" else catalogs.entry(item), catalogs)
        for item in node
        if item.tag != "Actors"
    )
    return Group(
        node.text("name"), node.integer("maximumExecutionCount", 1),
        tuple(item.text("entityRef") for item in actors.allow("EntityRef")),
        actors.boolean("selectTriggeringEntities", False), maneuvers, node.place,
    )  # fmt: skip


def _maneuver(node: Node, catalogs: Catalogs) -> Maneuver:
    node = node.within(declare(read_declarations(node), node.scope)) if node.find("ParameterDeclarations") else node
    node.allow("ParameterDeclarations", "Event")
    return Maneuver(node.text("name"), tuple(_event(item, catalogs) for item in node.all("Event")))


def _event(node: Node, catalogs: Catalogs) -> Event:
    node.allow("Action", "StartTrigger")
    actions = tuple(_action(item, catalogs) for item in node.all("Action"))
    return Event(
        node.text("name"), node.choice("priority", PRIORITIES), node.integer("maximumExecutionCount", 1), actions,
        read_trigger(node.find("StartTrigger")),
    )  # fmt: skip


def _action(node: Node, catalogs: Catalogs) -> NamedAction:
    action = node.choose({"PrivateAction": lambda item: read_private_action(item, catalogs)})
    return NamedAction(node.text("name"), action, node.place)


# --- running ---


@dataclass(slots=True)
class Storyboard:
    """All stories with their shared bookkeeping. `begin` decides what starting an action on an entity means."""

    stories: tuple[Story, ...]
    stop: Trigger | None
    begin: Callable[[NamedAction, Mover, float], Running | None]
    announce: Announce
    states: dict[tuple[str, str], str] = field(default_factory=dict)
    _fresh: set[tuple[str, str, str]] = field(default_factory=set)

    def step(self, cast: Cast, t_s: float, dt_s: float) -> bool:
        """Evaluate triggers at `t_s`, then carry the running actions on by `dt_s`; True when the stop trigger fires."""
        moment = Moment(t_s, cast, self.states, frozenset(self._fresh))
        self._fresh.clear()
        if self.stop is not None and self.stop.fires(moment):
            return True
        for story in self.stories:
            self._enter("story", story)
            for act in story.acts:
                self._act(act, moment, cast, dt_s)
            self._leave_if("story", story, all(act.state == COMPLETE for act in story.acts))
        return False

    def _act(self, act: Act, moment: Moment, cast: Cast, dt_s: float) -> None:
        if act.state == STANDBY and (act.start is None or act.start.fires(moment)):
            self._enter("act", act)
        if act.state != RUNNING:
            return
        if act.stop is not None and act.stop.fires(moment):
            for group in act.groups:
                for maneuver in group.maneuvers:
                    for event in maneuver.events:
                        self._stop(event)
                    self._leave_if("maneuver", maneuver, maneuver.state == RUNNING)
                self._leave_if("maneuverGroup", group, group.state == RUNNING)
            self._leave_if("act", act, True)
            return
        for group in act.groups:
            if group.state == COMPLETE:
                continue
            self._enter("maneuverGroup", group)
            for maneuver in group.maneuvers:
                self._maneuver(maneuver, group, moment, cast, dt_s)
            self._leave_if("maneuverGroup", group, all(m.state == COMPLETE for m in group.maneuvers))
        self._leave_if("act", act, all(group.state == COMPLETE for group in act.groups))

    def _maneuver(self, maneuver: Maneuver, group: Group, moment: Moment, cast: Cast, dt_s: float) -> None:
        if maneuver.state == COMPLETE:
            return
        self._enter("maneuver", maneuver)
        for event in maneuver.events:
            if event.state == STANDBY and (event.trigger is None or event.trigger.fires(moment)):
                self._start(event, maneuver, group, cast, moment.t_s)
        for event in maneuver.events:
            if event.state == RUNNING:
                self._carry_on(event, cast, moment.t_s, dt_s)
        self._leave_if("maneuver", maneuver, all(event.state == COMPLETE for event in maneuver.events))

    def _start(self, event: Event, maneuver: Maneuver, group: Group, cast: Cast, t_s: float) -> None:
        others = [other for other in maneuver.events if other is not event and other.state == RUNNING]
        if others and event.priority == "skip":
            self._note("event", event.name, "skipTransition")
            return
        if event.priority in ("overwrite", "override"):
            for other in others:
                self._stop(other)
        event.executions += 1
        event.state = RUNNING
        self._note("event", event.name, "startTransition", RUNNING)
        names = group.actors
        if group.triggering and event.trigger is not None:
            names = tuple(dict.fromkeys((*names, *event.trigger.entities)))
        for named in event.actions:
            self._note("action", named.name, "startTransition", RUNNING)
            for name in names:
                mover = cast.mover(name, group.place)
                running = self.begin(named, mover, t_s)
                if running is not None:
                    event.running.append((named, mover, running))

    def _carry_on(self, event: Event, cast: Cast, t_s: float, dt_s: float) -> None:
        event.running = [entry for entry in event.running if not entry[2].step(cast, entry[1], t_s, dt_s)]
        busy = {named.name for named, _, _ in event.running}
        for named in event.actions:
            if named.name not in busy and self.states.get(("action", named.name)) == RUNNING:
                self._note("action", named.name, "endTransition", COMPLETE)
        if not event.running:
            self._end(event, "endTransition")

    def _stop(self, event: Event) -> None:
        if event.state != RUNNING:
            return
        for named, _, _ in event.running:
            self._note("action", named.name, "stopTransition", COMPLETE)
        event.running.clear()
        self._end(event, "stopTransition")

    def _end(self, event: Event, transition: str) -> None:
        event.state = COMPLETE if event.executions >= event.limit else STANDBY
        self._note("event", event.name, transition, event.state)

    def displace(self, mover: Mover, channels: str, starting: NamedAction) -> None:
        """End what other actions do with the same channel of an entity."""
        for event in self.events():
            event.running = [
                entry
                for entry in event.running
                if entry[1] is not mover or entry[0] is starting or not _shared(entry[0].action.channels, channels)
            ]

    def events(self) -> Iterator[Event]:
        """All events of all stories."""
        for story in self.stories:
            for act in story.acts:
                for group in act.groups:
                    for maneuver in group.maneuvers:
                        yield from maneuver.events

    def _enter(self, kind: str, element: Story | Act | Group | Maneuver) -> None:
        if element.state == STANDBY:
            element.state = RUNNING
            self._note(kind, element.name, "startTransition", RUNNING)

    def _leave_if(self, kind: str, element: Story | Act | Group | Maneuver, done: bool) -> None:
        if done and element.state != COMPLETE:
            element.state = COMPLETE
            self._note(kind, element.name, "endTransition", COMPLETE)

    def _note(self, kind: str, name: str, transition: str, state: str | None = None) -> None:
        if state is not None:
            self.states[(kind, name)] = state
        self._fresh.add((kind, name, transition))
        self.announce(kind, name, transition)


def _shared(first: str, second: str) -> bool:
    return bool(set(first.split()) & set(second.split()))
