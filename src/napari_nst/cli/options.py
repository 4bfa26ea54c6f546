"""The command line's options, described by the settings' own help texts."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_nst.errors import ConfigError
from napari_nst.files.images import read_settings
from napari_nst.files.user_presets import find_preset
from napari_nst.settings.config import StyleConfig, choices
from napari_nst.settings.presets import DEFAULT_PRESET, PRESETS
from napari_nst.settings.record import RunRecord
from napari_nst.settings.text import parse_setting

DEFAULT = StyleConfig.preset(DEFAULT_PRESET)
HELP = {setting.name: setting.metadata["help"] for setting in fields(StyleConfig)}


def _knob(name: str, metavar: str) -> Any:  # noqa: ANN401 - typer's OptionInfo
    default = getattr(DEFAULT, name)
    shown = "" if default is None else f" Default {default}."
    return typer.Option(metavar=metavar, help=HELP[name] + shown)


Content = Annotated[Path, typer.Argument(metavar="CONTENT", help="The picture to paint.")]
Styles = Annotated[
    list[Path], typer.Argument(metavar="STYLE...", help="Whose manner; several are blended.")
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="OUT", help="Ends in .png, .jpg, .tif or .webp.")
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


def chosen_settings(
    file: Path | None, preset: str | None, given: Sequence[tuple[str, str]]
) -> tuple[StyleConfig, RunRecord | None]:
    """Give the settings that --config or --preset names, with changes, and the file's record.

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
