"""The planning loop: LangChain's `create_agent` with one middleware that shapes what the model sees and runs calls.

Of earlier turns the model is shown the marketer's words, the brief and the closing text; of the running one everything.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse, hook_config
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt.tool_node import ToolCallRequest

from campaignwright.agent.problems import ModelProblem
from campaignwright.agent.prompting import prompt, sentence
from campaignwright.agent.sessions import Sessions
from campaignwright.agent.tools_bridge import MOST_CALLS, REPAIRS, Cancelled, Running, langchain_tools, run_call
from campaignwright.tools.base import Tool
from campaignwright.tools.explain_plan import explain_plan

LOG = logging.getLogger(__name__)
EARLIER = 6  # earlier turns that the model is shown
BEFORE_STRATEGY = ("search_campaigns", "profile_audience", "generate_strategies")
ON_STRATEGY = ("optimize_price", "allocate_budget", "check_stock", "design_test", "write_copy", "finish_plan")
MOST_COPY = 4  # channels that the model asks copy for by itself in one plan
LOOKUPS = 3  # answers of one tool after which a turn that makes no plan must end in words
STEPS = 100  # LangGraph's recursion limit: some three steps a call


class PlannerMiddleware(AgentMiddleware):
    """Shapes the messages, runs the tools in the turn's context, and ends the turn when it must end."""

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: dict[str, Any], runtime: Any) -> dict[str, Any] | None:
        """End the turn with its sentence when a call failed for good, and without one where a part of the plan is the answer."""
        running: Running = runtime.context
        explained = any(call.name == explain_plan.name and call.result for call in running.calls)
        if running.stop is None and not explained:
            return None
        return {"messages": [AIMessage(running.stop[1] if running.stop else "")], "jump_to": "end"}

    def wrap_model_call(self, request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]) -> ModelResponse:
        """Show the model its system prompt and the shaped conversation. Raises ModelProblem when it cannot answer."""
        running: Running = request.runtime.context
        system = prompt(
            "system", running.language, today=f"{running.ctx.today:%A} {running.ctx.today.isoformat()}",
            currency=running.ctx.workspace.currency,
        )  # fmt: skip
        shaped = request.override(messages=shape(request.messages), system_message=SystemMessage(system))
        stage = standing(running)
        if stage == "call":
            open_tools = offered(running)
            tools = [one for one in request.tools if one.name in open_tools]
            shaped = shaped.override(tool_choice="required", tools=tools)
        elif stage == "talk":
            shaped = shaped.override(tool_choice="none")
        elif running.calls:  # a question was looked up: no plan is made unasked
            shaped = shaped.override(tools=[one for one in request.tools if one.name != "finish_plan"])
        try:
            return handler(shaped)
        except (ModelProblem, Cancelled):
            raise
        except Exception as error:
            LOG.warning("the model failed: %s", type(error).__name__)
            raise ModelProblem(_reason(error)) from error

    @hook_config(can_jump_to=["model"])
    def after_model(self, state: dict[str, Any], runtime: Any) -> dict[str, Any] | None:
        """Give broken calls (a served model's malformed JSON) back for repair; cut more calls at once than a turn may make."""
        message = state["messages"][-1]
        if isinstance(message, AIMessage) and len(message.tool_calls) > MOST_CALLS:
            return {"messages": [message.model_copy(update={"tool_calls": message.tool_calls[:MOST_CALLS]})]}
        broken = getattr(message, "invalid_tool_calls", None)
        if not isinstance(message, AIMessage) or not broken or message.tool_calls:
            return None
        running: Running = runtime.context
        tries = running.refusals["(malformed)"] = running.refusals.get("(malformed)", 0) + 1
        if tries > REPAIRS:
            running.end("repair", "repair_failed", reason=sentence("malformed", running.language))
        error = json.dumps({"ok": False, "error": "The arguments are not valid JSON.", "retry": True})
        answers = [ToolMessage(error, name=one["name"], tool_call_id=one["id"] or "") for one in broken]
        return {"messages": answers, "jump_to": "model"}

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[..., Any]) -> ToolMessage:
        """Run one call in the turn's context; calls made at once run one after the other, in their order."""
        running: Running = request.runtime.context
        one = request.tool_call
        message = next(m for m in reversed(request.state["messages"]) if isinstance(m, AIMessage))
        order = [call["id"] for call in message.tool_calls]
        with running.turn_of(one["id"], order):
            return run_call(running, one["name"], one["args"], one["id"])


