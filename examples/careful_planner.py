"""A planner of one's own: the baseline, told to keep more distance and to drive below the set speed.

lanewise run cut-in --planner examples/careful_planner.py:CarefulPlanner
lanewise run cut-in --planner examples/careful_planner.py:CarefulPlanner --set planning.share=0.7
"""

from dataclasses import dataclass, replace

from planning.idm import IdmMemory, IdmPlanner
from planning.planner import Plan
from planning.scene import Context, Scene


@dataclass(frozen=True)
class Settings:
    """The `[planning]` section of this planner."""

    share: float = 0.9


@dataclass(frozen=True)
class CarefulPlanner:
    """Drives at a share of the set speed."""

    settings: Settings = Settings()

    def start(self, context: Context) -> IdmMemory:
        return IdmPlanner().start(context)

    def plan(self, scene: Scene, memory: IdmMemory) -> tuple[Plan, IdmMemory]:
        mission = scene.context.mission
        slower = replace(mission, set_speed_mps=self.settings.share * mission.set_speed_mps)
        return IdmPlanner().plan(replace(scene, context=replace(scene.context, mission=slower)), memory)
