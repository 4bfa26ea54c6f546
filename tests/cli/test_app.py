import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from napari_nst.cli import app as cli
from napari_nst.cli import run as cli_run
from napari_nst.cli.streams import say
from napari_nst.errors import ConfigError, DeviceMemoryError, DownloadCancelled, DownloadError
from napari_nst.files.images import read_picture, read_settings, write_picture
from napari_nst.files.user_presets import find_preset
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord
from napari_nst.settings.text import parse_setting

SHALLOW = (
    *("--weights", "untrained", "--precision", "float32"),
    *("--set", "content_layers=relu2_1", "--set", "style_layers=relu1_1,relu2_1"),
)

RECORD = RunRecord(StyleConfig(), {}, {}, "untrained", (), 3, "finished")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two pictures in it, and no weights anywhere."""
    y, x = np.mgrid[:30, :40]
    Image.fromarray(np.stack([x * 6, y * 8, x + y], 2).astype(np.uint8)).save(tmp_path / "c.png")
    stripes = np.where((x // 4 % 2)[..., None], (220, 180, 40), (20, 40, 160))
    Image.fromarray(stripes.astype(np.uint8)).save(tmp_path / "s.png")
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CACHE_HOME", "TORCH_HOME", "NAPARI_NST_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def run(folder, capsys):
    def call(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def stylize(run, *more):
    return run("stylize", "c.png", "s.png", "-o", "out.png", "--size", "32", *more)


def test_a_run_writes_a_picture_of_the_contents_aspect_with_its_record(run, folder):
    code, out, _ = stylize(run, "--steps", "3", "--seed", "5", *SHALLOW)
    assert code == 0
    assert "out.png: 32x24 px, finished after 3 steps" in out
    assert "weights: untrained" in out
    picture = read_picture(folder / "out.png")
    assert picture.shape == (24, 32, 3)
    config, record = read_settings(folder / "out.png")
    assert record.steps_done == 3
    assert config == StyleConfig.preset(
        "default",
        size=32,
        steps=3,
        seed=5,
        precision="float32",
        content_layers=("relu2_1",),
        style_layers=("relu1_1", "relu2_1"),
    )


def test_a_picture_of_ours_repeats_its_run_bit_for_bit(run, folder):
    stylize(run, "--steps", "2", "--init", "noise", *SHALLOW)
    code, _, err = run("stylize", "c.png", "s.png", "-o", "again.png", "--config", "out.png")
    assert (code, "other weights" in err) == (0, False)
    np.testing.assert_array_equal(
        read_picture(folder / "out.png"), read_picture(folder / "again.png")
    )


def test_a_start_mixed_with_the_content_is_repeated_with_its_picture(run, folder):
    start = ("--init", "s.png", "--init-blend")
    stylize(run, "--steps", "1", *start, "0.5", *SHALLOW)
    assert read_settings(folder / "out.png").config.init_blend == 0.5
    again = ("stylize", "c.png", "s.png", "-o", "again.png", "--config", "out.png")
    assert "name it with --init to repeat it" in run(*again)[2]
    code, _, err = run(*again, *start[:2])
    assert (code, "name it with --init" in err) == (0, False)
    np.testing.assert_array_equal(
        read_picture(folder / "out.png"), read_picture(folder / "again.png")
    )
    code, _, err = stylize(run, *start, "1.5", *SHALLOW)
    assert (code, "init_blend is between 0 and 1; got 1.5" in err) == (2, True)


def test_settings_given_beside_a_config_file_win(run, folder):
    config = StyleConfig.preset("seed", steps=9, content_layers=("relu1_1",), style_layers=())
    (folder / "config.json").write_text(config.to_json())
    stylize(run, "--config", "config.json", "--steps", "1", "--weights", "untrained")
    assert read_settings(folder / "out.png").config == config.replace(steps=1, size=32)


def test_several_styles_a_start_picture_and_every_nth_step(run, folder):
    code, _, _ = run(
        *("stylize", "c.png", "s.png", "c.png", "-o", "out.tif", "--init", "s.png"),
        *("--size", "none", "--steps", "4", "--save-every", "2", *SHALLOW),
    )
    assert code == 0
    assert sorted(path.name for path in folder.glob("out*")) == [
        "out-00002.tif",
        "out-00004.tif",
        "out.tif",
    ]
    assert read_picture(folder / "out.tif").shape == (30, 40, 3)


def test_preset_and_weights_are_named_before_the_run(run, folder):
    _, out, _ = stylize(run, "--dry-run", "--weights", "untrained")
    assert "preset default, weights untrained" in out
    _, _, err = stylize(run, "--steps", "1", *SHALLOW)
    said = err.splitlines()
    preparing = said.index("napari-nst: preparing")
    assert any("weights untrained" in line for line in said[:preparing])
    assert any(": step 1/1" in line for line in said[preparing:])


def test_the_help_speaks_of_none_as_it_is_typed(run):
    code, out, _ = run("stylize", "--help")
    assert code == 0
    assert "original” keeps the size" in " ".join(out.replace("│", " ").split())
    assert "None" not in out


def test_16_bits_and_alpha_go_through(run, folder):
    content = np.random.default_rng(0).integers(0, 65535, (24, 24, 4)).astype(np.uint16)
    write_picture(folder / "c.png", content)
    stylize(run, "--steps", "1", *SHALLOW)
    result = read_picture(folder / "out.png")
    assert (result.dtype, result.shape) == (np.uint16, (32, 32, 4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("stylize", "Missing argument"),
        ("stylize c.png s.png", "Missing option"),
        ("stylize c.png s.png -o out.png --bogus", "No such option"),
        ("stylize none.png s.png -o out.png", "none.png does not exist"),
        ("stylize c.png none.png -o out.png", "none.png does not exist"),
        ("stylize c.png s.png -o out.gif", "end it in one of .png"),
        ("stylize c.png s.png -o no/out.png", "there is no folder"),
        ("stylize c.png s.png -o out.webp --size 20000", "at most 16383 px"),
        ("stylize c.png bad.jpg -o out.png", "bad.jpg cannot be read as a picture"),
        ("stylize c.png s.png -o out.png --preset van-gogh", "there is no preset 'van-gogh'"),
        ("stylize c.png s.png -o out.png --size 0", "size is between 16 and 65536; got 0"),
        ("stylize c.png s.png -o out.png --steps many", "steps is an integer; got 'many'"),
        ("stylize c.png s.png -o out.png --set pooling=min", "pooling is one of max, average"),
        ("stylize c.png s.png -o out.png --set poling=max", "did you mean 'pooling'?"),
        ("stylize c.png s.png -o out.png --set pooling", "FIELD=VALUE"),
        ("stylize c.png s.png -o out.png --set style_layers=relu9_1", "'relu9_1' is not a layer"),
        ("stylize c.png s.png -o out.png --save-every 0", "--save-every"),
        ("stylize c.png s.png -o out.png --config c.png", "holds no settings"),
        ("stylize c.png s.png -o out.png --config x --preset seed", "leave out --preset"),
        ("stylize c.png s.png -o out.png --init none.png", "none.png does not exist"),
        ("stylize c.png s.png -o s.png", "s.png is an input"),
        ("stylize c.png s.png -o ./c.png", "c.png is an input"),
        ("stylize c.png s.png -o i.png --init i.png", "i.png is an input"),
        ("stylize c.png s.png -o i.png --config i.png", "i.png is an input"),
        ("stylize c.png i-00004.png -o i.png --save-every 2", "--save-every would replace it"),
        ("stylize c.png s.png -o " + "n" * 252 + ".png", "name is too long (256 bytes"),
        ("stylize c.png s.png -o " + "n" * 248 + ".png --save-every 2", "name is too long"),
        ("demo --save c.png", "c.png cannot be written"),
        ("presets export seed " + "n" * 252 + ".json", "cannot be written"),
        ("stylize c.png s.png -o out.png --weights none.pth", "neither a file nor one of"),
        ("stylize c.png s.png -o out.png --weights bad.jpg", "bad.jpg"),
        ("stylize c.png s.png -o out.png --weights-input rgb", "caffe or torchvision"),
        (
            "stylize c.png s.png -o out.png --weights untrained --device abacus",
            "'abacus' is no device",
        ),
        ("weights path", "no ImageNet weights on this disk"),
        ("gui none.png", "none.png does not exist"),
        ("paint", "No such command"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(run, folder, arguments, message):
    (folder / "bad.jpg").write_bytes(b"no picture")
    write_picture(folder / "i-00004.png", read_picture("c.png"))
    write_picture(folder / "i.png", read_picture("c.png"), record=RECORD)
    (folder / "out.png").write_bytes(b"precious")
    code, out, err = run(*arguments.split())
    assert code == 2
    assert message in err
    assert err.startswith("napari-nst: ")
    assert len(err.splitlines()) == 1
    assert "Traceback" not in out + err
    assert (folder / "out.png").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("error", "code"), [(DeviceMemoryError, 1), (DownloadError, 1), (DownloadCancelled, 130)]
)
def test_failures_that_are_no_bad_input_have_codes_of_their_own(run, monkeypatch, error, code):
    def fail(**_):
        raise error("what\nhappened")

    monkeypatch.setattr("napari_nst.weights.download", fail)
    assert run("weights", "download") == (code, "", "napari-nst: what happened\n")


def test_no_arguments_show_the_help(run):
    code, out, err = run()
    assert code in (0, 2)
    assert "stylize" in out + err


@pytest.fixture
def losses(monkeypatch):
    """Let the runs of a test find these losses: losses(1.0, math.nan)."""
    from napari_nst.core import picture_evaluator as module

    genuine = module.loss_and_gradient

    def put(*values):
        coming = iter(values)

        def evaluate(picture, *rest):
            found = genuine(picture, *rest)  # the estimate evaluates too, without data
            return found if picture.is_meta else replace(found, loss=next(coming, 1.0))

        monkeypatch.setattr(module, "loss_and_gradient", evaluate)

    return put


def test_a_diverged_run_leaves_the_last_good_picture_and_exit_code_1(run, folder, losses):
    losses(1.0, 1.0, math.nan)
    code, out, err = stylize(run, "--steps", "30", *SHALLOW)
    assert "diverged" in out
    assert "not finite" in err
    assert code == 1
    assert read_picture(folder / "out.png").shape == (24, 32, 3)


def test_a_run_that_diverges_at_its_first_step_leaves_an_existing_file_alone(run, folder, losses):
    (folder / "out.png").write_bytes(b"precious")
    losses(math.nan)
    code, out, err = stylize(run, "--steps", "30", *SHALLOW)
    assert (code, out) == (1, "")
    assert "not finite at once; out.png is untouched. Lower learning_rate" in err
    assert (folder / "out.png").read_bytes() == b"precious"


def test_a_stop_before_the_first_step_touches_nothing(run, folder, monkeypatch):
    (folder / "out.png").write_bytes(b"precious")
    monkeypatch.setattr("napari_nst.core.control.RunControl.stopped", property(lambda _: True))
    monkeypatch.setattr("napari_nst.core.control.RunControl.wait_while_paused", lambda _: True)
    code, _, err = stylize(run, "--steps", "3", *SHALLOW)
    assert (code, "before the first step" in err) == (130, True)
    assert (folder / "out.png").read_bytes() == b"precious"


def test_other_weights_than_the_records_are_told(run, folder):
    stylize(run, "--steps", "1", *SHALLOW)
    record = read_settings(folder / "out.png").record
    other = record.replace(hashes=record.hashes | {"weights": "0"}, weights="mine")
    (folder / "record.json").write_text(other.to_json())
    _, _, err = stylize(run, "--config", "record.json", "--weights", "untrained")
    assert "made with other weights (mine)" in err


def test_steering_in_a_record_is_repeated(run, folder):
    stylize(run, "--steps", "3", *SHALLOW)
    values = json.loads(read_settings(folder / "out.png").record.to_json())
    values["events"] = [{"step": 1, "field": "style_strength", "value": 7.0}]
    (folder / "record.json").write_text(json.dumps(values))
    stylize(run, "--config", "record.json")
    assert read_settings(folder / "out.png").record.events == RunRecord.from_dict(values).events


def test_weights_status_names_every_place(run):
    code, out, _ = run("weights", "status")
    assert code == 0
    assert "absent" in out
    assert "torch hub" in out


def test_weights_download_shows_progress_and_prints_the_file(run, monkeypatch):
    def fetch(*, progress, cancelled, waiting):
        waiting()
        waiting()
        progress(5, 10)
        assert not cancelled()
        return "weights.safetensors"

    monkeypatch.setattr("napari_nst.weights.download", fetch)
    code, out, err = run("weights", "download")
    assert (code, out) == (0, "weights.safetensors\n")
    assert err.count("another download is running") == 1


def test_info_names_versions_device_threads_precision_and_weights(run):
    code, out, _ = run("info")
    assert code == 0
    for word in ("napari-nst 0", "torch ", "device: ", "threads: ", "precision: "):
        assert word in out
    assert "weights: builtin" in out


def test_where_no_bar_can_be_drawn_lines_tell_of_the_progress(run, monkeypatch):
    _, _, err = stylize(run, "--steps", "3", *SHALLOW)
    lines = [line for line in err.splitlines() if ": step " in line]
    assert [line.split(",")[0] for line in lines] == ["napari-nst: step 1/3"], "one in 10 s"
    monkeypatch.setattr(cli_run, "LOG_INTERVAL_S", 0)
    _, _, err = stylize(run, "--steps", "3", *SHALLOW)
    assert "step 3/3, loss" in err


def test_gui_without_a_screen_says_so(run, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    code, _, err = run("gui")
    assert code == 2
    assert "there is no screen here" in err


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("size", "none", None),
        ("size", "original", None),
        ("steps", "Preset", None),
        ("style_layer_weights", "equal", ()),
        ("size", "300", 300),
        ("style_strength", "2", 2.0),
        ("style_layers", "relu1_1, conv2_1", ("relu1_1", "conv2_1")),
        ("style_layer_weights", "1,0.5", (1.0, 0.5)),
        ("style_layer_weights", "", ()),
        ("scale_steps", "500,100", (500, 100)),
        ("pooling", "average", "average"),
    ],
)
def test_settings_are_read_by_their_annotation(name, text, value):
    parsed = parse_setting(name, text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_the_presets_name_is_no_setting():
    with pytest.raises(ConfigError, match="no setting 'name'"):
        parse_setting("name", "seed")


def test_a_damaged_colour_profile_is_said_on_stderr(run, folder):
    with Image.open(folder / "c.png") as picture:
        picture.save(folder / "c.png", icc_profile=b"none")
    code, _, err = stylize(run, "--dry-run", *SHALLOW)
    assert code == 0
    assert "c.png: the colour profile was ignored" in " ".join(err.split())


def test_a_camera_raw_is_bad_input(run, folder):
    (folder / "c.png").write_bytes(b"FUJIFILMCCD-RAW 0201")
    code, _, err = stylize(run)
    assert code == 2
    assert "c.png cannot be read as a picture: it is a camera raw; develop it first" in err


def test_what_is_given_by_hand_goes_before_what_the_record_steered(run, folder, monkeypatch):
    monkeypatch.setenv("NAPARI_NST_PRESETS", str(folder / "presets"))
    stylize(run, "--steps", "2", *SHALLOW)
    picture = read_picture(folder / "out.png")
    record = read_settings(folder / "out.png").record.with_colors("content")
    write_picture(folder / "kept.png", picture, record=record)
    repeat = ("--config", "kept.png", "--weights", "untrained")
    for given, colors in (((), "content"), (("--colors", "none"), "none")):
        code, _, err = run("stylize", "c.png", "s.png", "-o", "again.png", *repeat, *given)
        assert code == 0, err
        assert read_settings(folder / "again.png").record.ending.colors == colors
    assert run("presets", "save", "mine", "--config", "kept.png")[0] == 0
    assert find_preset("mine").colors == "content"
    assert run("presets", "save", "other", "--config", "kept.png", "--colors", "none")[0] == 0
    assert find_preset("other").colors == "none"


def test_colours_and_their_strength_are_options(run, folder):
    colours = ("--colors", "luminance", "--color-strength", "0.5")
    code, _, err = stylize(run, "--steps", "1", *colours, *SHALLOW)
    assert code == 0, err
    config = read_settings(folder / "out.png").config
    assert (config.colors, config.color_strength) == ("luminance", 0.5)
    code, _, err = stylize(run, "--color-strength", "2", *SHALLOW)
    assert code == 2
    assert "color_strength is between 0 and 1" in err


def test_settings_without_a_presets_name_are_the_default_ones(run, folder):
    (folder / "short.json").write_text("\ufeff{}")
    plain = run("stylize", "c.png", "s.png", "--dry-run", *SHALLOW)
    short = run("stylize", "c.png", "s.png", "--config", "short.json", "--dry-run", *SHALLOW)
    assert short == plain
    assert StyleConfig.from_dict({"size": 64}) == StyleConfig.preset("default", size=64)


def test_no_text_commands_the_terminal(capsys):
    say("a\x1b[31mb\0c\u202ed\r\n\te é 音　楽", on_stdout=True)
    assert capsys.readouterr().out == "a\\x1b[31mb\\x00c\\u202ed\\r\n\te é 音　楽\n"
