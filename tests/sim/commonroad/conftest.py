"""A small CommonRoad file that tests change piece by piece."""

import pytest

LANELET = """<lanelet id="{id}"><leftBound>{left}<lineMarking>{mark}</lineMarking></leftBound>
<rightBound>{right}<lineMarking>solid</lineMarking></rightBound>{links}<laneletType>urban</laneletType>
<trafficSignRef ref="90"/></lanelet>"""
SIGN = """<trafficSign id="90"><trafficSignElement>
<trafficSignID>274</trafficSignID><additionalValue>13.5</additionalValue>
</trafficSignElement><virtual>true</virtual></trafficSign>"""
STATE = """<{tag}><position><point><x>{x}</x><y>{y}</y></point></position>
<orientation><exact>{yaw}</exact></orientation>
<time><exact>{step}</exact></time><velocity><exact>{v}</exact></velocity></{tag}>"""
SHAPE = "<shape><rectangle><length>4.0</length><width>2.0</width></rectangle></shape>"
GOAL = """<goalState><time><intervalStart>10</intervalStart><intervalEnd>30</intervalEnd></time>
<position><rectangle><length>10</length><width>4</width><orientation>0.0</orientation><center><x>30</x><y>0</y></center>
</rectangle></position><orientation><intervalStart>-0.2</intervalStart><intervalEnd>0.2</intervalEnd></orientation>
<velocity><intervalStart>5</intervalStart><intervalEnd>15</intervalEnd></velocity></goalState>"""


def points(*pairs):
    return "".join(f"<point><x>{x}</x><y>{y}</y></point>" for x, y in pairs)


def lanelet(id_, y, links="", mark="dashed", x=(0, 50, 100)):
    left = points(*((v, y + 2) for v in x))
    right = points(*((v, y - 2) for v in x))
    return LANELET.format(id=id_, left=left, right=right, links=links, mark=mark)


def state(tag, step, x, y=0.0, v=10.0, yaw=0.0):
    return STATE.format(tag=tag, x=x, y=y, yaw=yaw, step=step, v=v)


def moving(id_=7, steps=(0, 1, 2), x0=20.0, y=0.0):
    first, *rest = (state("initialState" if i == 0 else "state", s, x0 + 1.0 * s, y) for i, s in enumerate(steps))
    trajectory = f"<trajectory>{''.join(rest)}</trajectory>"
    return f'<dynamicObstacle id="{id_}"><type>car</type>{SHAPE}{first}{trajectory}</dynamicObstacle>'


def document(body, attributes='benchmarkID="ZAM_Test-1_1_T-1" commonRoadVersion="2020a" timeStepSize="0.1"'):
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<commonRoad {attributes}>\n{body}\n</commonRoad>\n'


def standard():
    beside = '<adjacentLeft ref="2" drivingDir="same"/><successor ref="3"/>'
    lanelets = lanelet(1, 0.0, beside) + lanelet(2, 4.0) + lanelet(3, 0.0, '<predecessor ref="1"/>', x=(100, 150))
    problem = f'<planningProblem id="55">{state("initialState", 0, 5.0)}{GOAL}</planningProblem>'
    return lanelets + SIGN + moving() + problem


class Files:
    """The builder that tests get as the fixture `files`."""

    document = staticmethod(document)
    lanelet = staticmethod(lanelet)
    moving = staticmethod(moving)
    state = staticmethod(state)
    points = staticmethod(points)
    shape = SHAPE
    goal = GOAL

    def __init__(self, folder):
        self.folder = folder
        self.standard = standard()

    def write(self, body, **kwargs):
        path = self.folder / "scenario.xml"
        path.write_text(document(body, **kwargs), encoding="utf-8")
        return path


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)
