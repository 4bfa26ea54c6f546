"""The command line's `presets`: keep settings under a name, hand them on, forget them."""

from pathlib import Path
from typing import Annotated

import typer

from napari_nst.cli.options import (
    Colors,
    ColorStrength,
    Precision,
    Preset,
    Seed,
    Sets,
    SettingsFile,
    Size,
    Steps,
    Strength,
    chosen_settings,
)
from napari_nst.files.user_presets import (
    delete_preset,
    export_preset,
    own_presets,
    presets_folder,
    save_preset,
)
from napari_nst.settings.presets import PRESETS
from napari_nst.settings.text import split_assignment

Name = Annotated[str, typer.Argument(metavar="NAME", help="The preset's name.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the one that is there.")]

presets_app = typer.Typer(
    help="List presets, and keep settings of your own as presets.", no_args_is_help=True
)


@presets_app.command(name="list")
def list_presets() -> None:
    """List the published presets, then your own and where they are kept."""
    print(f"published: {', '.join(PRESETS)}")
    print(f"your own, in {presets_folder()}: {', '.join(own_presets()) or 'none yet'}")


@presets_app.command()
def save(
    name: Name,
    preset: Preset = None,
    size: Size = None,
    steps: Steps = None,
    style_strength: Strength = None,
    colors: Colors = None,
    color_strength: ColorStrength = None,
    seed: Seed = None,
    precision: Precision = None,
    settings: Sets = None,
    config_file: SettingsFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Keep settings as NAME: those of a preset, a file or a picture, with changes."""
    knobs = {"size": size, "steps": steps, "style_strength": style_strength}
    knobs |= {"colors": colors, "color_strength": color_strength}
    knobs |= {"seed": seed, "precision": precision}
    given = [(knob, text) for knob, text in knobs.items() if text is not None]
    config, record = chosen_settings(
        config_file, preset, [*given, *map(split_assignment, settings or [])]
    )
    if record:  # what was steered made the picture too
        config = record.replace(config=config).ending
    print(save_preset(name, config, overwrite=overwrite))


@presets_app.command()
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="The file to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Write a preset into a file that others use with `--preset FILE.json`."""
    export_preset(name, file, overwrite=overwrite)
    print(file)


@presets_app.command()
def delete(name: Name) -> None:
    """Forget a preset of your own."""
    delete_preset(name)
    print(f"{name} is gone")
