from __future__ import annotations

import numpy as np
import pytest

from baselines.scenes.controls import Real, Shuffled
from benchmarks.protocol import Examples, NoSettings, SymbenchError, WithheldError
from tests.baselines.small_scenes import examples, images, run


def inputs():
    return Examples({"images": images(seed=1), "shuffled": images(seed=2)})


@pytest.mark.parametrize(("control", "seed"), [(Real, 1), (Shuffled, 2)])
def test_samples_are_the_images_of_a_column(control, seed):
    made = control(NoSettings())
    made.fit(examples(), run())
    outputs = made.evaluate(inputs(), run())
    assert list(outputs) == ["samples"]
    assert (outputs["samples"] == images(seed=seed)).all()
    assert control.deterministic


def test_only_the_shuffled_control_reads_what_is_withheld():
    assert Real.reads == ()
    assert Shuffled.reads == ("shuffled",)
    seen = inputs().select(("images",))
    assert (Real(NoSettings()).evaluate(seen, run())["samples"] == images(seed=1)).all()
    with pytest.raises((SymbenchError, WithheldError), match="shuffled"):
        Shuffled(NoSettings()).evaluate(seen, run())


def test_what_are_no_images_is_refused():
    for control, name in ((Real, "images"), (Shuffled, "shuffled")):
        with pytest.raises(SymbenchError, match=f"{name} are float32; they must be uint8"):
            control(NoSettings()).evaluate(
                Examples({name: np.zeros((2, 32, 32, 1), np.float32)}), run()
            )
