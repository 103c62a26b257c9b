from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from pytest_promptchaos.records import Bridge
from pytest_promptchaos.report.associations import SCATTERS, scatters
from pytest_promptchaos.report.charts import CLOUD, CLOUDS
from pytest_promptchaos.report.points import columns, point_rows
from report.bridges import STRATA, bridge
from report.pictures import titles


@pytest.fixture(scope="module")
def whole() -> Bridge:
    return bridge()


def test_a_scatter_per_hypothesis_with_one_legend_of_strata(whole: Bridge) -> None:
    figure = scatters([whole])[whole]
    assert [key.name for key in figure.legend] == list(STRATA)
    assert all(key.marked and key.lined for key in figure.legend)
    assert [panel.title for panel in figure.panels] == [
        f"{one.hypothesis.name}: {one.standing}" for one in whole.associations
    ]
    assert figure.left_out == 0


def test_a_cloud_is_thinned_and_its_line_stays_without_marks(whole: Bridge) -> None:
    panel = scatters([whole])[whole].panels[0]
    assert (panel.points, panel.drawn) == (720, 360)
    assert panel.drawn <= min(CLOUD, CLOUDS // 6)
    assert len(titles(ElementTree.fromstring(panel.svg))) == panel.drawn
    lines = [one for one in ElementTree.fromstring(panel.svg).iter() if one.get("stroke-width")]
    assert {one.get("stroke-width") for one in lines} >= {"2.5"}


def test_the_table_beside_it_names_the_stratum_of_every_point(whole: Bridge) -> None:
    panel = scatters([whole])[whole].panels[0]
    assert columns(panel) == ["point", "series", "lambda1_mean", "collapse_rate"]
    assert {row[1] for row in point_rows(panel)} == set(STRATA)


def test_a_bridge_without_points_has_no_scatter() -> None:
    assert scatters([bridge(count=0), Bridge(name="few", reason="3 are missing")]) == {}


def test_what_is_not_drawn_is_counted() -> None:
    many = [bridge(f"bridge {place}", count=2) for place in range(4)]
    found = scatters(many)
    assert sum(len(one.panels) for one in found.values()) == SCATTERS
    assert [found[one].left_out for one in many] == [0, 0, 0, 6 * 8]
    crowd = many[0].associations[0]
    curves = tuple(replace(crowd.curves[0], series=str(n)) for n in range(9))
    wide = replace(many[0], associations=(replace(crowd, curves=curves),))
    assert scatters([wide])[wide].left_out == 3


def test_bridges_over_several_strata_are_drawn_first() -> None:
    single = [replace(bridge(f"model {n}", count=2), strata=("HOMO_A",)) for n in range(3)]
    pooled = bridge("pooled", count=2)
    found = scatters([*single, pooled])
    assert [len(found[one].panels) for one in (*single, pooled)] == [6, 6, 0, 6]


def test_a_figure_without_a_picture_has_no_legend_and_counts_its_curves() -> None:
    many = [bridge(f"bridge {place}", count=2) for place in range(4)]
    last = scatters(many)[many[3]]
    assert (last.panels, last.legend, last.left_out) == ((), (), 6 * 8)
