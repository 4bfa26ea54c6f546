"""The command line's options, described by the settings' own help texts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from napari_nst.cli.streams import say
from napari_nst.errors import ConfigError, WeightsError
from napari_nst.files.checkpoints import Checkpoint, check_same_settings
from napari_nst.files.images import read_settings
from napari_nst.files.user_presets import find_preset
from napari_nst.settings.config import StyleConfig, changes, choices
from napari_nst.settings.presets import DEFAULT_PRESET, PRESETS
from napari_nst.settings.record import RunRecord, SteeringEvent
from napari_nst.settings.text import parse_setting, split_assignment
from napari_nst.settings.vgg_layers import WEIGHTS_NAMES

if TYPE_CHECKING:
    from napari_nst.weights import Weights

DEFAULT = StyleConfig.preset(DEFAULT_PRESET)
HELP = {setting.name: setting.metadata["help"] for setting in fields(StyleConfig)}


def _knob(name: str, metavar: str) -> Any:  # noqa: ANN401 - typer's OptionInfo
    default = getattr(DEFAULT, name)
    shown = "" if default in (None, ()) else f" Default {default}."
    return typer.Option(metavar=metavar, help=HELP[name] + shown)


Content = Annotated[Path, typer.Argument(metavar="CONTENT", help="The picture to paint.")]
Styles = Annotated[
    list[Path], typer.Argument(metavar="STYLE...", help="Whose manner; several are blended.")
]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="OUT", help="Ends in .png, .jpg, .tif, .webp or .zarr."),
]
Planes = Annotated[
    list[str] | None,
    typer.Option(
        "--plane",
        metavar="AXIS=N",
        help="Which plane of an OME-Zarr content to paint, as z=12; repeatable. Without, the "
        "first.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.json",
        help=f"{', '.join(PRESETS)}, one of your own, or a file. Default {DEFAULT.name}.",
    ),
]
Size = Annotated[str | None, _knob("size", "PIXELS")]
Steps = Annotated[str | None, _knob("steps", "NUMBER")]
Strength = Annotated[str | None, _knob("style_strength", "NUMBER")]
Colors = Annotated[str | None, _knob("colors", "|".join(choices("colors")))]
Blend = Annotated[str | None, _knob("blend", "SHARE,SHARE...")]
ColorStrength = Annotated[str | None, _knob("color_strength", "NUMBER")]
Seed = Annotated[str | None, _knob("seed", "NUMBER")]
Precision = Annotated[str | None, _knob("precision", "|".join(choices("precision")))]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Any other setting; may be repeated."),
]
Init = Annotated[
    str | None,
    typer.Option(metavar="content|noise|FILE", help="What the run starts from."),
]
InitBlend = Annotated[str | None, _knob("init_blend", "SHARE")]
WeightsName = Annotated[
    str | None,
    typer.Option(
        "--weights", metavar="NAME|FILE", help="auto, builtin, imagenet, or a VGG-19 file."
    ),
]
WeightsInput = Annotated[
    str | None,
    typer.Option(metavar="caffe|torchvision", help="How a weights file wants to be fed."),
]
Device = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")]
Tile = Annotated[str | None, _knob("tile", "auto|off|PX")]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="BYTES",
        help="What the program may hold in memory, such as 4GB; larger pictures are worked on by "
        "windows. Default 60 % of what is free.",
    ),
]
Scratch = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder for what does not fit into memory. Default: OUT's folder."
    ),
]
SaveEvery = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Also write every Nth step: OUT-00050.png.")
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings as JSON, or a picture that napari-nst wrote."
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Say how long the run will take and how much memory, and stop there."
    ),
]
IgnoreMemory = Annotated[
    bool,
    typer.Option("--ignore-memory", help="Start the run even if it does not fit into memory."),
]

CheckpointEvery = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Write the run's state beside OUT so often, to go on after a crash; 0 is never. "
        "Default: 60 if the run is estimated above 5 minutes.",
    ),
]
Resume = Annotated[
    bool | None,
    typer.Option(
        "--resume/--restart",
        help="Go on with the unfinished run whose checkpoint is beside OUT, or start anew in its "
        "place.",
    ),
]


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {f"{unit}i": 1024**power for power, unit in enumerate("kmgt", 1)}
_LEAST_MEMORY = 10**8


def memory_bytes(text: str | None) -> int | None:
    """Read an amount of memory: 4GB, 500 MB, 4GiB or plain bytes.

    Raises
    ------
    ConfigError
        If it is none, or less than any run takes.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([kmgt]?i?)b?", text.strip().lower())
    if found is None or found[2] not in _UNITS:
        raise ConfigError(f"--memory is an amount such as 4GB or 500MB; got {text!r}")
    count = round(float(found[1]) * _UNITS[found[2]])
    if count < _LEAST_MEMORY:
        raise ConfigError(f"--memory is at least 100MB; got {text!r}")
    return count


