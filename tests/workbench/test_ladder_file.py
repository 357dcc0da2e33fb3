"""A ladder file says what it means, and what it cannot mean is refused by table and key."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from isoflop.errors import BadInput, FormulaError, SpecError
from isoflop.train.spec import TextSource, TrunkSpec
from isoflop.workbench import Ladder, read_ladder
from isoflop.workbench.ladder_design import nearest_width
from isoflop.workbench.ladder_recipe import EmbeddedRecipe
from isoflop.workbench.study import open_study

EXAMPLE = Path(__file__).parents[2] / "examples" / "ladder.toml"
RECIPE = '[recipe]\nname = "r"\nvocab = 50\nbatch = 2\ncontext = 8\nwarmup_tokens = 0\n'
RUNGS = '[[rungs]]\nwidth = 32\ntokens = ["0.01M", 20_000]\n'
EXTERNAL = '[recipe]\ncommand = "python train.py --width {width} --out {dir}"\nbatch_tokens = 100\n'


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str) -> Ladder:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return read_ladder(path)

    return read


def specs(ladder: Ladder) -> list[TrunkSpec]:
    return [TrunkSpec.from_json(trunk.spec) for trunk in ladder.trunks]


def sizes(ladder: Ladder) -> list[tuple[int, tuple[int, ...], int]]:
    return [(spec.width, spec.branch_tokens, spec.seed) for spec in specs(ladder)]


def test_the_example_is_four_widths_by_three_tokens_and_one_repeat(tmp_path):
    path = tmp_path / "ladder.toml"
    path.write_text(EXAMPLE.read_text().replace("[recipe]\n", "[recipe]\nvocab = 112\n"))
    ladder = read_ladder(path)
    assert (ladder.name, ladder.runs, ladder.folder) == ("speeches", 15, tmp_path / "ladder")
    assert sorted((spec.width, spec.seed) for spec in specs(ladder)) == [(32, 0), (32, 1), (64, 0), (96, 0), (128, 0)]
    assert {len(spec.branch_tokens) for spec in specs(ladder)} == {3}


def test_quantities_may_be_text_and_are_rounded_to_whole_steps(read):
    assert sizes(read(RECIPE + RUNGS)) == [(32, (10_000, 20_000), 0)]
    assert sizes(read(RECIPE + '[[rungs]]\nwidth = 32\ntokens = "10_007 tokens"\n')) == [(32, (10_000,), 0)]


def test_a_run_written_by_hand_and_one_by_the_spec_have_one_identity(read):
    text = TextSource()
    spec = TrunkSpec(
        width=32, vocab=50, batch=2, context=8, warmup_tokens=0, branch_tokens=(10_000,), recipe="r", text=text
    )
    ladder = read(RECIPE + "[[rungs]]\nwidth = 32\ntokens = 10_000\n")
    assert list(ladder.trunks[0].branches) == [spec.run_id(0)]


def test_rungs_that_differ_only_in_their_tokens_share_a_trunk(read):
    more = "[[rungs]]\nwidth = 32\ntokens = [40_000, 20_000]\n[[rungs]]\nwidth = 32\nlr = 0.01\ntokens = 10_000\n"
    assert sizes(read(RECIPE + RUNGS + more)) == [(32, (10_000, 20_000, 40_000), 0), (32, (10_000,), 0)]


def test_a_grid_goes_together_with_rungs_by_hand_and_the_largest_come_first(read):
    grid = "[design]\nwidths = [32, 64]\ntokens_per_param = [1, 2]\nseeds = [3]\n"
    ladder = read(RECIPE + grid + "[[rungs]]\nwidth = 96\ntokens_per_param = 1\n")
    assert [(spec.width, spec.seed) for spec in specs(ladder)] == [(96, 0), (64, 3), (32, 3)]
    for spec in specs(ladder)[1:]:
        assert [round(D / spec.params, 2) for D in spec.branch_tokens] == [1.0, 2.0]


def test_an_isoflop_design_gives_every_width_the_same_compute(read):
    ladder = read(RECIPE + '[design]\nwidths = [32, 64, 96]\nflops = ["1e11", "4e11 FLOP"]\nwithin = [0.1, 100]\n')
    for spec in specs(ladder):
        assert [6.0 * spec.params * D for D in spec.branch_tokens] == pytest.approx([1e11, 4e11], rel=0.02)


def test_tokens_outside_the_bounds_are_left_out_and_said(read):
    ladder = read(RECIPE + '[design]\nwidths = [32, 256]\nflops = "1e11"\nwithin = [1, 100]\n')
    assert [spec.width for spec in specs(ladder)] == [32]
    assert "Widths 256 have no D" in ladder.notes[0]


def test_a_designed_ladder_keeps_the_planners_compute_at_the_nearest_widths(read):
    ladder = read(RECIPE + '[design]\ntarget_flops = "1e15"\nshare = 0.05\nmost = 6\n')
    total = sum(6.0 * trunk.params * D for trunk in ladder.trunks for D in trunk.branches.values())
    assert total <= 0.0501 * 1e15
    assert 3 <= ladder.runs <= 6


@pytest.mark.parametrize("params", [2e3, 3.17e4, 1e5, 7.7e6])
def test_the_nearest_width_is_the_best_of_all(params, tmp_path):
    recipe = EmbeddedRecipe(TrunkSpec(), None, tmp_path)

    def distance(width: int) -> float:
        return abs(math.log(TrunkSpec(width=width).params / params))

    assert nearest_width(recipe, params, "x") == min(range(32, 1024, 32), key=distance)


def test_the_vocabulary_is_the_texts_where_the_recipe_is_silent(read, tmp_path):
    text = '[recipe]\nbatch = 2\ncontext = 8\n[recipe.text]\nkind = "markov"\nstates = 17\nlength = "20k"\n'
    assert specs(read(text + RUNGS))[0].vocab == 17
    study = open_study(tmp_path / "mine")
    source = {f"text.{k}": v for k, v in json.loads(specs(read(text + RUNGS))[0].to_json())["text"].items()}
    study.freeze_plan({"recipe": {"vocab": 18, **source}})  # as a text read at the start would have said
    assert specs(read(text + RUNGS))[0].vocab == 18


def test_a_path_is_taken_from_the_folder_of_the_file(read, tmp_path):
    (tmp_path / "text.txt").write_text("words\n")
    ladder = read(RECIPE + '[recipe.text]\nkind = "file"\npath = "text.txt"\n' + RUNGS)
    assert specs(ladder)[0].text.path == str(tmp_path / "text.txt")


def test_places_resources_and_price_are_read(read):
    ladder = read(
        '[ladder]\nattempts = 3\nstore = "runs.sqlite"\n' + RECIPE + RUNGS
        + '[executor.slurm]\npartition = "gpu"\n[resources]\ngpus = 2\nmemory = "8 GB"\ntime = "2h"\n'
        + '[price]\nusd_per_device_hour = "$2.5"\n'
    )  # fmt: skip
    assert (ladder.attempts, ladder.store) == (3, str(ladder.folder.parent / "runs.sqlite"))
    assert ladder.executors == {"slurm": {"partition": "gpu"}}
    assert (ladder.resources.gpus, ladder.resources.memory_mb, ladder.resources.seconds) == (2, 7629, 7200.0)
    assert ladder.price is not None
    assert (ladder.price.usd_per_device_hour, ladder.devices) == (2.5, 2)


def test_an_accelerator_is_priced_by_its_rents(read):
    price = read(RECIPE + RUNGS + '[price]\naccelerator = "H100"\n').price
    assert price is not None
    assert 0.5 < price.usd_per_device_hour < 10
    assert "H100" in price.source


class TestAnotherTrainer:
    def test_every_run_is_a_process_of_its_own_with_its_fields(self, read):
        rungs = '[[rungs]]\nwidth = 32\ndepth = 2\ntokens = ["1k", "2k"]\nseeds = [0, 1]\nparams = "12*depth*width^2"\n'
        ladder = read(EXTERNAL + 'log = "jsonl"\n' + rungs)
        assert len(ladder.trunks) == ladder.runs == 4
        assert {trunk.params for trunk in ladder.trunks} == {12.0 * 2 * 32**2}
        assert sorted(trunk.name for trunk in ladder.trunks)[1] == "width 32, depth 2, tokens 1k, seed 1"
        assert json.loads(ladder.trunks[0].spec)["values"] == {"batch_tokens": 100, "width": 32, "depth": 2}

    @pytest.mark.parametrize(
        ("rung", "told"),
        [
            ('tokens = 1000\nwidth = 32', "has no params"),
            ('tokens = 1000\nparams = 100', r"\[\[rungs\]\] number 1.*field \{width\}"),
            ('tokens = 1000\nwidth = 32\nparams = "12*dept"', "uses 'dept'"),
            ('tokens = 1000\nwidth = 32\nparams = "1/(width-32)"', "no value here"),
        ],
    )  # fmt: skip
    def test_what_the_template_or_the_formula_lacks_is_named(self, read, rung, told):
        with pytest.raises(BadInput, match=told):
            read(EXTERNAL + "[[rungs]]\n" + rung + "\n")

    def test_a_formula_is_never_evaluated_as_code(self, read):
        with pytest.raises(FormulaError):
            read(EXTERNAL + '[[rungs]]\ntokens = 1000\nwidth = 32\nparams = "__import__(1)"\n')


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[laddr]\n", r"Unknown key 'laddr' in mine\.toml\..* Did you mean 'ladder'\?"),
        ('[ladder]\nstor = "x"\n' + RECIPE + RUNGS, r"'stor' in \[ladder\] of mine\.toml.* Did you mean 'store'"),
        ("[recipe]\nwarmup_token = 1\n" + RUNGS, r"'warmup_token' in \[recipe\].* Did you mean 'warmup_tokens'"),
        ('[recipe.text]\nkin = "sotu"\n' + RUNGS, r"'kin' in \[recipe\.text\].* Did you mean 'kind'"),
        ("[recipe]\nwidth = 64\n" + RUNGS, r"\[recipe\].*width is a rung's"),
        (RECIPE + RUNGS + "wdth = 3\n", r"'wdth' in \[\[rungs\]\] number 1.* Did you mean 'width'"),
        (RECIPE + RUNGS + "seed = 3\n", r"'seed' in \[\[rungs\]\] number 1.* Did you mean 'seeds'"),
        (RECIPE + RUNGS + "[resources]\ngpu = 1\n", r"'gpu' in \[resources\].* Did you mean 'gpus'"),
        (RECIPE + RUNGS + "[executor.slrum]\n", r"'slrum' in \[executor\].* Did you mean 'slurm'"),
        (RECIPE + "[design]\nwidth = [3]\n", r"\[design\].*a design has widths"),
        (RECIPE + "[design]\nwidths = [32]\ntokens = 1e4\nflops = 1e9\n", "tokens and flops given"),
        (RECIPE + '[design]\ntarget_flops = "1e15"\nwidths = [32]\n', "'widths' does not go with"),
        (RECIPE, "has no rungs"),
        (RECIPE + "[rungs]\nwidth = 32\n", r"two brackets"),
        (RECIPE + "[[rungs]]\nwidth = 32\n", "give tokens"),
        (RECIPE + "[[rungs]]\nwidth = 32\ntokens = []\n", "empty list"),
        (RECIPE + "[[rungs]]\nwidth = 32\ntokens = [-5]\n", r"tokens in \[\[rungs\]\] number 1.*-5"),
        (RECIPE + '[[rungs]]\nwidth = 32\ntokens = "many"\n', "Cannot read tokens in"),
        (RECIPE + '[[rungs]]\nwidth = "wide"\ntokens = 1e4\n', "Cannot read width in"),
        (RECIPE + "[[rungs]]\nwidth = 33\ntokens = 1e4\n", r"\[\[rungs\]\] number 1.*width 33 with head_dim 32"),
        (RECIPE + "[[rungs]]\nwidth = 32\ntokens = 8\n", r"\[\[rungs\]\] number 1.*at least 2 steps"),
        (RECIPE + "[[rungs]]\nwidth = 32\ntokens = 1e4\nseeds = [1, 1]\n", "a value twice"),
        (RECIPE + "[[rungs]]\nwidth = 32\ntokens = 1e4\nparams = 5\n", "only for another trainer"),
        ("[recipe]\nlr = -1\nvocab = 5\n" + RUNGS, r"\[recipe\].*lr -1"),
        ("[recipe]\nlr = true\nvocab = 5\n" + RUNGS, "lr in .*True"),
        (RECIPE + RUNGS + "[price]\nusd_per_device_hour = 1\naccelerator = 'H100'\n", "one of the two"),
        (RECIPE + RUNGS + "[resources]\ntime = '2 fortnights'\n", r"time in \[resources\]"),
        ("[ladder\n", "is not TOML"),
    ],
)
def test_what_a_file_cannot_mean_is_refused_by_table_and_key(read, text, told):
    with pytest.raises(SpecError, match=told):
        read(text)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="Cannot read the ladder"):
        read_ladder(tmp_path / "none.toml")
