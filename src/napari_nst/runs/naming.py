"""Names of runs: they say the settings of a run, and no two are equal."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Self

from napari_nst.settings.config import STEERABLE, StyleConfig
from napari_nst.settings.record import SteeringEvent
from napari_nst.settings.text import SEPARATOR, setting_text, settings_text, title_of

_MOST_NAMED = 2
"""Settings that a name says; more would not fit into a cell of the grid."""

_NUMBER = re.compile(r" \[(\d+)\]$")
"""What napari appends to a name that exists already."""


@dataclass(frozen=True)
class RunName:
    """The name of a run, and what it was made of.

    Parameters
    ----------
    text
        The whole name.
    pair
        Names of content and style, as "harbour × waves"; empty for a run named otherwise.
    settings
        The part about settings, such as "style strength 8", or the preset or label in its place.
    changed
        The settings that `settings` says or counts; empty if it is a preset or a label.
    """

    text: str
    pair: str = ""
    settings: str = ""
    changed: Mapping[str, Any] = field(default_factory=dict)

    def steered(
        self, asked: StyleConfig, ending: StyleConfig, events: Iterable[SteeringEvent] = ()
    ) -> Self:
        """Return the name with the values that a run ended with in place of those asked for.

        A setting that the name does not say yet is appended if it was steered.

        Parameters
        ----------
        asked
            The settings that the run was asked for.
        ending
            The settings that it ended with.
        events
            Steering that the run repeats.
        """
        known = list(events)
        return replace(
            self,
            text=self._told(self.text, asked, ending, known),
            settings=self._told(self.settings, asked, ending, known),
            changed={name: getattr(ending, name) for name in self.changed},
        )

    def _told(
        self, text: str, asked: StyleConfig, ending: StyleConfig, events: list[SteeringEvent]
    ) -> str:
        parts = text.split(SEPARATOR)
        for name in STEERABLE:
            before, now = getattr(asked, name), getattr(ending, name)
            # A replay is named by the values that the steering which it repeats led to.
            known = [before, *(event.value for event in events if event.field == name)]
            old = {said for value in known for said in _says(name, value)}
            bare = [_NUMBER.sub("", part) for part in parts]
            if not _says(name, now).isdisjoint(bare):
                continue
            if places := [place for place, part in enumerate(bare) if part in old]:
                parts[places[-1]] = setting_text(name, now)
            elif now != before:
                parts = [*_without_hidden(parts, self.changed, name), setting_text(name, now)]
        return SEPARATOR.join(parts)


def summary(changed: Mapping[str, Any]) -> str:
    """Return the first settings in words, and count the others: "size 99 · steps 7 · 2 more"."""
    named = settings_text(dict(islice(changed.items(), _MOST_NAMED)))
    more = len(changed) - _MOST_NAMED
    return f"{named}{SEPARATOR}{more} more" if more > 0 else named


def pair_name(content: str, style: str, letters: int) -> str:
    """Return "content × style", each name of so many letters at most."""
    return " × ".join(shortened(name, letters) for name in (content, style))


def counted(number: int, noun: str) -> str:
    """Return "1 pair" or "4 pairs"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shortened(name: str, letters: int) -> str:
    """Return a name of so many letters at most, the middle left out where it is longer."""
    if len(name) <= letters:
        return name
    ahead = letters // 2
    return f"{name[:ahead].rstrip()}…{name[ahead + 1 - letters :].lstrip()}"


def is_generated(name: str, generated: str) -> bool:
    """Return whether a name is the generated one, but for a number that makes it unique."""
    return _NUMBER.sub("", name) == _NUMBER.sub("", generated)


def unique(name: str, taken: Collection[str]) -> str:
    """Return the name, numbered as napari numbers layers if it is taken already."""
    while name in taken:
        number = _NUMBER.search(name)
        name = f"{_NUMBER.sub('', name)} [{1 + int(number[1]) if number else 1}]"
    return name


def _says(name: str, value: object) -> set[str]:
    """Return how a name may say a setting; a sweep says it in full where short ones are equal."""
    return {setting_text(name, value), f"{title_of(name)} {value!r}"}


def _without_hidden(parts: list[str], changed: Mapping[str, Any], name: str) -> list[str]:
    """Count a setting no longer among those that a name only counts, as "2 more"."""
    hidden = len(changed) - _MOST_NAMED
    if name not in list(changed)[_MOST_NAMED:]:
        return parts
    fewer = [f"{hidden - 1} more"] if hidden > 1 else []
    told = f"{hidden} more"
    return [new for part in parts for new in (fewer if part == told else [part])]
