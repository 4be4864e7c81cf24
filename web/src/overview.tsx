// What happened today: acceptance, by whatever one asks, now and over time.
import { useState } from "preact/hooks";
import type { Acceptance, Timeline } from "./api";
import { Chart } from "./chart";
import { Show, useData } from "./data";
import { count } from "./format";
import { Rate, Table, countCells } from "./parts";

const kDimensions = ["arm", "tool", "team", "purpose", "model"];
const kSpans: [string, number, number][] = [
  ["hour", 3600, 60],
  ["day", 86400, 900],
  ["week", 604800, 21600],
];

export function Overview() {
  const [by, setBy] = useState("arm");
  const [span, setSpan] = useState(1);
  const [, seconds, bucket] = kSpans[span]!;
  const from = new Date(Math.floor(Date.now() / 60000) * 60000 - seconds * 1000).toISOString();
  const acceptance = useData<Acceptance>(`acceptance?by=${by}&from=${from}`);
  const timeline = useData<Timeline>(`timeline?by=${by}&from=${from}&bucket=${bucket}`);
  return (
    <>
      <header class="bar">
        <h1>Overview</h1>
        <Choice label="by" value={by} options={kDimensions} choose={setBy} />
        <Choice
          label="last"
          value={kSpans[span]![0]}
          options={kSpans.map(([name]) => name)}
          choose={(name) => setSpan(kSpans.findIndex(([n]) => n === name))}
        />
      </header>
      <Show of={acceptance}>
        {({ groups, total }) => (
          <>
            <section class="cards">
              <Card name="Interactions" value={count(total.interactions)} />
              <Card name="Accepted" value={count(total.accepted)} />
              <Card name="Modified" value={count(total.modified)} />
              <Card name="Rejected" value={count(total.rejected)} />
              <div class="card wide">
                <span>Acceptance</span>
                <Rate counts={total} />
              </div>
            </section>
            <section>
              <h2>By {by}</h2>
              <Table
                head={[by, "asked", "accepted", "modified", "rejected", "acceptance"]}
                rows={groups.map((g) => [
                  g.name || <span class="quiet">none</span>,
                  ...countCells(g),
                  <Rate counts={g} />,
                ])}
                empty="Nobody has asked anything in this time."
              />
            </section>
          </>
        )}
      </Show>
      <section>
        <h2>Over time</h2>
        <Show of={timeline}>{(t) => <Over timeline={t} />}</Show>
      </section>
    </>
  );
}

function Over(props: { timeline: Timeline }) {
  const { series } = props.timeline;
  const x = [...new Set(series.flatMap((s) => s.points.map((p) => p.at)))].sort((a, b) => a - b);
  const lines = series.map((s) => {
    const rates = new Map(s.points.map((p) => [p.at, p.rate ?? null]));
    return { name: s.name || "no release", values: x.map((at) => rates.get(at) ?? null) };
  });
  return <Chart time percent x={x.map((at) => at / 1000)} lines={lines} label="Acceptance over time" />;
}

function Card(props: { name: string; value: string }) {
  return (
    <div class="card">
      <span>{props.name}</span>
      <b>{props.value}</b>
    </div>
  );
}

function Choice(props: {
  label: string;
  value: string;
  options: string[];
  choose: (value: string) => void;
}) {
  return (
    <label class="choice">
      {props.label}{" "}
      <select value={props.value} onChange={(e) => props.choose(e.currentTarget.value)}>
        {props.options.map((o) => (
          <option key={o}>{o}</option>
        ))}
      </select>
    </label>
  );
}
