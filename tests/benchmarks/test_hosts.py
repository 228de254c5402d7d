"""Hosts of `benchmarks.cluster_events`: what needs no namespaces."""

from __future__ import annotations

from benchmarks import hosts
from study.execution.ray_settings import SETTINGS


def test_documented_settings_are_those_of_our_own_ray() -> None:
    found = hosts.settings()
    assert found.pop("RAY_AUTH_MODE") == "token"
    assert len(found) == 5
    assert found == {name: SETTINGS[name] for name in found}


def test_addresses_of_two_networks_differ() -> None:
    assert hosts.address(1, 2) == "10.78.1.12"
    assert hosts.address(2, 2) == "10.78.2.12"
    assert hosts.bridge(1) != hosts.bridge(2)


def test_a_wait_ends_with_the_condition_or_the_time() -> None:
    answers = iter([False, True])
    assert hosts.until(lambda: next(answers), 10.0) is not None
    assert hosts.until(lambda: False, 0.2) is None
