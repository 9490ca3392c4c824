"""Handwritten digits painted in a colour that hints at the class, anywhere on a grey ground.

The images are made in `images.py`.
"""

from symdata.descriptor import DataSet

# Sizes are divisible by ten, so that the classes are balanced.
_SIZES = {"10k": {"train": 10_000, "test": 2_000}, "tiny": {"train": 300, "test": 100}}

DATA = DataSet(
    name="painted_digits",
    version=2,
    description="A handwritten digit in a colour of its class or near it, anywhere on grey: which?",
    package="symdata.painted_digits",
    arrays="symdata.painted_digits.images",
    columns="symdata.labelled_images",
    configs={
        # cells: least and largest side of a digit's cell, pixels; spread: of hues, of which 1536
        # make the circle; contrast: the least of ink and ground; noise: bound of its numbers.
        config: {
            "size": 32,
            "cells": [16, 20],
            "spread": 206,
            "contrast": 40,
            "noise": 100,
            "sizes": sizes,
        }
        for config, sizes in _SIZES.items()
    },
    channels=3,
    classes=tuple(str(digit) for digit in range(10)),
    chance=0.1,
    # A digit in the mirror is another sign, or none.
    mirrored=False,
)
