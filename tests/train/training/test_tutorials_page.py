"""The page of the tutorials: stored runs, and new ones among them."""

from tools.tutorials.runs import Run, load_runs, store_runs, with_runs
from tools.tutorials.table import PAGE, RESULTS, table

from denoise_train.recipe import load_recipe, with_values


def test_page_of_the_tutorials_is_what_the_stored_runs_make():
    assert PAGE.read_text() == table(load_runs(RESULTS))


def test_stored_runs_are_replaced_by_those_of_the_same_recipe_and_settings(tmp_path):
    def run(name: str, changes: dict, epochs: int) -> Run:
        return Run(with_values(load_recipe(name), changes), changes, {"epochs": epochs})

    slower = {"optimizer.learning_rate": 0.001}
    store_runs([run("mnist-reduce", {}, 1), run("x2", {}, 2)], tmp_path / "runs.json")
    new = [run("x2", {}, 5), run("mnist-reduce", slower, 3)]
    runs = with_runs(load_runs(tmp_path / "runs.json"), new)
    assert [(each.recipe.name, each.changes, each.report["epochs"]) for each in runs] == [
        ("mnist-reduce", {}, 1),
        ("mnist-reduce", slower, 3),
        ("x2", {}, 5),
    ]
    assert runs[1].recipe.optimizer.learning_rate == 0.001
