// What the programs of the Node SDKs share: what they are asked, how they say what they got, and the
// tool that they offer. The same for Python is support.py.
export const RESULT = "behind the old mill";

export const model = "assistant";
export const prompts = JSON.parse(process.env.PROMPTS ?? "{}");
export const tool = "look_up";
export const description = "Tells where a place is.";
export const parameters = {
  type: "object",
  properties: { place: { type: "string" } },
  required: ["place"],
  additionalProperties: false,
};

export const lookUp = ({ place }) => `The ${place} lies ${RESULT}.`;

export const say = (id, text) => console.log(JSON.stringify({ id, text }));
