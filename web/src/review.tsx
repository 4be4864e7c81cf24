// The review queue: one answer at a time, the most informative first, to rate or to put right. All
// of it can be done from the keyboard; what is said goes in under the reviewer's own name. Which
// verdict an answer has, and from which arm it came, is not shown: it would be an advance opinion.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type InteractionDetail, type Message, type ReviewQueue, type Said, say } from "./api";
import { Show, useOnce } from "./data";
import { time } from "./format";
import { Messages, textOf } from "./interactions";

const kRatings: [string, string, number][] = [
  ["1", "wrong", 0],
  ["2", "poor", 0.25],
  ["3", "half right", 0.5],
  ["4", "good", 0.75],
  ["5", "right", 1],
];

// Keys pressed anywhere but in a field.
export function useKeys(keys: Record<string, () => void>) {
  const latest = useRef(keys);
  latest.current = keys;
  // With the page, and not after it is painted: what is seen can be pressed.
  useLayoutEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
      const at = event.target as Partial<Element>;
      if (at.closest?.call(event.target, "input, textarea, select, [contenteditable]")) return;
      const act = latest.current[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

// Says something, once at a time, and goes on when the server has it; what failed may be said again.
export function useSaying(): { busy: boolean; problem: string; tell: (items: Said[], then: () => void) => void } {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const underWay = useRef(false);
  const tell = (items: Said[], then: () => void) => {
    if (underWay.current) return;
    underWay.current = true;
    setBusy(true);
    say(items)
      .then(
        () => {
          setProblem("");
          then();
        },
        (error: Error) => setProblem(`Not saved: ${error.message}. Press the same key to try again.`),
      )
      .finally(() => {
        underWay.current = false;
        setBusy(false);
      });
  };
  return { busy, problem, tell };
}

export function Key(props: { name: string; act: () => void; disabled?: boolean; children: ComponentChildren }) {
  return (
    <button class="act" onClick={props.act} disabled={props.disabled} aria-keyshortcuts={props.name}>
      <kbd>{props.name}</kbd> {props.children}
    </button>
  );
}

function ReviewTabs(props: { pairs: boolean }) {
  return (
    <span class="choice tabs">
      <a href="/review" aria-current={props.pairs ? undefined : "page"}>
        one answer
      </a>{" "}
      <a href="/review/pairs" aria-current={props.pairs ? "page" : undefined}>
        two, blind
      </a>
    </span>
  );
}

// What led up to an answer: the last message, and the rest on demand.
export function Question(props: { messages: Message[] }) {
  const before = props.messages.slice(0, -1);
  return (
    <>
      {before.length > 0 && (
        <details>
          <summary>{before.length} messages before</summary>
          <Messages title="Before" messages={before} />
        </details>
      )}
      <Messages title="Question" messages={props.messages.slice(-1)} />
    </>
  );
}

// Both pages: a queue that is gone through from its beginning, one item at a time.
export function Queue<List extends { considered: number }, Item>(props: {
  path: string;
  pairs: boolean;
  empty: string;
  items: (list: List) => Item[];
  show: (item: Item, go: (by: number) => void) => ComponentChildren;
}) {
  const list = useOnce<List>(props.path);
  const [index, setIndex] = useState(0);
  const go = (by: number) => setIndex(Math.max(index + by, 0));
  const again = () => {
    setIndex(0);
    list.again();
  };
  return (
    <>
      <header class="bar">
        <h1>Review</h1>
        <ReviewTabs pairs={props.pairs} />
      </header>
      <Show of={list}>
        {(value) => {
          const items = props.items(value);
          const item = items[index];
          if (items.length === 0) return <p class="quiet">{props.empty}</p>;
          if (!item) return <Ended again={again} />;
          return (
            <>
              <p class="quiet" aria-live="polite">
                {index + 1} of {items.length}, the most informative of {value.considered}
              </p>
              {props.show(item, go)}
            </>
          );
        }}
      </Show>
    </>
  );
}

export function Review() {
  return (
    <Queue
      path="review?limit=20"
      pairs={false}
      empty="Nothing waits for you."
      items={(list: ReviewQueue) => list.queue}
      show={(item, go) => <Answer key={item.id} id={item.id} back={() => go(-1)} next={() => go(1)} />}
    />
  );
}

function Ended(props: { again: () => void }) {
  useKeys({ n: props.again });
  return (
    <section>
      <p>That was all of it.</p>
      <Key name="n" act={props.again}>
        more, if there is
      </Key>
    </section>
  );
}

function Answer(props: { id: string; back: () => void; next: () => void }) {
  const detail = useOnce<InteractionDetail>(`interactions/${encodeURIComponent(props.id)}`);
  useKeys(detail.value ? {} : { s: props.next, b: props.back }); // nobody need wait to see it
  return (
    <>
      <Show of={detail}>{(i) => <Judge interaction={i} back={props.back} next={props.next} />}</Show>
      {detail.error && (
        <Key name="s" act={props.next}>
          skip
        </Key>
      )}
    </>
  );
}

function Judge(props: { interaction: InteractionDetail; back: () => void; next: () => void }) {
  const { id, tool, started_at, context = [], output = [] } = props.interaction;
  const [correcting, setCorrecting] = useState(false);
  const { busy, problem, tell } = useSaying();
  const handle = { kind: "id" as const, value: id };
  const answer = textOf(output);
  const rate = (value: number) => tell([{ handle, kind: "rated", value }], props.next);
  const correct = () => answer && setCorrecting(true);
  const keys: Record<string, () => void> = { c: correct, s: props.next, b: props.back };
  for (const [key, , value] of kRatings) keys[key] = () => rate(value);
  useKeys(correcting ? {} : keys);
  return (
    <>
      <Question messages={context} />
      {correcting ? (
        <Correction
          before={answer}
          save={(text) => tell([{ handle, kind: "corrected", final_text: text }], props.next)}
          cancel={() => setCorrecting(false)}
        />
      ) : (
        <>
          <Messages title="Answer" messages={output} />
          <div class="acts" role="group" aria-label="What is it worth?">
            {kRatings.map(([key, name, value]) => (
              <Key key={key} name={key} act={() => rate(value)} disabled={busy}>
                {name}
              </Key>
            ))}
            <Key name="c" act={correct} disabled={busy || !answer}>
              correct
            </Key>
            <Key name="s" act={props.next}>
              skip
            </Key>
            <Key name="b" act={props.back}>
              back
            </Key>
          </div>
        </>
      )}
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <p class="quiet">
        {tool}, {time(started_at)} · <a href={`/interactions/${id}`}>all about it</a>
      </p>
    </>
  );
}

type Merge = Awaited<ReturnType<typeof import("./merge")["openMerge"]>>;

// The answer and, beside it, what it should have been.
function Correction(props: { before: string; save: (text: string) => void; cancel: () => void }) {
  const place = useRef<HTMLDivElement>(null);
  const merge = useRef<Merge>();
  const [note, setNote] = useState("");
  const latest = useRef(props);
  latest.current = props;
  const warned = useRef(false);
  const cancel = () => {
    const changed = merge.current !== undefined && merge.current.text() !== props.before;
    if (changed && !warned.current) {
      warned.current = true;
      setNote("Once more drops what you have changed.");
    } else {
      latest.current.cancel();
    }
  };
  const save = () => {
    const text = merge.current?.text() ?? props.before;
    if (text === props.before) setNote("Nothing is changed. If it is right as it is, cancel and press 5.");
    else if (text.trim() === "") setNote("An empty text corrects nothing. Cancel and press 1 to reject the answer.");
    else latest.current.save(text);
  };
  useEffect(() => {
    let closed = false;
    import("./merge").then(
      ({ openMerge }) => {
        if (closed || !place.current) return;
        merge.current = openMerge(place.current, props.before, { save, cancel });
      },
      () => setNote("The editor could not be loaded. Reload the page."),
    );
    return () => {
      closed = true;
      merge.current?.close();
    };
  }, []);
  return (
    <section class="correction">
      <h2>The answer, and what it should have been</h2>
      <div class="merge" ref={place} />
      <div class="acts">
        <Key name="Ctrl+Enter" act={save}>
          save
        </Key>
        <Key name="Esc" act={cancel}>
          cancel
        </Key>
      </div>
      {note && (
        <p class="quiet" role="status">
          {note}
        </p>
      )}
    </section>
  );
}
