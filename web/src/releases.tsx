// Releases: who gets which model, what they did with it, and every decision with the numbers seen.
import type { Acceptance, Release } from "./api";
import { Show, useData } from "./data";
import { percent, short, time } from "./format";
import { Facts, Rate, Table, countCells } from "./parts";

export function Releases() {
  const list = useData<{ releases: Release[] }>("releases");
  return (
    <>
      <header class="bar">
        <h1>Releases</h1>
      </header>
      <Show of={list}>
        {({ releases }) => (
          <>
            {releases.length === 0 && <p class="quiet">None yet: `hone release start RECIPE`.</p>}
            {releases.map((r) => (
              <ReleaseView key={r.id} id={r.id} />
            ))}
          </>
        )}
      </Show>
    </>
  );
}

function ReleaseView(props: { id: string }) {
  const release = useData<Release>(`releases/${props.id}`);
  return (
    <section>
      <Show of={release}>
        {(r) => (
          <>
            <h2>
              {r.alias} <code>{r.id}</code> <span class={`mark ${r.state}`}>{r.state.replace("_", " ")}</span>
            </h2>
            <p>{r.reason}</p>
            <Facts
              facts={[
                ["started", time(r.started_at)],
                ["decided", r.decided_at ? time(r.decided_at) : "not yet"],
                ["baseline", <code>{short(r.baseline)}</code>],
                ["candidate", <code>{short(r.candidate)}</code>],
                ["on the candidate", percent(r.share)],
                ["held back", percent(r.holdback)],
                ["reserve", percent(r.reserve)],
              ]}
            />
            <Arms since={r.started_at} />
            <Table
              head={["when", "what", "seen"]}
              rows={(r.events ?? []).slice(-40).map((e) => [
                time(e.at),
                e.kind.replace("_", " "),
                <small>{brief(e.detail)}</small>,
              ])}
            />
          </>
        )}
      </Show>
    </section>
  );
}

function Arms(props: { since: number }) {
  const from = new Date(props.since).toISOString();
  const arms = useData<Acceptance>(`acceptance?by=arm&from=${from}`);
  return (
    <Show of={arms}>
      {({ groups }) => (
        <Table
          head={["arm", "asked", "accepted", "modified", "rejected", "acceptance"]}
          rows={groups.map((g) => [g.name || "no release", ...countCells(g), <Rate counts={g} />])}
        />
      )}
    </Show>
  );
}

// An event's numbers in one line.
function brief(detail: Record<string, unknown> | null): string {
  const text = (value: unknown): string =>
    typeof value === "number"
      ? String(Math.round(value * 1000) / 1000)
      : typeof value === "object" && value !== null
        ? `(${brief(value as Record<string, unknown>)})`
        : String(value);
  return Object.entries(detail ?? {})
    .map(([name, value]) => `${name} ${text(value)}`)
    .join(", ")
    .slice(0, 300);
}
