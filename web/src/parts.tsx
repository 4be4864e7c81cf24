// Small pieces that several pages use.
import type { ComponentChildren } from "preact";
import type { Counts, Verdict } from "./api";
import { count, percent } from "./format";

export function Table(props: { head: string[]; rows: ComponentChildren[][]; empty?: string }) {
  if (props.rows.length === 0) return <p class="quiet">{props.empty ?? "Nothing yet."}</p>;
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {props.head.map((name) => (
              <th key={name}>{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row, i) => (
            <tr key={i}>
              {row.map((cell, j) => (
                <td key={j}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function VerdictMark(props: { verdict: Verdict | null }) {
  return <span class={`mark ${props.verdict ?? "open"}`}>{props.verdict ?? "open"}</span>;
}

// A rate with its 95% interval on a scale from 0 to 100%.
export function Rate(props: { counts: Counts }) {
  const { rate, low = 0, high = 1 } = props.counts;
  if (rate === undefined) return <span class="quiet">no verdicts</span>;
  return (
    <span class="rate" title={`95% interval ${percent(low)} to ${percent(high)}, clustered by person`}>
      <b>{percent(rate)}</b>
      <span class="scale">
        <span class="span" style={{ left: `${100 * low}%`, width: `${100 * (high - low)}%` }} />
        <span class="dot" style={{ left: `${100 * rate}%` }} />
      </span>
      <small>
        {percent(low)} – {percent(high)}
      </small>
    </span>
  );
}

export const countCells = (c: Counts) => [
  count(c.interactions),
  count(c.accepted),
  count(c.modified),
  count(c.rejected),
];

export function Facts(props: { facts: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {props.facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
