"""The published figures of the suite, as the paper's table has them."""

from leaderboard.figures import published_figures


def test_the_published_table_is_whole():
    found = published_figures("symbolic_sequences").figures
    figures = [one for one in found if one.source == "paper"]
    methods = {"dino"} | {
        f"{name}_{vocabulary}"
        for name in ("vqvae", "vq", "ss", "gs")
        for vocabulary in (128, 256, 512)
    }
    scores = {None, "knn_top5", "linear_top1", "linear_top5"}
    assert {(one.method, one.score) for one in figures} == {
        (method, score) for method in methods for score in scores
    }
    # With another teacher it would be another column.
    assert {(one.task, one.regime) for one in figures} == {("cifar10", "full_dino_vitb16")}
    value = {(one.method, one.score): one.value for one in figures}
    assert value["dino", None] == 0.9108
    assert value["gs_256", "linear_top1"] == 0.5301
    assert value["ss_256", "knn_top5"] == 0.5024
    for method in methods:
        assert value[method, None] < value[method, "knn_top5"]
        assert value[method, "linear_top1"] < value[method, "linear_top5"]


def test_the_published_table_of_prefixes_is_whole():
    known = published_figures("symbolic_sequences")
    value = {
        (one.method, one.score): one.value for one in known.figures if one.source == "prefixes"
    }
    methods = {"gs_256", "gs_256_entropy", "gs_256_information"}
    scores = {f"prefix{g}_knn_top{n}" for g in (1, 2, 4, 8) for n in (1, 5)}
    assert set(value) == {(method, score) for method in methods for score in scores}
    assert value["gs_256_information", "prefix1_knn_top1"] == 0.285
    assert value["gs_256_entropy", "prefix4_knn_top5"] == 0.897
    assert value["gs_256", "prefix8_knn_top1"] == 0.439
    # Longer prefixes say more.
    for method in methods:
        for n in (1, 5):
            row = [value[method, f"prefix{g}_knn_top{n}"] for g in (1, 2, 4, 8)]
            assert row == sorted(row)
    (combined,) = known.find("cifar10", "full_dino_vitb16", "gs_256_combined")
    assert (combined.value, combined.score) == (0.6, None)
