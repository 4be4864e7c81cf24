// One sitting of a person with a tool: every message once, with the calls that ended there, and
// branches (a call tried again, a compacted context, a subagent) set in from where they part.
import type { Session } from "./api";
import { Show, useData } from "./data";
import { duration, short, time } from "./format";
import { PartView } from "./interactions";
import { Facts } from "./parts";

export function SessionPage(props: { name: string }) {
  const data = useData<Session>(`sessions/${encodeURIComponent(props.name)}`);
  return (
    <Show of={data}>
      {(session) => {
        const endsAt = new Map<string, Session["calls"]>();
        for (const call of session.calls) {
          endsAt.set(call.context_node, [...(endsAt.get(call.context_node) ?? []), call]);
        }
        const first = session.calls[0]!; // a session is found by a call
        const last = session.calls[session.calls.length - 1]!;
        return (
          <>
            <header class="bar">
              <h1>
                Session with {first.tool || "a tool"}, {time(first.started_at)}
              </h1>
            </header>
            <Facts
              facts={[
                ["calls", `${session.calls.length}${session.cut ? " of more" : ""}`],
                ["failed", `${session.calls.filter((c) => c.status !== 200).length}`],
                ["messages", `${session.messages.length}`],
                ["from first to last call", duration(last.started_at - first.started_at)],
                ["person", short(session.person) || "–"],
              ]}
            />
            <section>
              {session.messages.map(({ node, branch, message }) => (
                <article
                  class={`message ${message.role}`}
                  key={node}
                  style={{ marginLeft: `${16 * Math.min(branch, 6)}px` }}
                >
                  <h3>{message.role}</h3>
                  {message.role === "tools" ? (
                    <details>
                      <summary>{message.content.length} tools</summary>
                      {message.content.map((part, i) => (
                        <PartView key={i} part={part} />
                      ))}
                    </details>
                  ) : (
                    message.content.map((part, i) => <PartView key={i} part={part} />)
                  )}
                  {(endsAt.get(node) ?? []).map((call) => (
                    <p class={call.error ? "problem" : "quiet"} key={call.id}>
                      <a href={`/interactions/${call.id}`}>call of {time(call.started_at)}</a>{" "}
                      {call.error || call.status}
                    </p>
                  ))}
                </article>
              ))}
              {session.messages.length === 0 && <p class="quiet">No content of it is stored.</p>}
            </section>
          </>
        );
      }}
    </Show>
  );
}
