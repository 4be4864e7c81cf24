// Datasets, runs with their loss curves, and models with what their gate said.
import type { Dataset, Model, Run } from "./api";
import { Chart } from "./chart";
import { Show, useData } from "./data";
import { count, short, time, words } from "./format";
import { Facts, Table } from "./parts";

const total = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);

export function Datasets() {
  const list = useData<{ datasets: Dataset[] }>("datasets");
  return (
    <>
      <header class="bar">
        <h1>Datasets</h1>
      </header>
      <Show of={list}>
        {({ datasets }) => (
          <>
            {datasets.length === 0 && <p class="quiet">None yet: `hone dataset build RECIPE`.</p>}
            {datasets.map((d) => (
              <section key={d.digest}>
                <h2>
                  <a href={`/datasets/${d.digest}`}>{d.name}</a> <code>{short(d.digest)}</code>
                </h2>
                <Facts
                  facts={[
                    ["made", time(d.created_at)],
                    ["seed", d.seed],
                    ["examples", count(d.examples)],
                    ...Object.entries(d.counts).map(
                      ([split, kinds]) =>
                        [split, `${count(total(kinds))} (${d.people[split] ?? 0} people)`] as [string, string],
                    ),
                  ]}
                />
                <Table
                  head={["left out because", "interactions"]}
                  rows={Object.entries(d.left_out).map(([reason, n]) => [words(reason), count(n)])}
                  empty="Nothing was left out."
                />
              </section>
            ))}
          </>
        )}
      </Show>
    </>
  );
}

export function Runs() {
  const list = useData<{ runs: Run[] }>("runs");
  return (
    <>
      <header class="bar">
        <h1>Runs</h1>
      </header>
      <Show of={list}>
        {({ runs }) => (
          <>
            {runs.length === 0 && <p class="quiet">None yet: `hone train RECIPE`.</p>}
            {runs.map((run) => (
              <RunView key={run.id} id={run.id} />
            ))}
          </>
        )}
      </Show>
    </>
  );
}

function RunView(props: { id: string }) {
  const run = useData<Run>(`runs/${props.id}`);
  return (
    <section>
      <Show of={run}>
        {(r) => {
          const steps = r.progress ?? [];
          const last = steps.at(-1);
          return (
            <>
              <h2>
                {r.method} <code>{r.id}</code> <span class={`mark ${r.state}`}>{r.state}</span>
              </h2>
              <Facts
                facts={[
                  ["started", time(r.started_at)],
                  [
                    "dataset",
                    <a href={`/datasets/${r.dataset}`}>
                      <code>{short(r.dataset)}</code>
                    </a>,
                  ],
                  ["steps", last ? `${last.step} of ${last.steps}` : "–"],
                  ["tokens", last ? count(last.tokens) : "–"],
                  ["loss", last ? last.loss.toFixed(3) : "–"],
                ]}
              />
              <Chart
                x={steps.map((s) => s.step)}
                lines={[{ name: "loss", values: steps.map((s) => s.loss) }]}
                label="Training loss by step"
              />
            </>
          );
        }}
      </Show>
    </section>
  );
}

export function Models() {
  const list = useData<{ models: Model[] }>("models");
  return (
    <>
      <header class="bar">
        <h1>Models</h1>
      </header>
      <Show of={list}>
        {({ models }) => (
          <>
            {models.map((m) => (
              <section key={m.digest}>
                <h2>
                  {m.name} <code>{short(m.digest)}</code>{" "}
                  {m.passed !== undefined && (
                    <span class={`mark ${m.passed ? "accepted" : "rejected"}`}>
                      {m.passed ? "passed its gate" : "stopped by its gate"}
                    </span>
                  )}
                </h2>
                <p class="quiet">
                  {m.kind}
                  {m.parent && ` over ${short(m.parent)}`}, {time(m.created_at)}
                </p>
                {m.evaluation?.checks && (
                  <Table
                    head={["check", "", "value", "95% interval", "what it says"]}
                    rows={m.evaluation.checks.map((c) => [
                      c.name,
                      c.passed ? "✓" : "✗",
                      c.value.toFixed(3),
                      `${c.low.toFixed(3)} to ${c.high.toFixed(3)}`,
                      c.note,
                    ])}
                  />
                )}
              </section>
            ))}
          </>
        )}
      </Show>
    </>
  );
}

