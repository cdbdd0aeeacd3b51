import pytest

from drivesim.cli.render import render
from drivesim.errors import InputError
from drivesim.runs.video import probe

SCENARIO = """\
drivesim: 1
id: short-drive
video: {duration: 1 s, width: 256, height: 128}
scene:
  road: {type: rural}
  ego: {speed: 15 m/s}
"""
DEFAULTS = {"seconds": None, "appearance_seed": 0, "seed": 0, "variation": 0, "size": None}


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "short-drive.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return str(path)


def test_a_folder_gets_a_video_of_the_scenario_in_its_own_size(scenario, tmp_path, capsys):
    render(scenario, **{**DEFAULTS, "out": tmp_path / "films"})
    target = tmp_path / "films" / "short-drive.mp4"
    assert capsys.readouterr().out.strip() == str(target)
    info = probe(target)
    assert (info.num_frames, info.width, info.height) == (10, 256, 128)


def test_equal_options_give_an_equal_file_and_another_appearance_another(scenario, tmp_path):
    options = {**DEFAULTS, "seconds": "0.3s", "size": "128x64"}
    for name, appearance_seed in (("a", 1), ("b", 1), ("c", 2)):
        render(scenario, **{**options, "appearance_seed": appearance_seed, "out": tmp_path / f"{name}.mp4"})
    first, again, other = ((tmp_path / f"{name}.mp4").read_bytes() for name in "abc")
    assert first == again != other


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": "soon"}, "--seconds"),
        ({"seconds": "0s"}, "above zero"),
        ({"seconds": "1e308"}, "--seconds 1e308: expected a time from 0 to a day"),
        ({"variation": 99}, "--variation 99: .* has 1, counted from 0"),
        ({"size": "1024"}, "WIDTHxHEIGHT"),
        ({"size": "101x64"}, "even numbers"),
    ],
)
def test_unusable_options_are_explained(scenario, tmp_path, options, message):
    given = {**DEFAULTS, "out": "films", **options}
    given["out"] = tmp_path / given["out"]
    with pytest.raises(InputError, match=message):
        render(scenario, **given)
