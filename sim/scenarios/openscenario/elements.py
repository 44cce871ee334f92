"""Storyboard elements by name: their states and the transitions that conditions can see.

An element is known by its kind and the names around it, outermost first. A reference in a file is a name, or names
joined by `::`; where several elements have it, the one closest to the place of the reference is meant (OpenSCENARIO XML
1.3, "Naming and name resolution").
"""

from __future__ import annotations

from dataclasses import dataclass, field

from geometry.errors import InputError, Place

KINDS = ("story", "act", "maneuverGroup", "maneuver", "event", "action")
STANDBY, RUNNING, COMPLETE = "standbyState", "runningState", "completeState"
TRANSITIONS = ("startTransition", "endTransition", "stopTransition", "skipTransition")
STATES = (*TRANSITIONS, COMPLETE, RUNNING, STANDBY)

Path = tuple[str, ...]
Key = tuple[str, Path, int]
"""(kind, names from the story on, and a number that tells those of one name apart)."""


@dataclass(slots=True)
class Elements:
    """The elements of one storyboard.

    Conditions see a start at once, as children are evaluated after their parent has started; anything else they see in
    the next step (`begin_step`). Each condition sees each transition once: they are numbered, and a condition remembers
    the last number that it has looked at.
    """

    states: dict[Key, str] = field(default_factory=dict)
    _by_name: dict[tuple[str, str], list[Key]] = field(default_factory=dict)
    _seen: dict[Key, str] = field(default_factory=dict)
    _numbers: dict[tuple[Key, str], int] = field(default_factory=dict)
    _pending: list[tuple[Key, str]] = field(default_factory=list)
    _count: int = 0

    def add(self, kind: str, path: Path) -> Key:
        """A new element, standing by."""
        known = self._by_name.setdefault((kind, path[-1]), [])
        key = (kind, path, len(known))
        known.append(key)
        self.states[key] = self._seen[key] = STANDBY
        return key

    def note(self, key: Key, transition: str, state: str | None) -> None:
        """An element has gone through a transition, and is in another state unless that is None."""
        if state is not None:
            self.states[key] = state
        if transition == "startTransition":
            self._show(key, transition)
            self._seen[key] = self.states[key]
        else:
            self._pending.append((key, transition))

    def begin_step(self) -> None:
        """From now on conditions see what happened in the last step."""
        for key, transition in self._pending:
            self._show(key, transition)
            self._seen[key] = self.states[key]
        self._pending.clear()

    def _show(self, key: Key, transition: str) -> None:
        self._count += 1
        self._numbers[key, transition] = self._count

    def state(self, key: Key) -> str:
        """The state that conditions see."""
        return self._seen[key]

    def number(self, key: Key, transition: str) -> int:
        """The number of the element's last transition of that name; 0 if it has had none."""
        return self._numbers.get((key, transition), 0)

    def find(self, kind: str, reference: str, around: Path, place: Place) -> Key:
        """The element that a reference means; `around` is the path of the element that refers.

        Raises:
            InputError: there is no such element.
        """
        names = tuple(part for part in reference.split("::") if part) or ("",)
        found = [key for key in self._by_name.get((kind, names[-1]), []) if key[1][-len(names) :] == names]
        if not found and ":" in reference and "::" not in reference:
            return self.find(kind, reference.replace(":", "::"), around, place)
        if not found:
            known = ", ".join(sorted({key[1][-1] for key in self.states if key[0] == kind}))
            raise InputError(f"there is no {kind} {reference[:100]!r}; there are {known[:300] or 'none'}", place)
        return max(found, key=lambda key: _shared(key[1], around))


def _shared(one: Path, other: Path) -> int:
    """How many names two paths have in common from the outside."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count
