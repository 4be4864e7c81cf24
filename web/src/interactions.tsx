// Interactions: the list, and one with its context, its answer and what the person made of it.
import { diffWordsWithSpace } from "diff";
import { useState } from "preact/hooks";
import type { Interaction, InteractionDetail, Message, Part } from "./api";
import { Show, useData } from "./data";
import { duration, short, time, words } from "./format";
import { Facts, Table, VerdictMark } from "./parts";

const kVerdicts = ["", "accepted", "modified", "rejected", "contested"];

export function Interactions() {
  const [verdict, setVerdict] = useState("");
  const list = useData<{ interactions: Interaction[] }>(
    `interactions?limit=100${verdict ? `&verdict=${verdict}` : ""}`,
  );
  return (
    <>
      <header class="bar">
        <h1>Interactions</h1>
        <label class="choice">
          verdict{" "}
          <select value={verdict} onChange={(e) => setVerdict(e.currentTarget.value)}>
            {kVerdicts.map((v) => (
              <option key={v} value={v}>
                {v || "any"}
              </option>
            ))}
          </select>
        </label>
      </header>
      <Show of={list}>
        {({ interactions }) => (
          <Table
            head={["when", "verdict", "person", "tool", "purpose", "arm", "tokens", "took"]}
            rows={interactions.map((i) => [
              <a href={`/interactions/${i.id}`}>{time(i.started_at)}</a>,
              <VerdictMark verdict={i.verdict} />,
              i.person || short(i.person_id),
              i.tool,
              i.purpose,
              i.arm,
              `${i.prompt_tokens} + ${i.completion_tokens}`,
              duration(i.duration_ms),
            ])}
            empty="No interaction yet. Point a tool at this address: see the README."
          />
        )}
      </Show>
    </>
  );
}

const kWithout: Record<string, string> = {
  no_consent: "The person has not agreed to the recording of content.",
  policy: "The team's policy records that calls happen, and no word of them.",
  redaction_failed: "Redaction failed, so the content was not stored.",
  unreadable: "The content could not be read (another format, an unknown encoding, or too large).",
  cut: "The server ended in the middle of this interaction.",
};

export function InteractionPage(props: { id: string }) {
  const detail = useData<InteractionDetail>(`interactions/${encodeURIComponent(props.id)}`);
  return (
    <Show of={detail}>
      {(i) => (
        <>
          <header class="bar">
            <h1>
              <VerdictMark verdict={i.verdict} /> {i.tool || "tool"}, {time(i.started_at)}
            </h1>
          </header>
          <Facts
            facts={[
              ["person", i.person || short(i.person_id) || "–"],
              ["team", i.team || "–"],
              ["asked for", i.alias],
              ["served by", i.model_name ? short(i.model_name) : "–"],
              ["arm", i.arm || "–"],
              ["purpose", i.purpose || "–"],
              ["tokens", `${i.prompt_tokens} in, ${i.completion_tokens} out`],
              ["time", `${duration(i.duration_ms)}, first byte ${duration(i.first_byte_ms)}`],
              ["strength", i.strength === undefined ? "–" : i.strength.toFixed(2)],
              ["id", <code>{i.id}</code>],
              ["session", <a href={`/sessions/${i.id}`}>all of it</a>],
            ]}
          />
          {i.error && <p class="problem">{i.error}</p>}
          {i.content !== "stored" && <p class="quiet">{kWithout[i.content] ?? i.content}</p>}
          {i.context && <Messages title="Context" messages={i.context} />}
          {i.output && <Messages title="Answer" messages={i.output} />}
          {i.final_text !== null && i.output && (
            <section>
              <h2>What the person made of it</h2>
              <Diff before={textOf(i.output)} after={i.final_text} />
            </section>
          )}
          <section>
            <h2>Feedback</h2>
            <Table
              head={["when", "kind", "by", "value", "comment", "from"]}
              rows={i.feedback.map((f) => [
                time(f.at),
                f.kind,
                f.by,
                f.value ?? "",
                f.comment ?? "",
                f.source.split(":")[0],
              ])}
              empty="Nobody has said anything about it yet."
            />
          </section>
          <section>
            <h2>Datasets</h2>
            <Table
              head={["dataset", "split", "kind", "example"]}
              rows={i.datasets.map((d) => [
                <a href={`/datasets/${d.digest}`}>
                  {d.name} {short(d.digest)}
                </a>,
                words(d.split),
                d.kind,
                <a href={`/datasets/${d.digest}/examples/${d.example}`}>{d.example}</a>,
              ])}
              empty="No dataset uses it."
            />
          </section>
        </>
      )}
    </Show>
  );
}

export const textOf = (messages: Message[]) =>
  messages.flatMap((m) => m.content.map((p) => p.text ?? "")).join("");

export function Messages(props: { title: string; messages: Message[] }) {
  return (
    <section>
      <h2>{props.title}</h2>
      {props.messages.map((message, i) => (
        <article class={`message ${message.role}`} key={i}>
          <h3>{message.role}</h3>
          {message.content.map((part, j) => (
            <PartView key={j} part={part} />
          ))}
        </article>
      ))}
    </section>
  );
}

export function PartView({ part }: { part: Part }) {
  if (part.type === "text") return <pre>{part.text}</pre>;
  if (part.type === "thinking") return <pre class="quiet">{part.text}</pre>;
  if (part.type === "tool_call") {
    return (
      <pre>
        {part.name}({JSON.stringify(part.arguments, null, 1)})
      </pre>
    );
  }
  if (part.type === "tool_result") {
    return <div class="result">{(part.content ?? []).map((p, i) => <PartView key={i} part={p} />)}</div>;
  }
  const text = JSON.stringify(part.value ?? part, null, 1);
  return (
    <details>
      <summary>{part.type}</summary>
      <pre>{text.slice(0, 20000)}</pre>
    </details>
  );
}

// The edit, word by word: what was taken out, what was put in.
function Diff(props: { before: string; after: string }) {
  return (
    <pre class="diff" aria-label="The edit">
      {diffWordsWithSpace(props.before, props.after).map((part, i) =>
        part.added ? (
          <ins key={i}>{part.value}</ins>
        ) : part.removed ? (
          <del key={i}>{part.value}</del>
        ) : (
          <span key={i}>{part.value}</span>
        ),
      )}
    </pre>
  );
}
