"""A rendered room: an arrow in front of three objects points at the one that is unlike the others.

The images are made in `scenes.py`, their rule is in `rule.py`.
"""

from symdata.descriptor import DataSet

SHAPES = ("cube", "sphere", "cylinder", "arrow")
MATERIALS = ("rubber", "metal")
COLOURS = ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow")

# The one variant of Mitsuba that works on every machine, so that all users get the same pixels.
RENDERER = "scalar_rgb"

# Size of the images, sizes of the splits, and samples a pixel: a larger pixel shows less noise.
_CONFIGS = {
    "rendered_128": (128, (60_000, 6_000, 6_000), 16),
    "rendered_64": (64, (3_000, 500, 500), 36),
}

DATA = DataSet(
    name="arrow_room",
    version=1,
    description="A rendered room in which an arrow points at the one object of a shape of its own.",
    package="symdata.arrow_room",
    arrays="symdata.arrow_room.scenes",
    columns="symdata.arrow_room.columns",
    configs={
        config: {
            "size": size,
            "sizes": dict(zip(("train", "validation", "test"), counts, strict=True)),
            "renderer": f"mitsuba {RENDERER}",
            "samples_per_pixel": samples,
        }
        for config, (size, counts, samples) in _CONFIGS.items()
    },
    channels=3,
    objects=4,
    rule="symdata.arrow_room.rule:violations",
    agreement="symdata.arrow_room.rule:agreement",
    judge="arrow_room",
    breaks=(
        "wrong_pointing",
        "two_odd_shapes",
        "no_odd_shape",
        "mixed_material",
        "not_closest",
        "arrow_missing",
        "object_missing",
        "object_added",
    ),
    # Fewer than elsewhere, as rendering takes its time.
    break_tests=100,
)
