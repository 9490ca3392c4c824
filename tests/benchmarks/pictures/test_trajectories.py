"""Clusters on their ground and latents: the right examples in the right places and colours."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from benchmarks.pictures.style import COLOURS, UNKNOWN
from benchmarks.pictures.trajectories import MOST_CLUSTERS, clusters, latents


@pytest.fixture
def walks():
    """(40, 6, 2): the first half goes right, the other left, from (10, 10)."""
    steps = np.where(np.arange(40) < 20, 1.0, -1.0)[:, None] * np.arange(6)
    return 10 + np.stack([steps, 0 * steps], -1)


def titled(figure):
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]


def paths(axes):
    return [one for one in axes.collections if isinstance(one, LineCollection)]


def test_a_panel_a_cluster_with_its_share_and_its_classes(walks):
    found = np.repeat([3, 7], [10, 30])
    labels = np.repeat([0, 1], 20)
    figure = clusters(walks, found, labels, "plane", ("right_side", "left"))
    assert titled(figure) == ["cluster 3  ·  25 %", "cluster 7  ·  75 %"]
    first, second = (axes for axes in figure.axes if axes.get_title(loc="left"))
    assert {to_hex(one.get_colors()[-1]).upper() for one in paths(first)} == {COLOURS[0]}
    inks = [to_hex(one.get_colors()[-1]).upper() for one in paths(second)]
    assert (inks.count(COLOURS[0]), inks.count(COLOURS[1])) == (10, 20)
    (bar,) = second.child_axes
    assert [patch.get_width() for patch in bar.patches] == pytest.approx([1 / 3, 2 / 3])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["right side", "left"]


def test_of_many_clusters_the_largest_are_drawn_and_the_rest_counted(walks):
    found = np.concatenate([np.arange(10), np.arange(10).repeat(3)])
    found[found >= 8] = [8, 9, 8, 8, 8, 9, 9, 9]
    found[-1] = 0
    figure = clusters(walks, found, np.full(40, -1), "plane")
    assert len(titled(figure)) == MOST_CLUSTERS
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "2 smaller clusters are not shown"
    assert [text.get_text() for text in legend.get_texts()] == ["unknown"]
    panel = next(axes for axes in figure.axes if axes.get_title(loc="left"))
    assert to_hex(paths(panel)[0].get_colors()[-1]).upper() == UNKNOWN


def test_players_stand_where_the_feet_say():
    feet = np.tile(np.array([[5.25, 25.0], [0, 0], [47, 50], [10, 40], [30, 3]]), (3, 1, 1))
    states = ((feet - 25) / [94, 50]).reshape(1, 3, 10)
    figure = clusters(states, np.zeros(1, int), np.zeros(1, int), "court")
    panel = next(axes for axes in figure.axes if axes.get_title(loc="left"))
    ends = [line.get_xydata()[0] for line in panel.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(ends, feet[0], atol=1e-9)


def test_each_court_of_a_row_has_its_own_example():
    feet = np.arange(8)[:, None, None, None] + np.zeros((8, 3, 5, 2))
    states = ((feet - 25) / [94, 50]).reshape(8, 3, 10)
    figure = clusters(states, np.zeros(8, int), np.zeros(8, int), "court")
    rows = [axes for axes in figure.axes if paths(axes)]
    assert [len(paths(axes)) for axes in rows] == [5] * 4
    ends = [axes.lines[-1].get_xydata()[0, 0] for axes in rows]
    assert len(set(np.round(ends, 6))) == 4


def test_mice_run_in_pixels_of_the_frame():
    states = np.zeros((1, 4, 18))
    states[..., :2], states[..., 9:11] = (0.0, 0.0), (-1.0, 1.0)
    figure = clusters(states, np.zeros(1, int), np.zeros(1, int), "cage")
    panel = next(axes for axes in figure.axes if axes.get_title(loc="left"))
    intruder, resident = (line.get_xydata()[0] for line in panel.lines)
    np.testing.assert_allclose(resident, (512, 285))
    np.testing.assert_allclose(intruder, (0, 570))
    assert panel.yaxis_inverted()


def test_a_panel_a_program_and_factor_coloured_by_the_factor():
    factors = np.stack([np.arange(50) % 2, np.arange(50) // 25], 1)
    generator = np.random.Generator(np.random.Philox(0))
    planes = [generator.standard_normal((50, d)) for d in (4, 2, 1)]
    figure = latents(planes, factors, ("x side", "y side"))
    assert len(figure.axes) == 2 * 3
    assert [axes.get_title() for axes in figure.axes[:3]] == [
        "no program",
        "after 1 program",
        "after 2 programs",
    ]
    assert [figure.axes[k].get_ylabel() for k in (0, 3)] == ["x side", "y side"]
    (points,) = figure.axes[4].collections
    at = np.asarray(points.get_offsets())
    inks = [to_hex(ink).upper() for ink in points.get_facecolors()]
    centred = planes[1] - planes[1].mean(0)
    for place, ink in zip(at, inks, strict=True):
        row = np.abs(centred - place).sum(1).argmin()
        assert ink == COLOURS[factors[row, 1]]


def test_labels_in_one_column_are_one_row():
    assert len(latents([np.zeros((9, 3))] * 2, np.arange(9) % 4, ("behaviour",)).axes) == 2


def test_no_picture_needs_pyplot(python):
    script = """
import sys
import numpy as np
from benchmarks.pictures.trajectories import clusters, latents, program, search
import io
for figure in (
    clusters(np.zeros((4, 3, 2)) + np.arange(3)[:, None], np.arange(4) % 2, np.arange(4), "plane"),
    latents([np.zeros((4, 1))], np.arange(4), ("a",)),
    program({}),
    search({}),
):
    figure.savefig(io.BytesIO(), format="png")
assert "matplotlib.pyplot" not in sys.modules
"""
    done = python("-c", script)
    assert done.returncode == 0, done.stderr
