"""CIFAR-10, read from the Hugging Face hub or from a copy that a user brings.

The arrays are in `images.py`. No files are needed where the hub is in reach, so that `needs` names
none: `source.missing` says what there is.
"""

from symdata.descriptor import DataSet

DATA = DataSet(
    name="cifar10",
    version=1,
    description="Small photographs of ten kinds of animals and vehicles (CIFAR-10).",
    package="symdata.cifar10",
    arrays="symdata.cifar10.images",
    columns="symdata.labelled_images",
    configs={
        "full": {"size": 32, "sizes": {"train": 50_000, "test": 10_000}},
        "10k": {"size": 32, "sizes": {"train": 10_000, "test": 2_000}},
    },
    unpublished="CIFAR-10 is on the hub already, as uoft-cs/cifar10",
    channels=3,
    classes=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    chance=0.1,
)
