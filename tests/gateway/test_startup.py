"""Options of `whatsit serve`: what is refused before Triton starts."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput, WhatsitError

from whatsit.gateway.settings import Limits
from whatsit.gateway.startup import Options, check_rate, check_tls, choose_keys


def options(**given: object) -> Options:
    """Options of a gateway on a loopback address without anything else."""
    plain = Options("127.0.0.1", 0, 0, 0, None, None, 1.0, None, None, (), None, None, Limits())
    return replace(plain, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 1e-310, 0.009, 1e7])
def test_a_rate_that_lets_nobody_call_is_refused(rate: float) -> None:
    with pytest.raises(InvalidInput, match=r"--rate is a positive number of requests a second, 0\.01 to 1000000"):
        options(limits=Limits(rate=rate)).checked()


def test_rates_within_the_limits() -> None:
    for rate in (None, 0.01, 20.0, 1e6):
        check_rate(rate)


@pytest.mark.parametrize("option", ["audit_log", "access_log"])
def test_a_log_that_cannot_be_written_is_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(WhatsitError, match=f"absent/log cannot be written .*--{option.replace('_', '-')}"):
        options(**{option: tmp_path / "absent" / "log"}).checked()
    (tmp_path / "log").write_text("before\n")
    options(**{option: tmp_path / "log"}).checked()
    assert (tmp_path / "log").read_text() == "before\n"


def test_the_log_may_be_standard_output() -> None:
    assert options(access_log="-").checked().access_log == "-"


def test_the_advice_names_the_file_of_keys(tmp_path: Path) -> None:
    file = tmp_path / "my keys.json"
    with pytest.raises(InvalidInput, match=f"whatsit keys add NAME --role search --keys '{file}'`"):
        choose_keys("0.0.0.0", file, None)


def test_files_that_are_no_certificate(tmp_path: Path) -> None:
    file = tmp_path / "no.pem"
    file.write_text("no certificate")
    with pytest.raises(InvalidInput) as error:
        check_tls(file, file)
    assert "None" not in str(error.value)
    assert "are no certificate and its key" in str(error.value)


def test_the_second_port_is_named_only_where_it_is_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert options(old_port=port).checked().old_port == 0
        assert options(old_port=0).checked().old_port == 0
    assert options(old_port=port).checked().old_port == port
    assert options(old_port=port, port=port).checked().old_port == 0
