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
    prefixes = {f"prefix{length}_knn_top{n}" for length in (1, 2, 4, 8) for n in (1, 5)}
    explored = {"gs_256", "gs_256_entropy", "gs_256_information"}
    assert {(one.method, one.score) for one in figures} == {
        *((method, score) for method in methods for score in scores),
        *((method, score) for method in explored for score in prefixes),
    }
    assert len(figures) == len(methods) * len(scores) + len(explored) * len(prefixes)
    # With another teacher it would be another column.
    assert {(one.task, one.regime) for one in figures} == {("cifar10", "full_dino_vitb16")}
    value = {(one.method, one.score): one.value for one in figures}
    assert value["dino", None] == 0.9108
    assert value["gs_256", "linear_top1"] == 0.5301
    assert value["ss_256", "knn_top5"] == 0.5024
    assert value["gs_256_entropy", "prefix4_knn_top5"] == 0.897
    assert value["gs_256", "prefix8_knn_top1"] == 0.439
    for method in methods:
        assert value[method, None] < value[method, "knn_top5"]
        assert value[method, "linear_top1"] < value[method, "linear_top5"]
