"""The OpenAI SDK for Python: OPENAI_BASE_URL and OPENAI_API_KEY say where and who."""
import asyncio
import json

from openai import AsyncOpenAI, OpenAI
from support import DESCRIPTION, MODEL, PARAMETERS, PROMPTS, TOOL, look_up, say

client = OpenAI()


def ask(name):
    return [{"role": "user", "content": PROMPTS[name]}]


def chat_turn(messages):
    """One streamed call; its text and its tool calls, put together."""
    function = {"name": TOOL, "description": DESCRIPTION, "parameters": PARAMETERS}
    tool = {"type": "function", "function": function}
    text, calls = "", {}
    for chunk in client.chat.completions.create(
        model=MODEL, messages=messages, tools=[tool], stream=True, stream_options={"include_usage": True}
    ):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for part in choice.delta.tool_calls or []:
                call = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
                call["id"] += part.id or ""
                call["name"] += part.function.name or ""
                call["arguments"] += part.function.arguments or ""
    return text, list(calls.values())


def chat_with_tool():
    messages = ask("chat-tool")
    for _ in range(4):
        text, calls = chat_turn(messages)
        if not calls:
            return text
        messages.append({"role": "assistant", "content": None, "tool_calls": [
            {"id": call["id"], "type": "function",
             "function": {"name": call["name"], "arguments": call["arguments"]}} for call in calls]})
        for call in calls:
            result = look_up(**json.loads(call["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    return ""


async def responses_with_tool(aclient):
    tool = {"type": "function", "name": TOOL, "description": DESCRIPTION, "parameters": PARAMETERS, "strict": True}
    history = ask("responses-tool")
    for _ in range(4):
        answer = None
        stream = await aclient.responses.create(model=MODEL, input=history, tools=[tool], store=False, stream=True)
        async for event in stream:
            if event.type == "response.completed":
                answer = event.response
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return answer.output_text
        history += answer.output
        for call in calls:
            result = look_up(**json.loads(call.arguments))
            history.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
    return ""


async def asynchronous():
    async with AsyncOpenAI() as aclient:
        say("responses", (await aclient.responses.create(model=MODEL, input=PROMPTS["responses"])).output_text)
        say("responses-tool", await responses_with_tool(aclient))


say("chat", client.chat.completions.create(model=MODEL, messages=ask("chat")).choices[0].message.content)
say("chat-tool", chat_with_tool())
asyncio.run(asynchronous())
say("models", " ".join(model.id for model in client.models.list()))
