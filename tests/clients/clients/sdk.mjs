// What the clients that are libraries have in common: a program in programs/ uses the library, told by
// its environment where Hone is and who asks. Each prints a line of JSON for each conversation.
import { here, node, python } from "../install.mjs";

export const lookUpHarbour = { name: "look_up", arguments: { place: "harbour" } };

const programs = `${here}/programs`;

// `environment` is a function of the place.
export const withNode = (file, environment) => (place) =>
  place.start(node, [`${programs}/${file}`], environment(place));

export const withPython = (file, environment) => (place) =>
  place.start(python, ["-B", `${programs}/${file}`], {
    PYTHONPATH: `${here}/.python`,
    PYTHONNOUSERSITE: "1",
    ...environment(place),
  });

export const openaiSettings = ({ url, key }) => ({ OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key });
export const anthropicSettings = ({ url, key }) => ({ ANTHROPIC_BASE_URL: url, ANTHROPIC_AUTH_TOKEN: key });
