import pytest


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """No network, no cache of this machine's user, no data root from outside."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    monkeypatch.delenv("EISNN_DATA", raising=False)
    monkeypatch.chdir(tmp_path)

    def refuse(*args, **kwargs):
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
