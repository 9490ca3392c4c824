"""`list settings` and `run --set`, as a user types them."""

import pytest

from benchmarks import session, show
from benchmarks.cli import main
from benchmarks.errors import SymbenchError
from benchmarks.listing import settings
from benchmarks.plan import Filters
from benchmarks.records import Store


def say(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    shown = capsys.readouterr()
    return left.value.code, shown.out, shown.err


def rows(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_every_setting_is_shown_with_its_value_and_where_it_comes_from(planted, capsys):
    code, text, _ = say(capsys, "list", "settings", "side_far", "--task", "plane")
    assert code == 0
    assert rows(text) == [
        "side_far on plane/clusters in quick (planted):",
        "threshold 100.0 entry side_far",
        "scale 2.0 profile quick, family side on plane",
        "budget 2 updates, batches of 32, 20 test examples profile quick",
        f"{planted.__file__}:Side; for reasons see docs/settings.md, planted",
    ]


def test_tasks_on_which_all_is_alike_share_a_section(planted, capsys):
    _, text, _ = say(capsys, "list", "settings", "side", "--suite", "planted")
    lines = rows(text)
    assert "side on plane/clusters in quick (planted):" in lines
    assert "side on basketball/clusters, calms21/clusters in quick (planted):" in lines
    assert "scale 1.0 default" in lines


def test_gnm_in_the_room_is_set_as_its_profile_says(capsys):
    arguments = ("settings", "gnm", "--profile", "quick", "--task", "arrow_room")
    _, text, _ = say(capsys, "list", *arguments)
    assert {
        "gnm on arrow_room/rendered_64 in quick (scenes):",
        "optimiser adam profile quick, family gnm on arrow_room",
        "global_ramp 10000 profile quick, family gnm",
        "steps 4 default",
        "budget 1,400 updates, batches of 8, 600 test examples profile quick",
    } <= set(rows(text))
    text = settings(Filters(("scenes",), ("mnist10",), ("genesis",), None, "paper"))
    assert "components 11 published on mnist10" in rows(text)
    assert "budget 500,000 updates, batches of 32 profile paper" in rows(text)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("settings", "sidd"), "no method 'sidd'; did you mean side"),
        (("settings", "side", "--task", "plain"), "no task 'plain'; did you mean plane"),
        (("settings", "side", "--suite", "plant"), "no suite 'plant'; did you mean planted?"),
        (("settings", "side", "--profile", "quik"), "no profile 'quik'; did you mean quick?"),
        (("settings", "embeds", "--task", "basketball"), "embeds does not run on basketball"),
        (("settings",), "`list settings` needs a method"),
        (("methods", "side"), "`list methods` takes no further names"),
        (("setings",), "no list 'setings'; did you mean settings"),
    ],
)
def test_a_mistake_is_one_line(planted, capsys, arguments, line):
    code, text, error = say(capsys, "list", *arguments)
    assert (code, text) == (2, "")
    assert line in error
    assert error.count("\n") == 1


def test_values_that_are_set_make_rows_and_records_of_their_own(planted, tmp_path, capsys):
    path = f"{planted.__file__}:Side"
    chosen = ("--suite", "planted", "--task", "plane", "--seeds", "1", "--out", str(tmp_path))
    given = ("--set", "threshold=0", "--set", "threshold=50", "--set", "scale=3")
    command = ("run", *chosen, "--method", "side", "--method", path, *given)
    code, text, _ = say(capsys, *command, "--dry-run")
    assert code == 0
    for name in ("side", "Side"):
        for value in ("0.0", "50.0"):
            assert f"to run   {name}[threshold={value},scale=3.0] plane/clusters seed 0" in text
    code, text, _ = say(capsys, *command, "--jobs", "0", "--device", "cpu")
    assert code == 0
    assert "side[threshold=50.0,scale=3.0]" in text
    records = {record.method: record for record in Store(tmp_path).load()[0]}
    assert len(records) == 4
    far = records["side[threshold=50.0,scale=3.0]"]
    assert far.settings == {"threshold": 50.0, "scale": 3.0}
    assert far.scores["largest_cluster"] == 1.0
    assert records["side[threshold=0.0,scale=3.0]"].scores["purity"] == 1.0
    found = show.find(f"planted/quick/plane/clusters/{far.method}/seed0", tmp_path)
    assert show.read(found).key == far.key
    assert "4 done, 0 failed, 0 to run" in say(capsys, *command, "--dry-run")[1]


def test_a_value_that_the_settings_refuse_is_one_line_before_anything_runs(tmp_path):
    filters = Filters(("abstract_rules",), ("rmts",), ("esbn",), settings=("encoder=cnn",))
    with pytest.raises(SymbenchError, match="encoder is 'cnn'; it must be one of: conv"):
        session.run(filters, session.Options(tmp_path))
    assert not list(tmp_path.rglob("*.json"))
