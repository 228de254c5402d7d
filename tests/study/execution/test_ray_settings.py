"""Environment variables of a session: which ones, and that they are gone after it."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from study.execution import ray_settings


@pytest.mark.parametrize(("cpu", "threads"), [(0.5, "1"), (1.0, "1"), (2.5, "2"), (4.0, "4")])
def test_a_trial_has_as_many_threads_as_cpus(cpu: float, threads: str) -> None:
    settings = ray_settings.for_session(cpu, None)
    assert settings["OMP_NUM_THREADS"] == settings["MKL_NUM_THREADS"] == threads


def test_a_ray_of_our_own_has_a_secret_and_a_cluster_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    token = ray_settings.for_session(1, None)["RAY_AUTH_TOKEN"]
    assert len(token) == 64
    assert ray_settings.for_session(1, None)["RAY_AUTH_TOKEN"] == token  # Ray reads it once
    assert "RAY_AUTH_TOKEN" not in ray_settings.for_session(1, "10.0.0.1:6379")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "the user's")
    assert ray_settings.for_session(1, None)["RAY_AUTH_TOKEN"] == "the user's"


def test_workers_elsewhere_take_over_what_changes_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("OMP_NUM_THREADS", "3"), ("EISNN_KERNELS", "off"), ("MY_SECRET", "x")):
        monkeypatch.setenv(name, value)
    taken = ray_settings.for_workers()
    assert (taken["OMP_NUM_THREADS"], taken["EISNN_KERNELS"]) == ("3", "off")
    assert "MY_SECRET" not in taken


def test_all_variables_are_as_before_after_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those too that Ray sets meanwhile, and also where the block raises."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("RAY_OF_ITS_OWN", raising=False)
    before = dict(os.environ)

    def study() -> None:
        with ray_settings.environment({"OMP_NUM_THREADS": "1"}):
            assert os.environ["OMP_NUM_THREADS"] == "1"
            os.environ["RAY_OF_ITS_OWN"] = "1"
            raise KeyError("x")

    with pytest.raises(KeyError):
        study()
    assert dict(os.environ) == before


def test_a_user_without_a_name_is_given_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ray_settings.missing_identity(tmp_path) == {}

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    name = f"user-{os.getuid()}"
    assert ray_settings.missing_identity(tmp_path) == {"HOME": str(tmp_path), "LOGNAME": name}
