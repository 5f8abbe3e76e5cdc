"""Which servers are configured: files and environment by one rule, names but never addresses, no key to be seen."""

import copy
import logging
import pickle
from dataclasses import asdict
from pathlib import Path

import pytest

import lmviz
from lmviz.cli import main
from lmviz.errors import InvalidParameter, NotForThisModel, UnknownModel
from lmviz.remote import RemoteModel, Secret, is_remote
from lmviz.remote.settings import names

KEY = "sk-planted-0123456789"
URL = "http://127.0.0.1:8080/v1"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an empty folder to start the program in."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def write(folder: Path, text: str) -> None:
    path = folder / ".streamlit" / "secrets.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_none_is_configured_by_itself() -> None:
    assert lmviz.remote_models() == {}
    with pytest.raises(UnknownModel, match="None is: set LMVIZ_REMOTE_<NAME>_URL"):
        lmviz.remote_model("lab")


def test_the_environment_configures(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"URL": f"{URL}/", "KEY": KEY, "MODEL": "m", "PROTOCOL": "chat", "TIMEOUT": "2.5", "CANDIDATES": "5"}
    for word, value in settings.items():
        monkeypatch.setenv(f"LMVIZ_REMOTE_MY_LAB_{word}", value)
    monkeypatch.setenv("LMVIZ_REMOTE_LAB_COLOUR", "red")  # no setting of ours
    want = RemoteModel("my_lab", URL, "m", "chat", 2.5, 5)
    assert lmviz.remote_models() == {"my_lab": want}
    for spelt in ("my_lab", "remote:my_lab", "remote:MY-LAB", " remote:my_lab "):
        found = lmviz.remote_model(spelt)
        assert found == want
        assert found.key.reveal() == KEY


def test_the_folder_goes_before_the_home_and_the_environment_before_both(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, f'[remote.a]\nurl = "{URL}"\nkey = "{KEY}"\nmodel = "old"\n[remote.b]\nurl = "{URL}"\n')
    write(Path.cwd(), '[remote.A]\nmodel = "new"\ntimeout = 7\n[other]\nsecret = 1\n')
    monkeypatch.setenv("LMVIZ_REMOTE_A_TIMEOUT", "9")
    assert names() == ("a", "b")
    found = lmviz.remote_model("a")
    assert (found.base_url, found.model, found.timeout, found.key.reveal()) == (URL, "new", 9.0, KEY)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('model = "m"', "has no url"),
        ('url = "ftp://x/v1"', "no web address"),
        ('url = "127.0.0.1:80/v1"', "no web address"),
        ('url = "http://x:99999999/v1"', "no web address"),
        (f'url = "http://user:{KEY}@x/v1"', "holds a password or a query"),
        (f'url = "http://x/v1?key={KEY}"', "holds a password or a query"),
        (f'url = "{URL}"\nprotocol = "grpc"', "it is completions or chat"),
        (f'url = "{URL}"\ntimeout = 0', "above 0 and up to 3600"),
        (f'url = "{URL}"\ntimeout = "soon"', "timeout of server 'lab' is not a number"),
        (f'url = "{URL}"\ncandidates = 0', "from 1 to 1000"),
        (f'url = "{URL}"\nkey = 7', "key of server 'lab' is no text"),
        (f'url = "{URL}"\nkey = "{KEY}ü"', "has signs that no key has"),
        (f'url = "{URL}"\napi_key = "{KEY}"', "has a setting 'api_key'; there are url, key"),
        (f'key = "{KEY}', "is not valid TOML"),
    ],
)
def test_a_wrong_setting_is_named_and_no_key_is_shown(
    settings: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path.cwd(), f"[remote.lab]\n{settings}\n")
    with pytest.raises(InvalidParameter, match=said) as caught:
        lmviz.remote_model("lab")
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert main(["models"]) == 2
    assert KEY not in "".join(capsys.readouterr())


@pytest.mark.parametrize("text", ["remote = 3", '[remote]\nurl = "http://x/v1"'])
def test_servers_are_tables(text: str) -> None:
    write(Path.cwd(), text)
    with pytest.raises(InvalidParameter, match=r"servers are tables such as \[remote.lab\]"):
        names()


def test_a_name_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path.cwd(), f'[remote."a b<b>"]\nurl = "{URL}"\n')
    with pytest.raises(InvalidParameter, match="letters, digits and underscores"):
        lmviz.remote_models()


def test_a_slip_in_the_name_is_put_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMVIZ_REMOTE_LAB_URL", URL)
    with pytest.raises(UnknownModel, match="Did you mean 'remote:lab'"):
        lmviz.remote_model("remote:lap")


def test_an_address_is_never_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMVIZ_REMOTE_LAB_URL", URL)
    for name in (f"remote:{URL}", "remote:", "remote:../lab", "remote:127.0.0.1"):
        assert is_remote(name)
        with pytest.raises(UnknownModel):
            lmviz.remote_model(name)


def test_the_key_is_seen_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    model = RemoteModel("lab", URL, key=Secret(KEY))
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").info("%s %r", model, model.key)
    shown = [repr(model), str(model), repr(asdict(model)), repr(model.origin()), str(vars(model)), caplog.text]
    shown += [repr(pickle.dumps(model)), repr(copy.deepcopy(model)), f"{model.key}", repr([model.key])]
    assert all(KEY not in text for text in shown)
    assert model.key.reveal() == KEY
    again = pickle.loads(pickle.dumps(model))
    assert again == model
    assert not again.key


def test_models_are_listed_without_keys(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LMVIZ_REMOTE_LAB_URL", URL)
    monkeypatch.setenv("LMVIZ_REMOTE_LAB_KEY", KEY)
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1].split()[:2] == ["remote:lab", "completions"]
    assert "127.0.0.1:8080" in shown
    assert KEY not in shown


def test_a_model_on_a_server_is_not_loaded() -> None:
    with pytest.raises(NotForThisModel, match=r"lmviz.remote_model\('lab'\)"):
        lmviz.load("remote:lab")
