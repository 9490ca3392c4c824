"""Two mice placed by hand, random recordings, and CalMS21's JSON files of them."""

import json

import numpy as np

VOCAB = {"attack": 0, "investigation": 1, "mount": 2, "other": 3}

# x and y of nose, left ear, right ear, neck, left hip, right hip, tail base. A mouse that looks
# along +x from (0, 0): its head is at (7, 0), its body at (-6, 0).
STRETCHED = [(12, 0), (8, 3), (8, -3), (0, 0), (-8, 4), (-8, -4), (-8, 0)]


def mouse(at=(0, 0), turns=0, points=STRETCHED):
    """points: 7 of (x, y), turned by quarter turns and moved. → (2, 7)."""
    x, y = np.array(points, dtype=float).T
    for _ in range(turns):
        x, y = -y, x
    return np.stack([x + at[0], y + at[1]])


def frames(*pairs):
    """Frames of a resident and an intruder, each (2, 7). → (F, 2, 2, 7) float32."""
    return np.array(pairs, dtype=np.float32)


def recording(count, seed=0):
    """Two mice that walk about and change their poses at random: (F, 2, 2, 7) float32, pixels."""
    draws = np.random.default_rng(seed)
    centre = 300 + draws.normal(0, 3, (count, 2, 2, 1)).cumsum(axis=0)
    pose = 20 * draws.normal(0, 1, (1, 2, 2, 7)) + draws.normal(0, 3, (count, 2, 2, 7))
    return (centre + pose).astype(np.float32)


def sequence(keypoints, labels=None, vocab=VOCAB):
    """The fields of one sequence; random labels where none are given."""
    if labels is None:
        labels = np.random.default_rng(1).integers(0, len(vocab), len(keypoints))
    return {
        "keypoints": np.asarray(keypoints).tolist(),
        "scores": np.ones((len(keypoints), 2, 7)).tolist(),
        "annotations": np.asarray(labels).tolist(),
        "metadata": {"fps": 30, "vocab": vocab},
    }


def unlabeled(keypoints):
    """The fields of one sequence of the unlabelled videos."""
    fields = sequence(keypoints)
    return {name: fields[name] for name in ("keypoints", "scores")}


def write(path, **sequences):
    """One file with these sequences under one annotator."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"annotator-id_0": sequences}))
    return path
