// Two answers to one question, without their models, arms and people. The server decides which one
// stands left, by a coin for each reviewer and pair, and where each stood is kept with what is said.
import type { Comparisons } from "./api";
import { Messages } from "./interactions";
import { Key, Question, Queue, useKeys, useSaying } from "./review";

type Pair = Comparisons["pairs"][number];

export function Compare() {
  return (
    <Queue
      path="comparisons?limit=10"
      pairs={true}
      empty="No question has two answers that you have not compared."
      items={(list: Comparisons) => list.pairs}
      show={(pair, go) => (
        <Choose key={pair.answers[0]!.id + pair.answers[1]!.id} pair={pair} next={() => go(1)} />
      )}
    />
  );
}

function Choose(props: { pair: Pair; next: () => void }) {
  const { busy, problem, tell } = useSaying();
  const [first, second] = props.pair.answers as [Pair["answers"][0], Pair["answers"][0]];
  // What the first one is worth beside the second: 1 better, 0 worse, a half for neither.
  const choose = (value: number) => {
    const one = (answer: typeof first, other: typeof first, worth: number) => ({
      handle: { kind: "id" as const, value: answer.id },
      kind: "compared" as const,
      value: worth,
      against: other.id,
      place: answer.place,
    });
    tell([one(first, second, value), one(second, first, 1 - value)], props.next);
  };
  useKeys({
    ArrowLeft: () => choose(1),
    ArrowRight: () => choose(0),
    "=": () => choose(0.5),
    s: props.next,
  });
  return (
    <>
      <Question messages={props.pair.context} />
      <div class="pair">
        <Messages title="First" messages={first.output} />
        <Messages title="Second" messages={second.output} />
      </div>
      <div class="acts" role="group" aria-label="Which is better?">
        <Key name="←" act={() => choose(1)} disabled={busy}>
          the first
        </Key>
        <Key name="→" act={() => choose(0)} disabled={busy}>
          the second
        </Key>
        <Key name="=" act={() => choose(0.5)} disabled={busy}>
          neither
        </Key>
        <Key name="s" act={props.next}>
          skip
        </Key>
      </div>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}