def standing(running: Running) -> str:
    """What the next step must be: a "call" with a complete brief and no plan yet; "talk" once the plan is there, when the brief
    lacks what only the marketer can say, or without a brief after LOOKUPS answers of a tool or an answered call made again; ""
    when both may be."""
    done = [call for call in running.calls if call.result is not None]
    briefs = [call.result["summary"] for call in done if call.name == "set_brief"]
    if any(call.name == "finish_plan" for call in done) or (briefs and briefs[-1].get("missing")):
        return "talk"
    if briefs:
        return "call"
    often = any(sum(call.name == one.name for one in done) >= LOOKUPS for call in done)
    return "talk" if often or running.repeated and running.calls[-2].result is not None else ""


def offered(running: Running) -> set[str]:
    """The tools that make sense next in a plan: each once (copy once for each of the strategy's channels, a few times),
    and what works on a strategy only when there is one; a refused one once more. What the model leaves out,
    `finish_plan` does."""
    done = [call.name for call in running.calls if call.result is not None]
    most = min(MOST_COPY, len(running.ctx.strategy(None)[1].shares)) if running.ctx.strategies else 0
    spent = {name for name in done if name != "write_copy" or done.count(name) >= most}
    spent |= {call.name for call in running.calls if call.result is None and running.refusals.get(call.name, 0) != 1}
    names = BEFORE_STRATEGY if "generate_strategies" not in done else BEFORE_STRATEGY + ON_STRATEGY
    last = "finish_plan" if "generate_strategies" in done else "generate_strategies"
    return {name for name in names if name not in spent} | {last}


def _reason(error: Exception) -> str:
    """One line on why a model failed; a server's own sentence where it sent one."""
    body = getattr(error, "body", None)
    detail = body.get("detail") or body.get("message") if isinstance(body, dict) else None
    said = f"{error}".strip().splitlines() or [type(error).__name__]
    return f"{said[0]} {detail if isinstance(detail, str) and detail not in said[0] else ''}".strip()[:200]


def make_planner(chat: BaseChatModel, registry: dict[str, Tool], sessions: Sessions) -> CompiledStateGraph:
    """The compiled loop. Run it with `config(session)` and a Running as context."""
    return create_agent(
        chat, langchain_tools(registry), middleware=[PlannerMiddleware()], context_schema=Running,
        checkpointer=sessions.saver, name="planner",
    )  # fmt: skip


def config(session: str) -> dict[str, Any]:
    """LangGraph's configuration of a turn: one thread a session; calls made at once wait for one another, each in a worker."""
    return {"configurable": {"thread_id": session}, "recursion_limit": STEPS, "max_concurrency": 2 * MOST_CALLS}


def shape(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The conversation as the model is shown it. A call without an answer (a killed turn) is left out."""
    turns: list[list[BaseMessage]] = []
    for message in messages:
        if isinstance(message, HumanMessage) or not turns:
            turns.append([])
        turns[-1].append(message)
    if not turns:
        return []
    earlier = [one for turn in turns[-1 - EARLIER : -1] for one in _earlier(turn)]
    return earlier + _answered(turns[-1])


def _earlier(turn: list[BaseMessage]) -> list[BaseMessage]:
    """An earlier turn: what was asked, the last brief that was set, what was answered."""
    kept: list[BaseMessage] = [message for message in turn[:1] if isinstance(message, HumanMessage)]
    answers = {message.tool_call_id: message for message in turn if isinstance(message, ToolMessage)}
    for message in reversed(turn):
        calls = [one for one in getattr(message, "tool_calls", []) if one["name"] == "set_brief"]
        answer = answers.get(calls[0]["id"]) if calls else None
        if answer is not None and answer.status == "success":
            kept += [AIMessage("", tool_calls=calls[:1]), answer]
            break
    last = turn[-1]
    if isinstance(last, AIMessage) and last.text and not last.tool_calls:
        kept.append(AIMessage(str(last.text)))
    return kept


def _answered(turn: list[BaseMessage]) -> list[BaseMessage]:
    """The running turn without calls that never got all their answers."""
    answers = {message.tool_call_id for message in turn if isinstance(message, ToolMessage)}
    kept: list[BaseMessage] = []
    left_out: set[str | None] = set()
    for message in turn:
        ids = [one["id"] for one in message.tool_calls] if isinstance(message, AIMessage) else []
        if not set(ids) <= answers:
            left_out.update(ids)
        elif not (isinstance(message, ToolMessage) and message.tool_call_id in left_out):
            kept.append(message)
    return kept
