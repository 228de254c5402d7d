"""Does to a running study what happens on clusters, and prints what became of it. Linux, root.

    python -m benchmarks.cluster_events [joined killed cut away starting creating head token ...]

Hosts are namespaces of this machine (`benchmarks/hosts.py`); its project folder must not be under
/tmp, which is each host's own. For each event: what the command printed and after how many seconds,
its exit code, how many epochs were trained twice. An epoch takes two seconds, most of them asleep.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import crash
from benchmarks.hosts import RAY, Cluster, Host, until

CONFIG = """
model: {arch: MLP, layers: 2, norm: ei, T: 2, width: 0.1}
data: {name: digits, train_size: 200, test_size: 128, validation_fraction: 0.2}
train: {epochs: 12, batch_size: 32, learning_rate: 0.01}
"""
STUDY = """
name: crash
base: base.yaml
parameters: {train.learning_rate: {type: float, low: 3.0e-3, high: 3.0e-2, log: true}}
search: {sampler: random, trials: 6}
replicate: {seeds: 1}
"""
EPOCH = 2.0  # seconds of sleep before each
CUT_OFF = 60.0  # seconds
AWAY = 150.0  # seconds after which Ray has called a machine dead


class Account:
    """What the command said from a moment on."""

    def __init__(self, cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
        self.cluster, self.process = cluster, process
        self.read = len(cluster.output.read_text())
        self.before = crash.again_of(cluster.folder)
        self.began = time.monotonic()

    def said(self) -> str:
        return self.cluster.output.read_text()[self.read :]

    def line(self, pattern: str, seconds: float) -> None:
        """Notes the line that matches and when it came."""

        def found() -> re.Match[str] | None:
            return re.search(f".*(?:{pattern}).*", self.said())

        until(lambda: found() or self.process.poll() is not None, seconds)
        match = found()
        self.note(match.group(0).strip() if match else f"nothing like {pattern!r}")

    def note(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def end(self, seconds: float = 400.0) -> None:
        until(lambda: self.process.poll() is not None, seconds)
        again = crash.again_of(self.cluster.folder) - self.before
        self.note(f"exit {self.process.poll()}, epochs trained twice: {again}")
        for line in self.said().strip().splitlines()[-4:]:
            print(f"          | {line}", flush=True)


# ---- the events ---------------------------------------------------------------------------------


def joined(cluster: Cluster) -> None:
    """A second host joins while the first trains."""
    head = cluster.head()
    process = cluster.command(head)
    until(lambda: cluster.trains(head, 1), 200)
    account = Account(cluster, process)
    second = cluster.joined(2)
    account.note("a second host has joined")
    account.line("now 2 machines", 60)
    until(lambda: cluster.trains(second, 0), 60)
    account.note("it trains")
    account.end()


def disturb(cluster: Cluster, epochs: int, event: Callable[[Host, Account], None]) -> None:
    """Runs a study on two hosts; the event meets the second when it has trained ``epochs``."""
    head, second = cluster.head(), cluster.joined(2)
    process = cluster.command(head)
    if until(lambda: cluster.trains(second, epochs), 300) is None:
        print("the second host has not trained")
        return
    account = Account(cluster, process)
    event(second, account)
    account.end()


def killed(cluster: Cluster) -> None:
    """A host that trains is gone without a word."""

    def event(host: Host, account: Account) -> None:
        host.kill()
        del cluster.hosts[2]
        account.line("machine was lost|worker died", 200)
        account.line("now 1 machine", 200)

    disturb(cluster, 3, event)


def without_network(host: Host, account: Account, seconds: float, pattern: str) -> None:
    """Cuts a host off for so long, and notes what the command says of it."""
    host.cut()
    account.line(pattern, seconds)
    time.sleep(max(0.0, account.began + seconds - time.monotonic()))
    host.join()
    account.note("the host is back")


def cut_off(cluster: Cluster, host: Host, account: Account) -> None:
    without_network(host, account, CUT_OFF, "machine was lost|worker died")
    begun = len(crash.begun(cluster.folder))

    def trains_anew() -> bool:
        names = list(crash.begun(cluster.folder))
        return host.training(cluster.results) in names[begun:]

    over = until(lambda: trains_anew() or account.process.poll() is not None, 200)
    used = over is not None and account.process.poll() is None
    account.note("a further trial trains there" if used else "no further trial trained there")


def cut(cluster: Cluster) -> None:
    """A host that trains is cut off for a minute."""
    disturb(cluster, 3, lambda host, account: cut_off(cluster, host, account))


def away(cluster: Cluster) -> None:
    """A host that trains is cut off for longer, and Ray is started there again."""

    def event(host: Host, account: Account) -> None:
        without_network(host, account, AWAY, "now 1 machine")
        ended = until(lambda: "raylet" not in host.names(), 60)
        account.note("Ray has ended there" if ended is not None else "Ray goes on there")
        host.ray(f"--address={cluster.address}")
        account.line("now 2 machines", 60)

    disturb(cluster, 3, event)


def begins(cluster: Cluster, title: bytes) -> None:
    """Cuts the second host off as soon as one of its processes has this in its command line."""
    head, second = cluster.head(), cluster.joined(2)
    process = cluster.command(head)

    def it_begins() -> bool:
        lines = [Path(f"/proc/{pid}/cmdline") for pid in second.processes()]
        return any(title in line.read_bytes() for line in lines if line.exists())

    if until(it_begins, 120) is None:
        print("no worker has started on the second host")
        return
    account = Account(cluster, process)
    cut_off(cluster, second, account)
    account.end()


def starting(cluster: Cluster) -> None:
    """A host is cut off for a minute while its first worker process starts."""
    begins(cluster, b"default_worker.py")


def creating(cluster: Cluster) -> None:
    """A host is cut off for a minute while Tune's actor is made in its first worker."""
    begins(cluster, b"ray::ImplicitFunc")


