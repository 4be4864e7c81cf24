// A dataset: its card, pages of its examples, and one example, each with the interactions that it
// rests on, so that whoever doubts an example can look at the moment it came from.
import { useState } from "preact/hooks";
import type { CardAnswer, DatasetCard, Example, ExampleMessage, ExamplePage, Quantiles, Share } from "./api";
import { Show, useData } from "./data";
import { count, percent, short, time, words } from "./format";
import { Facts, Table, VerdictMark } from "./parts";

const kAlways = () => true; // a dataset does not change: it is asked for once
const kCutAfter = 2000; // characters; the whole is one click away

// Names and how many, the most first, with their part of all as a bar.
function Distribution(props: { title: string; of?: Record<string, number>; unit: string; empty?: string }) {
  const rows = Object.entries(props.of ?? {}).sort((a, b) => b[1] - a[1]);
  const all = rows.reduce((sum, [, n]) => sum + n, 0);
  return (
    <section class="distribution">
      <h2>{props.title}</h2>
      <Table
        head={["", props.unit, "share"]}
        rows={rows.map(([name, n]) => [
          words(name),
          count(n),
          <span class="part" title={percent(n / all)}>
            <span class="scale">
              <span class="span" style={{ left: 0, width: `${(100 * n) / all}%` }} />
            </span>
          </span>,
        ])}
        empty={props.empty ?? "None."}
      />
    </section>
  );
}

const quantileCells = (of: Quantiles | undefined, digits: number) =>
  [of?.p10, of?.p50, of?.p90, of?.most].map((n) =>
    n === undefined ? "–" : n.toLocaleString("en", { maximumFractionDigits: digits }),
  );

const shareOf = (share: Share | undefined, part: number | undefined) =>
  share?.rate === undefined || part === undefined ? "not counted" : `${count(part)} (${percent(share.rate)})`;

export function DatasetPage(props: { digest: string }) {
  const root = `datasets/${encodeURIComponent(props.digest)}`;
  const answer = useData<CardAnswer>(`${root}/card`, (value) => value.state === "ready");
  return (
    <Show of={answer}>
      {({ card }) =>
        card ? <Card card={card} /> : <p class="quiet">The card is being made: all examples are read for it.</p>
      }
    </Show>
  );
}

function Card({ card }: { card: DatasetCard }) {
  const conflicts = card.label_conflicts;
  return (
    <>
      <header class="bar">
        <h1>
          {card.name} <code>{short(card.digest)}</code>
        </h1>
        <a href={`/datasets/${card.digest}/examples`}>all examples</a>
      </header>
      <Facts
        facts={[
          ["made", time(card.created_at)],
          ["seed", card.seed],
          ["examples", count(card.examples)],
          ["people trained on", count(card.people.train ?? 0)],
          ["people held out", count(card.people.held_out ?? 0)],
          ["most of one person", count(card.most_of_one_person)],
          ["near-duplicates", shareOf(card.near_duplicates, card.near_duplicates.examples)],
          [
            "answers people disagreed about",
            conflicts.judged_by_several === undefined
              ? "not counted"
              : `${shareOf(conflicts, conflicts.in_conflict)} of ${count(conflicts.judged_by_several)} judged by several`,
          ],
        ]}
      />
      <div class="columns">
        {Object.entries(card.counts).map(([split, kinds]) => (
          <Distribution key={split} title={words(split)} of={kinds} unit="examples" />
        ))}
        <Distribution title="Verdicts" of={card.verdicts} unit="examples" />
        <Distribution title="Sources" of={card.sources} unit="examples" />
        <Distribution title="Domains" of={card.domains} unit="examples" />
        <Distribution title="Teams" of={card.teams} unit="examples" />
        <Distribution title="Languages" of={card.languages} unit="examples" />
        <Distribution title="Left out" of={card.left_out} unit="interactions" empty="Nothing was left out." />
      </div>
      <section>
        <h2>Lengths and strengths</h2>
        <Table
          head={["", "10%", "median", "90%", "most"]}
          rows={[
            ["characters of the prompt", ...quantileCells(card.characters.prompt, 0)],
            ["characters of the answer", ...quantileCells(card.characters.answer, 0)],
            ["strength of the verdict", ...quantileCells(card.strength, 3)],
          ]}
        />
      </section>
      <h2>Drawn at random</h2>
      {card.random_examples.length === 0 && <p class="quiet">None that you may read.</p>}
      {card.random_examples.map((example) => (
        <ExampleView key={example.id} digest={card.digest} example={example} cut />
      ))}
      <details>
        <summary>The recipe</summary>
        <pre>{card.recipe}</pre>
      </details>
    </>
  );
}

