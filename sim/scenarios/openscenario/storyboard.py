"""The storyboard: stories, acts, maneuver groups, maneuvers, events, actions, as state machines.

States and transitions follow OpenSCENARIO XML 1.3, "Storyboard and its elements": an element stands by until its
trigger fires, runs while a child runs, and is complete afterwards. Transitions of one step are seen by the conditions
of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from geometry.errors import Place
from sim.scenarios.openscenario.action import NEITHER, Action, GlobalAction, Running
from sim.scenarios.openscenario.actions import read_action
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.conditions import Trigger, read_trigger
from sim.scenarios.openscenario.declarations import read_declarations
from sim.scenarios.openscenario.elements import COMPLETE, RUNNING, STANDBY, Elements, Key
from sim.scenarios.openscenario.moment import Moment
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.parameters import declare
from sim.scenarios.openscenario.reading import Node

PRIORITIES = ("overwrite", "override", "skip", "parallel")

Announce = Callable[[str, str, str], None]
"""(element type, name, transition)."""


@dataclass(frozen=True, slots=True)
class NamedAction:
    """An action of an event, with its place in the file."""

    key: Key
    action: Action | GlobalAction
    place: Place

    @property
    def name(self) -> str:
        return self.key[1][-1]

    @property
    def channels(self) -> str:
        """Which channels of an entity it takes."""
        return self.action.channels if isinstance(self.action, Action) else NEITHER


@dataclass(slots=True)
class Event:
    """Actions that start together when the trigger fires."""

    key: Key
    priority: str
    limit: int
    actions: tuple[NamedAction, ...]
    trigger: Trigger | None
    executions: int = 0
    running: list[tuple[NamedAction, Mover, Running]] = field(default_factory=list)


@dataclass(slots=True)
class Maneuver:
    key: Key
    events: tuple[Event, ...]


@dataclass(slots=True)
class Group:
    """A maneuver group: its actors perform its maneuvers."""

    key: Key
    limit: int
    actors: tuple[str, ...]
    triggering: bool
    maneuvers: tuple[Maneuver, ...]
    place: Place


@dataclass(slots=True)
class Act:
    key: Key
    groups: tuple[Group, ...]
    start: Trigger | None
    stop: Trigger | None


@dataclass(slots=True)
class Story:
    key: Key
    acts: tuple[Act, ...]


# --- reading ---


def read_stories(storyboard: Node, elements: Elements) -> tuple[Story, ...]:
    """All `<Story>` elements; `elements` learns their parts.

    Raises:
        InputError: something in a story is wrong.
        UnsupportedError: something that the engine does not know.
    """
    return tuple(_story(node, elements) for node in storyboard.all("Story"))


def _named(node: Node, kind: str, elements: Elements) -> tuple[Node, Key]:
    """The element inside its own name and its own parameters, and its key."""
    inside = node.inside(node.text("name", ""))
    if node.find("ParameterDeclarations") is not None:
        inside = inside.within(declare(read_declarations(node), node.scope))
    return inside, elements.add(kind, inside.path)


def _story(node: Node, elements: Elements) -> Story:
    node, key = _named(node, "story", elements)
    node.allow("ParameterDeclarations", "Act")
    return Story(key, tuple(_act(item, elements) for item in node.all("Act")))


def _act(node: Node, elements: Elements) -> Act:
    node, key = _named(node, "act", elements)
    node.allow("ManeuverGroup", "StartTrigger", "StopTrigger")
    groups = tuple(_group(item, elements) for item in node.all("ManeuverGroup"))
    return Act(key, groups, read_trigger(node.find("StartTrigger")), read_trigger(node.find("StopTrigger")))


def _group(node: Node, elements: Elements) -> Group:
    node, key = _named(node, "maneuverGroup", elements)
    node.allow("Actors", "Maneuver", "CatalogReference")
    actors = node.child("Actors")
    maneuvers = tuple(_maneuver_of(item, elements) for item in node if item.tag != "Actors")
    return Group(
        key, node.integer("maximumExecutionCount", 1),
        tuple(item.text("entityRef") for item in actors.allow("EntityRef")),
        actors.boolean("selectTriggeringEntities", False), maneuvers, node.place,
    )  # fmt: skip


def _maneuver_of(node: Node, elements: Elements) -> Maneuver:
    """A maneuver written out, or a reference to one (whose parameters the catalog has filled in already)."""
    if node.tag == "Maneuver":
        node, key = _named(node, "maneuver", elements)
    else:
        node = node.catalogs.entry(node)
        node = node.inside(node.text("name", ""))
        key = elements.add("maneuver", node.path)
    node.allow("ParameterDeclarations", "Event")
    return Maneuver(key, tuple(_event(item, elements) for item in node.all("Event")))


def _event(node: Node, elements: Elements) -> Event:
    node, key = _named(node, "event", elements)
    node.allow("Action", "StartTrigger")
    actions = tuple(_action(item, elements) for item in node.all("Action"))
    return Event(
        key, node.choice("priority", PRIORITIES, "parallel"), node.integer("maximumExecutionCount", 1), actions,
        read_trigger(node.find("StartTrigger")),
    )  # fmt: skip


def _action(node: Node, elements: Elements) -> NamedAction:
    inside, key = _named(node, "action", elements)
    return NamedAction(key, read_action(inside), node.place)


# --- running ---


@dataclass(slots=True)
class Storyboard:
    """All stories with their shared bookkeeping. `begin` decides what starting an action on an entity means.

    `opening` holds what the init actions started and what still runs of it.
    """

    stories: tuple[Story, ...]
    stop: Trigger | None
    elements: Elements
    begin: Callable[[NamedAction, Mover, float], Running | None]
    announce: Announce
    opening: list[tuple[NamedAction, Mover, Running]] = field(default_factory=list)

    def step(self, cast: Cast, t_s: float, dt_s: float) -> bool:
        """Evaluate triggers at `t_s`, then carry the running actions on by `dt_s`; True when the stop trigger fires."""
        self.elements.begin_step()
        moment = Moment(t_s, cast, self.elements)
        if self.stop is not None and self.stop.fires(moment):
            return True
        self.opening = [entry for entry in self.opening if not entry[2].step(cast, entry[1], t_s, dt_s)]
        for story in self.stories:
            self._enter(story.key)
            for act in story.acts:
                self._act(act, moment, cast, dt_s)
            self._leave_if(story.key, all(self._is(act.key, COMPLETE) for act in story.acts))
        return False

    def _is(self, key: Key, state: str) -> bool:
        return self.elements.states[key] == state

    def _act(self, act: Act, moment: Moment, cast: Cast, dt_s: float) -> None:
        if self._is(act.key, STANDBY) and (act.start is None or act.start.fires(moment)):
            self._enter(act.key)
        if not self._is(act.key, RUNNING):
            return
        if act.stop is not None and act.stop.fires(moment):
            for group in act.groups:
                for maneuver in group.maneuvers:
                    for event in maneuver.events:
                        self._stop(event)
                    self._leave_if(maneuver.key, self._is(maneuver.key, RUNNING), "stopTransition")
                self._leave_if(group.key, self._is(group.key, RUNNING), "stopTransition")
            self._leave_if(act.key, True, "stopTransition")
            return
        for group in act.groups:
            if self._is(group.key, COMPLETE):
                continue
            self._enter(group.key)
            for maneuver in group.maneuvers:
                self._maneuver(maneuver, group, moment, cast, dt_s)
            self._leave_if(group.key, all(self._is(maneuver.key, COMPLETE) for maneuver in group.maneuvers))
        self._leave_if(act.key, all(self._is(group.key, COMPLETE) for group in act.groups))

    def _maneuver(self, maneuver: Maneuver, group: Group, moment: Moment, cast: Cast, dt_s: float) -> None:
        if self._is(maneuver.key, COMPLETE):
            return
        self._enter(maneuver.key)
        for event in maneuver.events:
            if self._is(event.key, STANDBY) and (event.trigger is None or event.trigger.fires(moment)):
                self._start(event, maneuver, group, cast, moment.t_s)
        for event in maneuver.events:
            if self._is(event.key, RUNNING):
                self._carry_on(event, cast, moment.t_s, dt_s)
        self._leave_if(maneuver.key, all(self._is(event.key, COMPLETE) for event in maneuver.events))

    def _start(self, event: Event, maneuver: Maneuver, group: Group, cast: Cast, t_s: float) -> None:
        others = [other for other in maneuver.events if other is not event and self._is(other.key, RUNNING)]
        if others and event.priority == "skip":
            self._note(event.key, "skipTransition")
            return
        if event.priority in ("overwrite", "override"):
            for other in others:
                self._stop(other)
        event.executions += 1
        self._note(event.key, "startTransition", RUNNING)
        names = group.actors
        if group.triggering and event.trigger is not None:
            names = tuple(dict.fromkeys((*names, *event.trigger.entities)))
        for named in event.actions:
            self._note(named.key, "startTransition", RUNNING)
            if isinstance(named.action, GlobalAction):
                named.action.perform(cast, t_s)
                continue
            for mover in (member for name in names for member in cast.members(name, group.place)):
                running = self.begin(named, mover, t_s)
                if running is not None:
                    event.running.append((named, mover, running))

    def _carry_on(self, event: Event, cast: Cast, t_s: float, dt_s: float) -> None:
        event.running = [entry for entry in event.running if not entry[2].step(cast, entry[1], t_s, dt_s)]
        busy = {named.key for named, _, _ in event.running}
        for named in event.actions:
            if named.key not in busy and self._is(named.key, RUNNING):
                self._note(named.key, "endTransition", COMPLETE)
        if not event.running:
            self._end(event, "endTransition")

    def _stop(self, event: Event) -> None:
        if not self._is(event.key, RUNNING):
            return
        for named, mover, _ in event.running:
            self._note(named.key, "stopTransition", COMPLETE)
            _release(named, mover)
        event.running.clear()
        self._end(event, "stopTransition")

    def _end(self, event: Event, transition: str) -> None:
        self._note(event.key, transition, COMPLETE if event.executions >= event.limit else STANDBY)

    def displace(self, mover: Mover, channels: str, starting: NamedAction | None = None) -> tuple[NamedAction, ...]:
        """End what other actions do with the same channels of an entity; returns them."""
        ended: list[NamedAction] = []

        def stays(entry: tuple[NamedAction, Mover, Running]) -> bool:
            named, other, _ = entry
            if other is not mover or named is starting or not _shared(named.channels, channels):
                return True
            _release(named, mover)
            ended.append(named)
            return False

        self.opening = [entry for entry in self.opening if stays(entry)]
        for event in self.events():
            event.running = [entry for entry in event.running if stays(entry)]
        return tuple(ended)

    def events(self) -> Iterator[Event]:
        """All events of all stories."""
        for story in self.stories:
            for act in story.acts:
                for group in act.groups:
                    for maneuver in group.maneuvers:
                        yield from maneuver.events

    def _enter(self, key: Key) -> None:
        if self._is(key, STANDBY):
            self._note(key, "startTransition", RUNNING)

    def _leave_if(self, key: Key, done: bool, transition: str = "endTransition") -> None:
        if done and not self._is(key, COMPLETE):
            self._note(key, transition, COMPLETE)

    def _note(self, key: Key, transition: str, state: str | None = None) -> None:
        self.elements.note(key, transition, state)
        self.announce(key[0], key[1][-1], transition)


def _shared(first: str, second: str) -> bool:
    return bool(set(first.split()) & set(second.split()))


def _release(named: NamedAction, mover: Mover) -> None:
    """What an ended action held no longer guides the entity."""
    if "lateral" in named.channels:
        mover.curve = None
