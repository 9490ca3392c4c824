"""The published figures of the suite, as the paper's table has them."""

from leaderboard.figures import published_figures


def test_the_published_table_is_whole():
    figures = published_figures("symbolic_sequences").figures
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
