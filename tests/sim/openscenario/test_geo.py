"""Positions by latitude and longitude."""

import math

import pytest

from sim.scenarios.openscenario.load import load_scenario
from tests.sim.openscenario.conftest import Files, replaced_map


def test_an_entity_stands_where_its_coordinates_are(xosc: Files) -> None:
    replaced_map(xosc, "<geoReference><![CDATA[+proj=tmerc +lat_0=48 +lon_0=11]]></geoReference>")
    metre = math.degrees(1.0 / 6_366_000.0)
    north, east = 48.0 - 7.0 * metre, 11.0 + 200.0 * metre / math.cos(math.radians(48.0))
    place = f'<GeoPosition latitudeDeg="{north}" longitudeDeg="{east}"/>'
    text = xosc.text().replace('<LanePosition roadId="1" laneId="-2" s="100"/>', place)
    ego = load_scenario(xosc.write(text), ego_driver="scripted").runtime.movers[0]
    assert (ego.pose.x_m, ego.pose.y_m, ego.pose.yaw_rad) == pytest.approx((200.0, -7.0, 0.0), abs=1.0)
