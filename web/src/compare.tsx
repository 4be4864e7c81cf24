// Two answers to one question, without their models, arms and people. The server decides which one
// stands left, by a coin for each reviewer and pair, and where each stood is kept with what is said.
import { useState } from "preact/hooks";
import type { Comparisons } from "./api";
import { Show, useOnce } from "./data";
import { Messages } from "./interactions";
import { Ended, Key, Question, ReviewTabs, useKeys, useSaying } from "./review";

type Pair = Comparisons["pairs"][number];

export function Compare() {
  const list = useOnce<Comparisons>("comparisons?limit=10");
  const [index, setIndex] = useState(0);
  const again = () => {
    setIndex(0);
    list.again();
  };
  return (
    <>
      <header class="bar">
        <h1>Review</h1>
        <ReviewTabs pairs={true} />
      </header>
      <Show of={list}>
        {({ pairs, considered }) => {
          const pair = pairs[index];
          if (pairs.length === 0) return <p class="quiet">No question has two answers that you have not compared.</p>;
          if (!pair) return <Ended again={again} />;
          return (
            <>
              <p class="quiet" aria-live="polite">
                {index + 1} of {pairs.length}, the most informative of {considered}
              </p>
              <Choose key={pair.answers[0]!.id + pair.answers[1]!.id} pair={pair} next={() => setIndex(index + 1)} />
            </>
          );
        }}
      </Show>
    </>
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
