"""What the programs of the Python SDKs share; see support.mjs."""
import json
import os

MODEL = "assistant"
PROMPTS = json.loads(os.environ["PROMPTS"])
TOOL = "look_up"
DESCRIPTION = "Tells where a place is."
PARAMETERS = {
    "type": "object",
    "properties": {"place": {"type": "string"}},
    "required": ["place"],
    "additionalProperties": False,
}


def look_up(place):
    return f"The {place} lies behind the old mill."


def say(name, text):
    print(json.dumps({"id": name, "text": text}), flush=True)
