"""What the `lanelet2` package says of a map, as JSON: lanelet2_map.py MAP.osm QUESTIONS.json.

QUESTIONS holds `points` [[x, y], ...] and `ways` [[from, to], ...] of lanelet ids. Coordinates are the nodes' `local_x`
and `local_y` where all have them, else local Cartesian ones about the middle of the nodes, as in `maps.osm`.
"""

import json
import math
import sys
import time
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import lanelet2
from lanelet2.core import BasicPoint2d, createMapFromLanelets
from lanelet2.geometry import findNearest, follows, length2d
from lanelet2.projection import LocalCartesianProjector


def load(path):
    nodes = [(float(n.get("lat")), float(n.get("lon"))) for n in ElementTree.parse(path).getroot().iter("node")]
    lat, lon = zip(*nodes, strict=True)
    origin = lanelet2.io.Origin(0.5 * (min(lat) + max(lat)), 0.5 * (min(lon) + max(lon)))
    best = float("inf")
    for _ in range(5):
        begun = time.process_time()
        lanelet_map, _ = lanelet2.io.loadRobust(path, LocalCartesianProjector(origin))  # it does not know all rules
        best = min(best, time.process_time() - begun)
    points = list(lanelet_map.pointLayer)
    if points and all("local_x" in point.attributes for point in points):
        for point in points:
            point.x, point.y = float(point.attributes["local_x"]), float(point.attributes["local_y"])
        lanelet_map = createMapFromLanelets(list(lanelet_map.laneletLayer))
    return lanelet_map, 1e3 * best


def length_m(line):
    return sum(math.dist((a.x, a.y), (b.x, b.y)) for a, b in pairwise(line))


def named(lanelet):
    return f"{lanelet.id}:back" if lanelet.inverted() else str(lanelet.id)


def main():
    lanelet_map, load_ms = load(sys.argv[1])
    questions = json.loads(Path(sys.argv[2]).read_text())
    layer = lanelet_map.laneletLayer
    lanelets = list(layer)
    rules = lanelet2.traffic_rules.create(
        lanelet2.traffic_rules.Locations.Germany, lanelet2.traffic_rules.Participants.VehicleCar
    )
    graph = lanelet2.routing.RoutingGraph(lanelet_map, rules)
    points = [BasicPoint2d(x, y) for x, y in questions["points"]]
    begun = time.process_time()
    nearest = [findNearest(layer, point, 1)[0] for point in points]
    nearest_us = 1e6 * (time.process_time() - begun) / max(len(points), 1)
    spent, found = [], []
    for start, goal in questions["ways"]:
        one, other = layer[start], layer[goal]
        begun = time.process_time()
        way = graph.shortestPath(one, other, 0, True)
        spent.append(1e6 * (time.process_time() - begun))
        found.append(way is not None)
    driven = [one for lanelet in lanelets for one in (lanelet, lanelet.invert()) if rules.canPass(one)]
    print(
        json.dumps(
            {
                "load_ms": load_ms,
                "lanelets": {
                    str(one.id): [length_m(one.leftBound), length_m(one.rightBound), length2d(one)] for one in lanelets
                },
                "follows": [
                    [str(a.id), str(b.id)] for a in lanelets for b in lanelets if a.id != b.id and follows(a, b)
                ],
                "driven": sorted(named(one) for one in driven),
                "driven_follows": sorted(
                    [named(one), named(on)] for one in driven for on in graph.following(one, False)
                ),
                "limits_kmh": {str(one.id): rules.speedLimit(one).speedLimit for one in lanelets if rules.canPass(one)},
                "nearest_us": nearest_us,
                "nearest_m": [gap for gap, _ in nearest],
                "route_us": spent,
                "route_found": found,
            }
        )
    )


if __name__ == "__main__":
    main()
