"""llama.cpp's server on the embedded decoder, against lmviz on the very same weights.

The server computes in half precision: over eight texts the log-probabilities of ten candidates differed by 0.002 nats
in the middle and by 0.009 at most, and all of 20 greedy tokens were equal.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import lmviz
from lmviz.analyses import ANALYSES
from lmviz.analyses.predictions.generate import Params, continue_from, stream, stream_from
from lmviz.cli import main
from lmviz.errors import Cancelled, EmptyInput, InvalidParameter, LmvizError, NotForThisModel, RemoteRefused
from lmviz.models.loaded import LoadedModel
from lmviz.remote import RemoteModel, Secret
from lmviz.results import ContinuationTree
from tests.llama_server import KEY

TEXTS = ("The capital of France is", "def add(a, b):\n    return", "“Quotes” and — dashes, then")
WITHIN = 0.03  # nats
STARS = "Emoji list: 😀 😃 😄 😁 😆 "
DRAWN = Params("Once upon a time", max_new_tokens=8, temperature=0.9, top_p=0.95, n_branches=4, seed=5)


@pytest.fixture(scope="module")
def local() -> LoadedModel:
    return lmviz.load("smollm2-135m")


@pytest.fixture(scope="module")
def model(llama: str) -> RemoteModel:
    return RemoteModel("lab", llama, timeout=300)


@pytest.fixture(scope="module")
def chat(llama: str) -> RemoteModel:
    return RemoteModel("chat", llama, protocol="chat", timeout=300)


def numbers(tree: ContinuationTree) -> dict[tuple[int, ...], float]:
    """Give the log-probability of every node, by the tokens on the way to it."""
    paths = [tuple(int(tree.token_ids[i]) for i in tree.path(node)) for node in range(len(tree.tokens))]
    return dict(zip(paths, np.log(tree.probability).tolist(), strict=True))


@pytest.mark.parametrize("text", TEXTS)
def test_next_tokens_are_those_of_the_weights(model: RemoteModel, local: LoadedModel, text: str) -> None:
    want = lmviz.run("token-distributions", local, text=text, top_k=1000)
    got = lmviz.run("token-distributions", model, text=text)
    known = dict(zip(want.candidate_ids[-1].tolist(), np.log(want.probabilities[-1]).tolist(), strict=True))
    names = dict(zip(want.candidate_ids[-1].tolist(), want.candidates[-1], strict=True))
    ids, logs = got.candidate_ids[0].tolist(), np.log(got.probabilities[0])
    assert len(ids) == 10
    np.testing.assert_allclose(logs, [known[i] for i in ids], atol=WITHIN)
    assert (np.diff(logs) <= 0).all()
    assert list(got.candidates[0]) == [names[i] for i in ids]
    assert 0 < got.entropy[0] <= want.entropy[-1] + WITHIN
    assert got.note.startswith("The entropy is a lower bound")
    assert all(check.passed for check in ANALYSES["token-distributions"].check(got))


@pytest.mark.parametrize("text", TEXTS)
def test_greedy_text_is_that_of_the_weights(model: RemoteModel, local: LoadedModel, text: str) -> None:
    want, got = (lmviz.run("generate", one, text=text, max_new_tokens=12, n_branches=3) for one in (local, model))
    assert got.text == want.text
    assert got.stop_reason == want.stop_reason == "length"
    theirs, ours = numbers(got), numbers(want)
    shared = theirs.keys() & ours.keys()
    assert len(shared) >= 0.8 * len(ours)  # alternatives that are equally probable may change places
    np.testing.assert_allclose([theirs[path] for path in shared], [ours[path] for path in shared], atol=WITHIN)
    assert (got.entropy[list(got.chosen)] <= want.entropy[list(want.chosen)] + WITHIN).all()
    assert bytes.fromhex("".join(got.raw[node] for node in got.chosen)).decode() == got.text
    assert all(check.passed for check in ANALYSES["generate"].check(got))


def test_a_result_says_where_it_comes_from(model: RemoteModel, llama: str) -> None:
    signed = lmviz.run("token-distributions", model, text=TEXTS[0]).provenance
    want = {"model": "remote:lab", "source": "remote", "server": llama, "protocol": "completions"}
    assert {name: signed[name] for name in want} == want
    assert signed["analysis"] == "token-distributions"
    assert signed["served_model"]
    assert signed["entropy"] == "lower bound"
    assert json.dumps(lmviz.run("generate", model, text="a", max_new_tokens=2).to_dict())


def test_the_same_seed_gives_the_same_text_and_another_one_another(model: RemoteModel) -> None:
    one, again = (lmviz.run("generate", model, **vars(DRAWN)) for _ in range(2))
    others = {lmviz.run("generate", model, **{**vars(DRAWN), "seed": seed}).text for seed in range(4)}
    assert one.text == again.text
    assert len(others) > 1
    assert (one.rank[list(one.chosen)] > 0).any()


def test_probabilities_are_those_before_the_temperature(model: RemoteModel, local: LoadedModel) -> None:
    drawn = lmviz.run("generate", model, **{**vars(DRAWN), "temperature": 2.0, "max_new_tokens": 1})
    best = lmviz.run("token-distributions", local, text=DRAWN.text, top_k=4)
    places = [i for i in range(len(drawn.tokens)) if drawn.token_ids[i] in best.candidate_ids[-1]]
    assert len(places) >= 3
    known = dict(zip(best.candidate_ids[-1].tolist(), best.probabilities[-1].tolist(), strict=True))
    for place in places:
        assert np.log(drawn.probability[place]) == pytest.approx(np.log(known[int(drawn.token_ids[place])]), abs=WITHIN)


def test_it_streams_stops_and_goes_on(model: RemoteModel) -> None:
    params = Params(TEXTS[0], max_new_tokens=8, n_branches=2)
    whole = lmviz.run("generate", model, **vars(params))
    writing = stream(model, params)
    first, second = next(writing), next(writing)
    writing.close()  # type: ignore[attr-defined]
    assert (len(first.chosen), len(second.chosen), second.stop_reason) == (1, 2, "stopped")
    rest = Params(TEXTS[0], max_new_tokens=6, n_branches=2)
    *_, last = stream_from(model, second, node=second.chosen[-1], params=rest)
    assert last.text == whole.text
    assert last.tokens[: len(second.tokens)] == second.tokens
    assert last.provenance["continued"][0]["node"] == second.chosen[-1]


def test_another_branch_is_followed(model: RemoteModel) -> None:
    params = Params(TEXTS[0], max_new_tokens=3, n_branches=3)
    tree = lmviz.run("generate", model, **vars(params))
    other = next(i for i in range(len(tree.tokens)) if tree.depth[i] == 0 and not tree.is_chosen[i])
    grown = continue_from(model, tree, node=other, params=params)
    assert grown.text.startswith(tree.tokens[other])
    assert grown.tokens[: len(tree.tokens)] == tree.tokens
    again = lmviz.run("generate", model, text=TEXTS[0] + tree.tokens[other], max_new_tokens=3)
    assert grown.text == tree.tokens[other] + again.text


def test_whoever_cancels_keeps_what_is_there(model: RemoteModel) -> None:
    def stop(fraction: float, message: str = "") -> None:
        if fraction > 0.3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled) as caught:
        lmviz.run("generate", model, text=TEXTS[0], max_new_tokens=10, on_progress=stop)
    assert isinstance(caught.value.so_far, ContinuationTree)
    assert len(caught.value.so_far.chosen) == 4


def test_characters_of_several_tokens_do_no_harm(model: RemoteModel) -> None:
    tree = lmviz.run("generate", model, text=STARS, max_new_tokens=9, n_branches=3)
    assert "🌟" in tree.text or "😀" in tree.text
    unknown = np.isnan(tree.probability)
    assert unknown.any()
    assert all(ord(max(tree.tokens[i])) > 0x7F for i in np.flatnonzero(unknown))
    assert "Where several tokens make one character" in tree.note
    assert all(check.passed for check in ANALYSES["generate"].check(tree))
    json.dumps(tree.to_dict(), allow_nan=False)
    more = continue_from(model, tree, node=tree.chosen[-1], params=Params(STARS, max_new_tokens=2))
    assert more.text.startswith(tree.text)
    part = next((i for i, name in enumerate(tree.tokens) if "\\x" in name), None)
    if part is not None:
        with pytest.raises(InvalidParameter, match="breaks off inside a character"):
            continue_from(model, tree, node=part, params=Params(STARS, max_new_tokens=2))


def test_half_a_character_next_is_told(model: RemoteModel) -> None:
    with pytest.raises(RemoteRefused, match="a part of a character"):
        lmviz.run("token-distributions", model, text=f"{STARS}🌟")


def test_a_chat_replies(chat: RemoteModel) -> None:
    tree = lmviz.run("generate", chat, text="Say hello.", max_new_tokens=60, n_branches=2)
    assert tree.stop_reason == "end"
    assert "this is the reply" in tree.note
    first = lmviz.run("token-distributions", chat, text="Say hello.", top_k=3)
    assert first.candidates[0][0] == tree.tokens[tree.chosen[0]]
    assert "first tokens of the reply" in first.note
    with pytest.raises(InvalidParameter, match="begins every reply anew"):
        continue_from(chat, tree, node=0, params=Params("Say hello."))


def test_a_chat_is_the_template_of_the_model(chat: RemoteModel, local: LoadedModel) -> None:
    message = [{"role": "user", "content": "Say hello."}]
    written = local.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
    want = lmviz.run("token-distributions", local, text=written, top_k=1000)
    got = lmviz.run("token-distributions", chat, text="Say hello.", top_k=5)
    known = dict(zip(want.candidate_ids[-1].tolist(), np.log(want.probabilities[-1]).tolist(), strict=True))
    wanted = [known[i] for i in got.candidate_ids[0].tolist()]
    np.testing.assert_allclose(np.log(got.probabilities[0]), wanted, atol=WITHIN)


def test_eight_threads_get_the_same(model: RemoteModel) -> None:
    def job(text: str) -> tuple[ContinuationTree, list[int]]:
        tree = lmviz.run("generate", model, text=text, max_new_tokens=4, n_branches=2)
        return tree, lmviz.run("token-distributions", model, text=text, top_k=5).candidate_ids[0].tolist()

    alone = [job(text) for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(job, TEXTS * 3))
    for place, (tree, ids) in enumerate(together):
        want, want_ids = alone[place % len(TEXTS)]
        assert tree.text == want.text
        assert set(ids[:3]) <= set(want_ids)
        chosen = list(tree.chosen)
        np.testing.assert_allclose(
            np.log(tree.probability[chosen]), np.log(want.probability[list(want.chosen)]), atol=WITHIN
        )


def test_the_right_key_opens_and_a_wrong_one_does_not(locked_llama: str) -> None:
    right = RemoteModel("lab", locked_llama, timeout=300, key=Secret(KEY))
    assert lmviz.run("token-distributions", right, text=TEXTS[0], top_k=1).candidates[0] == (" Paris",)
    for key, said in ((Secret("sk-wrong"), "does not take the key of 'lab'"), (Secret(), "asks for a key")):
        for job in ("token-distributions", "generate"):
            with pytest.raises(RemoteRefused, match=said) as caught:
                lmviz.run(job, RemoteModel("lab", locked_llama, "m", timeout=300, key=key), text="a")
            assert "sk-wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("slug", "given", "kind", "said"),
    [
        ("surprisal", {"text": "a b"}, NotForThisModel, "does not repeat the prompt"),
        ("attention-pattern", {"text": "a b"}, NotForThisModel, "runs on a server and only predicts"),
        ("token-distributions", {"text": " "}, EmptyInput, "is empty"),
        ("token-distributions", {"text": "a\ud83d"}, InvalidParameter, "half a character"),
        ("token-distributions", {"text": "a", "top_k": 0}, InvalidParameter, "at least 1 candidate"),
        ("token-distributions", {"text": "a", "text_pair": "b"}, InvalidParameter, "Leave out text_pair"),
        ("token-distributions", {"text": "a", "positions": (0,)}, InvalidParameter, "Leave out positions"),
        ("token-distributions", {"text": "word " * 5000}, RemoteRefused, r"\(400\): “request \(5\d\d\d tokens\)"),
        ("generate", {"text": "a", "n_beams": 2}, InvalidParameter, "servers follow no beams"),
        ("generate", {"text": "a", "max_new_tokens": 0}, InvalidParameter, "it is at least 1"),
        ("generate", {"text": "a", "temperature": -1.0}, InvalidParameter, "or above"),
        ("generate", {"text": "a", "top_p": 2.0}, InvalidParameter, "up to 1"),
        ("generate", {"text": "a", "seed": 2**40}, InvalidParameter, "2\\*\\*31"),
    ],
)
def test_what_cannot_be_is_said(
    model: RemoteModel, slug: str, given: dict[str, object], kind: type[LmvizError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        lmviz.run(slug, model, **given)


def test_a_wrong_path_is_told(llama: str) -> None:
    with pytest.raises(RemoteRefused, match="has no such page or no model “m”"):
        lmviz.run("token-distributions", RemoteModel("lab", f"{llama}/nowhere", "m", timeout=300), text="a")


def test_fewer_candidates_than_asked_for_are_told(llama: str) -> None:
    few = RemoteModel("lab", llama, timeout=300, candidates=4)
    result = lmviz.run("token-distributions", few, text="a", top_k=10)
    assert result.probabilities.shape == (1, 4)
    assert "The server gives 4 candidates, not 10." in result.note


def test_the_command_line_asks_servers(
    llama: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv("LMVIZ_REMOTE_LAB_URL", llama)
    monkeypatch.setenv("LMVIZ_REMOTE_LAB_KEY", KEY)
    monkeypatch.setenv("LMVIZ_REMOTE_LAB_TIMEOUT", "300")
    words = ["--model", "remote:lab", "--text", TEXTS[0]]
    assert main(["run", "token-distributions", *words, "--top-k", "3"]) == 0
    out = capsysbinary.readouterr().out
    assert json.loads(out)["candidates"][0][0] == " Paris"
    assert KEY.encode() not in out
    for ending in ("csv", "svg", "html"):
        assert main(["run", "generate", *words, "--max-new-tokens", "2", "--out", str(tmp_path / f"a.{ending}")]) == 0
        assert KEY not in (tmp_path / f"a.{ending}").read_text()
    assert "entropy lower bound" in (tmp_path / "a.csv").read_text()
    assert main(["run", "attention-pattern", *words]) == 2
    assert capsysbinary.readouterr().err.endswith(b"such as smollm2-135m.\n")
