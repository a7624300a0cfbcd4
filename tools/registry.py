"""All tools that a language model may call, by name, in the order in which a plan usually needs them."""

from __future__ import annotations

from campaignwright.tools.allocate_budget import allocate_budget
from campaignwright.tools.base import Tool
from campaignwright.tools.check_stock import check_stock
from campaignwright.tools.design_test import design_test
from campaignwright.tools.explain_plan import explain_plan
from campaignwright.tools.finish_plan import finish_plan
from campaignwright.tools.forecast import forecast
from campaignwright.tools.generate_strategies import generate_strategies
from campaignwright.tools.optimize_price import optimize_price
from campaignwright.tools.profile_audience import profile_audience
from campaignwright.tools.read_out import read_out
from campaignwright.tools.recommend_products import recommend_products
from campaignwright.tools.search_campaigns import search_campaigns
from campaignwright.tools.set_brief import set_brief
from campaignwright.tools.write_copy import write_copy

TOOLS: dict[str, Tool] = {
    one.name: one for one in (
        set_brief, search_campaigns, profile_audience, generate_strategies, forecast, optimize_price, allocate_budget,
        recommend_products, check_stock, design_test, read_out, write_copy, finish_plan, explain_plan)
}
