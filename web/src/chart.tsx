// A line chart that follows its width and the colour scheme.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Line {
  name: string;
  values: (number | null)[];
}

const kColours = ["#2f7d57", "#b4552d", "#3b6fb5", "#8a5bb0", "#a08a1f", "#4d8f96"];

export function Chart(props: {
  x: number[]; // seconds, or any number
  lines: Line[];
  time?: boolean;
  percent?: boolean;
  label: string;
}) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element || props.x.length === 0) return;
    const ink = getComputedStyle(element).getPropertyValue("--ink-2");
    const rule = getComputedStyle(element).getPropertyValue("--rule");
    const axis = { stroke: ink, grid: { stroke: rule, width: 1 }, ticks: { stroke: rule } };
    const options: uPlot.Options = {
      width: element.clientWidth,
      height: 220,
      scales: {
        x: { time: props.time ?? false },
        ...(props.percent ? { y: { range: [0, 1] as [number, number] } } : {}),
      },
      axes: [
        axis,
        props.percent
          ? { ...axis, values: (_: uPlot, ticks: number[]) => ticks.map((t) => `${Math.round(t * 100)}%`) }
          : axis,
      ],
      series: [
        {},
        ...props.lines.map((line, i) => ({
          label: line.name,
          stroke: kColours[i % kColours.length],
          width: 2,
          spanGaps: true,
          points: { show: props.x.length < 40 },
        })),
      ],
    };
    const plot = new uPlot(options, [props.x, ...props.lines.map((line) => line.values)], element);
    const observer = new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: 220 }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [JSON.stringify(props.x), JSON.stringify(props.lines)]);
  if (props.x.length === 0) return <p class="quiet">Nothing yet.</p>;
  return <div class="chart" role="img" aria-label={props.label} ref={place} />;
}