// A page after the other, by id, which is a digest: in no order that means anything.
export function ExamplesPage(props: { digest: string }) {
  const [split, setSplit] = useState("");
  const [before, setBefore] = useState<string[]>([]); // where the pages up to this one begin
  const after = before.at(-1) ?? "";
  const path = `datasets/${encodeURIComponent(props.digest)}/examples`;
  const page = useData<ExamplePage>(`${path}?limit=20&split=${split}&after=${after}`, kAlways);
  return (
    <>
      <header class="bar">
        <h1>
          Examples of <a href={`/datasets/${props.digest}`}>{short(props.digest)}</a>
        </h1>
        <label class="choice">
          split{" "}
          <select
            value={split}
            onChange={(e) => {
              setSplit(e.currentTarget.value);
              setBefore([]);
            }}
          >
            {["", "train", "held_out"].map((name) => (
              <option key={name} value={name}>
                {words(name) || "any"}
              </option>
            ))}
          </select>
        </label>
      </header>
      <Show of={page}>
        {({ examples, next }) => (
          <>
            {examples.length === 0 && <p class="quiet">None that you may read.</p>}
            {examples.map((example) => (
              <ExampleView key={example.id} digest={props.digest} example={example} cut />
            ))}
            <div class="acts">
              <button class="act" disabled={before.length === 0} onClick={() => setBefore(before.slice(0, -1))}>
                back
              </button>
              <button class="act" disabled={!next} onClick={() => next && setBefore([...before, next])}>
                next
              </button>
            </div>
          </>
        )}
      </Show>
    </>
  );
}

export function ExamplePageOfOne(props: { digest: string; id: string }) {
  const path = `datasets/${encodeURIComponent(props.digest)}/examples/${encodeURIComponent(props.id)}`;
  const example = useData<Example>(path, kAlways);
  return (
    <>
      <header class="bar">
        <h1>
          Example of <a href={`/datasets/${props.digest}`}>{short(props.digest)}</a>
        </h1>
      </header>
      <Show of={example}>{(one) => <ExampleView digest={props.digest} example={one} />}</Show>
    </>
  );
}

function Text(props: { role: string; kind: string; text: string; cut?: boolean }) {
  const isCut = props.cut === true && props.text.length > kCutAfter;
  return (
    <article class={`message ${props.kind}`}>
      <h3>{props.role}</h3>
      <pre>{isCut ? `${props.text.slice(0, kCutAfter)} …` : props.text}</pre>
    </article>
  );
}

// What a message says, with its calls of tools on lines of their own.
const said = (message: ExampleMessage) =>
  [message.content ?? "", ...(message.tool_calls ?? []).map((c) => `${c.function.name} ${c.function.arguments}`)]
    .filter((line) => line !== "")
    .join("\n");

const isMessage = (value: unknown): value is ExampleMessage =>
  typeof value === "object" && value !== null && "role" in value;

const asText = (value: unknown) =>
  typeof value === "string" ? value : isMessage(value) ? said(value) : JSON.stringify(value, null, 1);

// What is learnt, or compared, under the prompt; docs/formats/dataset.md has the fields.
const kAnswers: [keyof Example, string, string][] = [
  ["chosen", "chosen", "assistant"],
  ["rejected", "rejected", "assistant"],
  ["completion", "answer", "assistant"],
  ["original", "answer", "assistant"],
  ["final", "what the person made of it", "user"],
  ["verifier", "verifier", "tools"],
];

function ExampleView(props: { digest: string; example: Example; cut?: boolean }) {
  const e = props.example;
  const messages = e.messages ?? e.prompt ?? [];
  const earlier = messages.slice(0, -2);
  return (
    <section class="example">
      <h2>
        {words(e.kind)}
        {e.label !== undefined && (e.label ? ", good" : ", bad")}
        {e.margin !== undefined && `, margin ${e.margin}`}{" "}
        <a href={`/datasets/${props.digest}/examples/${e.id}`}>
          <code>{e.id}</code>
        </a>{" "}
        <small class="quiet">{words(e.split)}</small>
      </h2>
      {e.cut && <p class="quiet">It is too long to be shown here: `hone dataset export` has it.</p>}
      {e.erased && <p class="quiet">Its text was erased.</p>}
      {e.tools && <p class="quiet">Tools: {e.tools.map((tool) => tool.function.name).join(", ")}</p>}
      {earlier.length > 0 && (
        <details>
          <summary>{earlier.length} messages before</summary>
          {earlier.map((message, i) => (
            <Text key={i} role={message.role} kind={message.role} text={said(message)} cut={props.cut} />
          ))}
        </details>
      )}
      {messages.slice(-2).map((message, i) => (
        <Text key={i} role={message.role} kind={message.role} text={said(message)} cut={props.cut} />
      ))}
      {kAnswers.map(([field, role, kind]) => {
        const value = e[field];
        if (value === undefined || value === null) return null;
        return <Text key={field} role={role} kind={kind} text={asText(value)} cut={props.cut} />;
      })}
      <h3>It came from</h3>
      <Table
        head={["when", "verdict now", "person", "tool", "purpose", ""]}
        rows={e.interactions.map((i) => [
          i.started_at === undefined ? "no longer stored" : <a href={`/interactions/${i.id}`}>{time(i.started_at)}</a>,
          <VerdictMark verdict={i.verdict} />,
          i.person || short(i.person_id) || "–",
          i.tool ?? "",
          i.purpose ?? "",
          i.started_at === undefined ? "" : <a href={`/sessions/${i.id}`}>session</a>,
        ])}
        empty="Nothing that is known."
      />
    </section>
  );
}
