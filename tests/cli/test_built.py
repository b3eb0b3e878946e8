"""The two commands of the README on the real knowledge, as a user runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "hiv-three-class-failure.json"


def call(*arguments: object, stdin: str = "", seed: str = "0") -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("SALVAGE_KG_RELEASE", "COLUMNS")}
    return subprocess.run(
        [sys.executable, "-c", "from kg_builder.cli import main; main()", *map(str, arguments)],
        input=stdin, capture_output=True, text=True, cwd=ROOT, env={**environment, "PYTHONHASHSEED": seed}, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("release")
    done = call("build", "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return out


@pytest.mark.slow
def test_the_example_is_answered_with_reasons_and_sources(release: Path) -> None:
    done = call("options", EXAMPLE, "--release", release, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    statuses = {agent["status"] for agent in answer["agents"]}
    assert {"active", "retained"} <= statuses
    ranks = [agent["rank"] for agent in answer["agents"] if agent["status"] == "active"]
    assert sorted(ranks) == list(range(1, len(ranks) + 1))
    for agent in answer["agents"]:
        assert (agent["rank"] is None) is (agent["status"] != "active")
        if agent["status"] in ("not-active", "excluded"):
            assert any(f["effect"] in ("excludes", "inactivates") for f in agent["findings"]), agent["name"]


@pytest.mark.slow
def test_the_same_case_gives_the_same_bytes(release: Path) -> None:
    first, second = (
        call("options", EXAMPLE, "--release", release, "--format", "jsonl", seed=seed).stdout for seed in ("1", "2")
    )
    assert first
    assert first == second


@pytest.mark.slow
def test_the_page_fits_and_cites(release: Path) -> None:
    done = call("options", EXAMPLE, "--release", release)
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert re.search(r"^Sources\n +\[1\] ", done.stdout, re.MULTILINE)
    assert "https://" not in done.stdout, "every source is cited in words"


@pytest.mark.slow
def test_a_proof_ends_in_sources(release: Path) -> None:
    answer = json.loads(call("options", EXAMPLE, "--release", release, "-f", "json").stdout)
    agent = next(a for a in answer["agents"] if a["status"] == "retained")
    proof = call("explain", EXAMPLE, agent["name"], "--release", release)
    assert proof.returncode == 0, proof.stderr
    assert "source " in proof.stdout
    assert "/failure/failed_regimens/" in proof.stdout


@pytest.mark.slow
def test_scores_of_the_example(release: Path) -> None:
    done = call("susceptibility", EXAMPLE, "--release", release, "--format", "json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert len({drug["code"] for drug in scores["drugs"]}) == len(scores["drugs"]) > 20
    resistant = [drug for drug in scores["drugs"] if drug["level"] == 5]
    assert resistant, "the example has three classes defeated"
    for drug in resistant:
        assert sum(item["score"] for item in drug["matched"]) == drug["score"]


@pytest.mark.slow
def test_every_query_of_the_catalogue_and_every_kind_can_be_shown(release: Path) -> None:
    names = [row["name"] for row in json.loads(call("list", "queries", "-f", "json").stdout)]
    assert names
    done = call("ask", names[0], "--release", release, "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert "Tuberculosis" in call("list", "diseases", "--release", release).stdout


@pytest.mark.slow
def test_a_mistyped_name_is_told_with_its_field_and_the_nearest(release: Path) -> None:
    case = {"id": "a", "disease": "HIV-1 infektion"}
    done = call("options", "-", "--release", release, stdin=json.dumps(case))
    assert (done.returncode, done.stdout) == (1, "")
    assert "<stdin>: /disease: " in done.stderr
    assert "HIV-1 infection" in done.stderr


@pytest.mark.slow
def test_the_readme_quotes_what_commands_print(release: Path) -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from printed_blocks import BLOCK, replace_blocks
    finally:
        sys.path.pop(0)
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(BLOCK.findall(page)) >= 5
    assert replace_blocks(page, release=release) == page, "run `make readme`"