def head(cluster: Cluster) -> None:
    """The head is killed and replaced; the command runs on the other host."""
    first, second = cluster.head(), cluster.joined(2)
    process = cluster.command(second)
    until(lambda: cluster.trains(second, 3), 300)
    account = Account(cluster, process)
    first.kill()
    account.line("stopped", 200)
    account.end()
    second.kill()
    cluster.head()
    third = cluster.joined(2)
    account = Account(cluster, cluster.command(third))
    account.note("a new head, the same command")
    account.end()


def token(cluster: Cluster) -> None:
    """The command shows another token."""
    head = cluster.head()
    account = Account(cluster, cluster.command(head, RAY_AUTH_TOKEN=secrets.token_hex(32)))
    account.end()
    account.note(f"a results folder was made: {cluster.results.exists()}")


def nobody(cluster: Cluster) -> None:
    """Nothing listens at the address."""
    account = Account(cluster, cluster.command(cluster.host(1)))
    account.end()
    account.note(f"a results folder was made: {cluster.results.exists()}")


def symmetric(cluster: Cluster) -> None:
    """`ray symmetric-run`, the same line on both hosts, as docs/clusters.md gives it."""
    hosts = [cluster.host(1), cluster.host(2)]
    line = (RAY, "symmetric-run", "--address", cluster.address, "--min-nodes", 2)
    line += ("--num-cpus", 1, "--", *cluster.run())
    processes = [host.start(*line, log=cluster.output) for host in hosts]
    account = Account(cluster, processes[0])
    account.line("trials? at once", 200)
    account.end()
    until(lambda: processes[1].poll() is not None, 60)
    account.note(f"exit on the other host: {processes[1].poll()}")


EVENTS: dict[str, Callable[[Cluster], Any]] = {
    "joined": joined,
    "killed": killed,
    "cut": cut,
    "away": away,
    "starting": starting,
    "creating": creating,
    "head": head,
    "token": token,
    "nobody": nobody,
    "symmetric": symmetric,
}


@contextlib.contextmanager
def cluster(keep: bool) -> Iterator[Cluster]:
    made = Cluster(CONFIG, STUDY, pause=EPOCH)
    try:
        yield made
    finally:
        made.end()
        if keep:
            print(f"kept: {made.folder}")
        else:
            shutil.rmtree(made.folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("events", nargs="*", choices=[*EVENTS, []], help="default: all")
    parser.add_argument("--keep", action="store_true", help="keep the results and the logs")
    options = parser.parse_args()
    for name in options.events or EVENTS:
        print(f"== {name}: {EVENTS[name].__doc__}", flush=True)
        with cluster(options.keep) as made:
            EVENTS[name](made)


if __name__ == "__main__":
    main()
