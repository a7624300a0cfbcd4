"""Plans: the model, how one is built and how one is edited."""

from campaignwright.tools.plan_build import Plan, build_plan, plan_result
from campaignwright.tools.plan_edit import edit_plan

__all__ = ["Plan", "build_plan", "edit_plan", "plan_result"]
