"""The Anthropic SDK for Python: ANTHROPIC_BASE_URL and ANTHROPIC_AUTH_TOKEN say where and who."""
import asyncio

from anthropic import Anthropic, AsyncAnthropic
from support import DESCRIPTION, MODEL, PARAMETERS, PROMPTS, TOOL, look_up, say

client = Anthropic()


def ask(name):
    return [{"role": "user", "content": PROMPTS[name]}]


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def with_tool():
    tool = {"name": TOOL, "description": DESCRIPTION, "input_schema": PARAMETERS}
    messages = ask("tool")
    for _ in range(4):
        with client.messages.stream(model=MODEL, max_tokens=64, messages=messages, tools=[tool]) as stream:
            message = stream.get_final_message()
        calls = [block for block in message.content if block.type == "tool_use"]
        if not calls:
            return text_of(message)
        messages.append({"role": "assistant", "content": message.content})
        messages.append({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call.id, "content": look_up(**call.input)} for call in calls]})
    return ""


async def asynchronous():
    async with AsyncAnthropic() as aclient:
        return text_of(await aclient.messages.create(model=MODEL, max_tokens=64, messages=ask("async")))


say("create", text_of(client.messages.create(model=MODEL, max_tokens=64, messages=ask("create"))))
say("async", asyncio.run(asynchronous()))
say("tool", with_tool())
say("count", f"counted {client.messages.count_tokens(model=MODEL, messages=ask('create')).input_tokens}")
say("models", " ".join(model.id for model in client.models.list()))