def planes_of(given: Sequence[str] | None) -> dict[str, int]:
    """Read --plane: axes and the places along them.

    Raises
    ------
    ConfigError
        If one is not of the form z=12.
    """
    planes = {}
    for text in given or ():
        found = re.fullmatch(r"([a-z])=(\d+)", text.strip())
        if found is None:
            raise ConfigError(f"--plane is an axis and a number, such as z=12; got {text!r}")
        planes[found[1]] = int(found[2])
    return planes


def given_settings(
    knobs: Mapping[str, str | None], init: str | None, sets: Sequence[str] | None
) -> tuple[list[tuple[str, str]], Path | None]:
    """Return the settings given by options, and the picture to start from if --init names one.

    Parameters
    ----------
    knobs
        Texts of the options that are settings by their names.
    init
        Of --init: a choice of the setting, or a file.
    sets
        Of --set: FIELD=VALUE.
    """
    given = {name: text for name, text in knobs.items() if text is not None}
    start = None
    if init in choices("init"):
        given["init"] = init
    elif init is not None:
        start = Path(init)
    return [*given.items(), *map(split_assignment, sets or [])], start


def chosen_settings(
    file: Path | None, preset: str | None, given: Sequence[tuple[str, str]]
) -> tuple[StyleConfig, RunRecord | None]:
    """Return the settings that --config or --preset names, with changes, and the file's record.

    What is given by hand holds for the whole run: the record's steering of it is left out.

    Raises
    ------
    ConfigError, ImageError
        If both are given, one of them cannot be read, or a change does not fit.
    """
    if file and preset:
        raise ConfigError(f"{file} already holds all settings; leave out --preset or --config")
    config, record = read_settings(file) if file else (DEFAULT, None)
    if preset:
        config = find_preset(preset)
    changes = {name: parse_setting(name, text) for name, text in given}
    if record:
        events = tuple(event for event in record.events if event.field not in changes)
        record = record.replace(events=events)
    return config.replace(**changes), record


def settings_of(
    unfinished: Checkpoint | None,
    file: Path | None,
    preset: str | None,
    given: Sequence[tuple[str, str]],
) -> tuple[StyleConfig, RunRecord | None, tuple[SteeringEvent, ...]]:
    """Return settings, their record if there is one, and the steering to repeat.

    Those of an unfinished run come from its checkpoint; options may repeat them.

    Raises
    ------
    CheckpointError
        If an option asks for another setting than the unfinished run's.
    ConfigError, ImageError
        As `chosen_settings`.
    """
    if unfinished is None:
        config, record = chosen_settings(file, preset, given)
        return config, record, record.events if record else ()
    record = unfinished.record
    if file or preset:
        config, _ = chosen_settings(file, preset, given)
    else:
        config = record.config.replace(**{name: parse_setting(name, text) for name, text in given})
    check_same_settings(unfinished, changes(config, record.config))
    return record.config, record, ()  # the checkpoint has the steering


def chosen_weights(name: str | None, feed: str | None, record: RunRecord | None) -> "Weights":
    """Load the weights asked for, or those of the record, and say what is to be known of them."""
    from napari_nst.weights import InputKind, load

    if feed is not None and feed not in get_args(InputKind):
        raise WeightsError(f"--weights-input is caffe or torchvision; got {feed!r}")
    recorded = record.weights if record else "auto"
    if recorded not in WEIGHTS_NAMES:
        recorded = "auto"  # a file, of which a record knows only the name
    weights = load(name or recorded, weights_input=feed)  # type: ignore[arg-type] # checked above
    if weights.note:
        say(f"napari-nst: {weights.note}")
    if record and record.hashes.get("weights") != weights.sha256:
        say(
            f"napari-nst: the record was made with other weights ({record.weights}) than these "
            f"({weights.name}); the picture will differ"
        )
    return weights
