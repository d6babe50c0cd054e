"""The metrics page is read as Prometheus would read it."""

from __future__ import annotations

import math

import pytest

from whatsit.serving.metrics.scrape import MetricsPage

TEXT = r"""# HELP a_total Something.
# TYPE a_total counter
a_total{model="decode",version="1"} 3
a_total{model="regions",version="1"} 4.5e+01
b 7
c_bucket{le="+Inf"} 2
d{quantile="0.5"} Nan
e{text="a \"b\" \\ c{d}"} 1
f 3 1700000000000
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="decode",version="1"} 5
"""


def test_names_labels_and_values() -> None:
    page = MetricsPage.parse(TEXT)
    assert set(page.series) == {"a_total", "b", "c_bucket", "d", "e", "f", "nv_inference_request_success"}
    assert page.total("a_total") == 48
    assert page.total("a_total", model="regions") == pytest.approx(45)
    assert page.total("a_total", model="none") == 0
    assert page.of("c_bucket")[0].labels == {"le": "+Inf"}
    assert math.isnan(page.of("d")[0].value)
    assert page.of("e")[0].labels["text"] == 'a "b" \\ c{d}'
    assert page.total("f") == 3


@pytest.mark.parametrize("line", ["broken{ 3", "not a number x", "<html>"])
def test_another_format_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        MetricsPage.parse(f"{TEXT}{line}\n")
