"""Names of runs: they say the settings that a run has, and no two are the same. No Qt here."""

import re
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

from napari.utils.naming import inc_name_count

from napari_nst.plugin.runs.request import RunPlan
from napari_nst.runs.wording import SEPARATOR, describe, say, title_of
from napari_nst.settings.config import STEERABLE, StyleConfig

_MOST_NAMED = 2
"""Settings that a name says; more would not fit into a cell of the grid."""

_NUMBER = re.compile(r" \[\d+\]$")
"""What napari appends to a name that exists already."""


def summary(changed: Mapping[str, Any]) -> str:
    """Say the first settings, and count the others: "size 99 · steps 7 · 2 more"."""
    named = describe(dict(islice(changed.items(), _MOST_NAMED)))
    more = len(changed) - _MOST_NAMED
    return f"{named}{SEPARATOR}{more} more" if more > 0 else named


def told_with(plan: RunPlan, ending: StyleConfig) -> str:
    """Return a plan's name with the values that its run ended with in place of those asked for.

    A setting that the name does not say yet is appended if it was steered.
    """
    assert plan.request is not None
    asked, events = plan.request.config, plan.request.events
    parts = plan.name.split(SEPARATOR)
    for field in STEERABLE:
        before, now = getattr(asked, field), getattr(ending, field)
        # A replay is named by the values that the steering which it repeats led to.
        known = [before, *(event.value for event in events if event.field == field)]
        old = {text for value in known for text in _says(field, value)}
        bare = [_NUMBER.sub("", part) for part in parts]
        if not _says(field, now).isdisjoint(bare):
            continue
        if places := [place for place, part in enumerate(bare) if part in old]:
            parts[places[-1]] = say(field, now)
        elif now != before:
            parts = [*_without_hidden(parts, plan.changed, field), say(field, now)]
    return SEPARATOR.join(parts)


def is_generated(name: str, generated: str) -> bool:
    """Whether a name is the generated one, but for a number that makes it unique."""
    return _NUMBER.sub("", name) == _NUMBER.sub("", generated)


def unique(name: str, taken: Collection[str]) -> str:
    """Return the name, numbered as napari numbers layers if it is taken already."""
    while name in taken:
        name = str(inc_name_count(name))
    return name


def _says(field: str, value: object) -> set[str]:
    """Return how a name may say a setting; a sweep says it in full where short ones are equal."""
    return {say(field, value), f"{title_of(field)} {value!r}"}


def _without_hidden(parts: list[str], changed: Mapping[str, Any], field: str) -> list[str]:
    """Count a setting no longer among those that a name only counts, as "2 more"."""
    hidden = len(changed) - _MOST_NAMED
    if field not in list(changed)[_MOST_NAMED:]:
        return parts
    fewer = [f"{hidden - 1} more"] if hidden > 1 else []
    told = f"{hidden} more"
    return [new for part in parts for new in (fewer if part == told else [part])]
