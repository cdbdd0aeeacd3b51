import cv2
import pytest

from drivesim.cli.preview import preview
from drivesim.errors import InputError
from drivesim.runs.video import probe

SCENARIO = """\
drivesim: 1
id: two-cars
title: Two cars
video: {duration: 4 s}
scene:
  road: {type: rural}
  ego: {speed: 15 m/s}
"""


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "two-cars.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return str(path)


def test_a_folder_gets_one_picture_per_scenario(scenario, tmp_path, capsys):
    preview(scenario, at="1s", seed=0, variation=0, out=tmp_path / "pictures", seconds=None)
    target = tmp_path / "pictures" / "two-cars.png"
    assert capsys.readouterr().out.strip() == str(target)
    assert cv2.imread(str(target)).shape[1] == 1024


def test_a_video_has_the_asked_for_length(scenario, tmp_path):
    preview(scenario, at="1s", seed=0, variation=0, out=tmp_path / "film.mp4", seconds="0.3s")
    info = probe(tmp_path / "film.mp4")
    assert (info.num_frames, info.width) == (3, 1024)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at": "9s"}, "past the end"),
        ({"at": "-1s"}, "--at"),
        ({"at": "soon"}, "--at"),
        ({"seconds": "2s"}, "--seconds"),
        ({"at": "1e308"}, "--at 1e308: expected a time from 0 to a day"),
        ({"out": "film.mp4", "seconds": "1e9"}, "--seconds 1e9: expected a time from 0 to a day"),
        ({"variation": 99}, "--variation 99: .* has 1, counted from 0"),
    ],
)
def test_unusable_options_are_explained(scenario, tmp_path, options, message):
    given = {"at": "0s", "seed": 0, "variation": 0, "out": "preview", "seconds": None, **options}
    given["out"] = tmp_path / given["out"]
    with pytest.raises(InputError, match=message):
        preview(scenario, **given)
