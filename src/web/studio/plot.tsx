import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { number } from '../locale/format.js';
import { currentLocale } from '../locale/language.js';
import './plot.css';

type PlotProps = {
  title: string;
  /** Unit of the values, for the legend. */
  unit: string;
  /** Unix ms. */
  at: number[];
  lines: { label: string; values: (number | null)[] }[];
};

/** Values that are drawn, for the comparison with those before. */
const lastOf = (lines: PlotProps['lines']): string => lines.map(({ values }) => values.at(-1)).join();

const HEIGHT_PX = 110;
/** Time shown on each side of a single value, s. */
const MARGIN_S = 60;
/** Colours of the lines: legible on light and dark ground. */
const COLOURS = ['#3b82f6', '#d97706', '#059669', '#a855f7'];

/** Plot of the last minutes. The library is loaded with the first plot. */
export function Plot({ title, unit, at, lines }: PlotProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const newest = useRef<uPlot.AlignedData>([[]]);
  newest.current = [at.map((ms) => ms / 1_000), ...lines.map(({ values }) => values)];

  useEffect(() => {
    const target = frame.current;
    if (!target) return;
    let isOpen = true;
    const resize = new ResizeObserver(() =>
      plot.current?.setSize({ width: target.clientWidth, height: HEIGHT_PX }),
    );
    void loadPlots().then((UPlot) => {
      if (!isOpen) return;
      plot.current = new UPlot(optionsOf(target, lines, unit), newest.current, target);
      resize.observe(target);
    });
    return () => {
      isOpen = false;
      resize.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, []);
  useEffect(() => plot.current?.setData(newest.current), [at[0], at.at(-1), at.length, lastOf(lines)]);

  const current = lines
    .filter(({ values }) => values.some((value) => value !== null))
    .map(({ label, values }) => `${label} ${text(values.at(-1))}`.trim())
    .join(', ');
  return (
    <figure class="plot">
      <figcaption>
        {title} <span class="faint">{`${current} ${unit}`}</span>
      </figcaption>
      <div ref={frame} role="img" aria-label={`${title}: ${current} ${unit}`} />
    </figure>
  );
}

async function loadPlots(): Promise<typeof uPlot> {
  const [{ default: UPlot }] = await Promise.all([import('uplot'), import('uplot/dist/uPlot.min.css')]);
  return UPlot;
}

function optionsOf(target: HTMLElement, lines: PlotProps['lines'], unit: string): uPlot.Options {
  const style = getComputedStyle(target);
  const [text, grid] = [style.getPropertyValue('--faint'), style.getPropertyValue('--line')];
  const axis = {
    stroke: text,
    grid: { stroke: grid, width: 1 },
    ticks: { show: false },
    font: '11px system-ui',
  };
  return {
    width: target.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      // Around a single value uPlot proposes a range of years.
      x: {
        range: ({ data: [at] }, low, high) =>
          at.length === 1 ? [low - MARGIN_S, low + MARGIN_S] : [low, high],
      },
      y: { range: (_plot, low, high) => [Math.min(0, low ?? 0) * 1.1, Math.max(1, high ?? 1) * 1.1] },
    },
    axes: [
      { ...axis, size: 22, space: 70, values: (_plot, at, _axis, _space, stepS) => timesOf(at, stepS) },
      { ...axis, size: 44 },
    ],
    series: [
      {},
      ...lines.map(({ label }, index) => ({
        label: `${label} (${unit})`,
        stroke: COLOURS[index % COLOURS.length]!,
        width: 1.5,
        // Some values are measured every other second.
        spanGaps: true,
        points: { show: (plot: uPlot) => (plot.data[0]?.length ?? 0) < 3 },
      })),
    ],
  };
}

/** Returns the labels of the time axis: as the language writes them, as fine as their distance. */
function timesOf(at: number[], stepS: number): string[] {
  const format = new Intl.DateTimeFormat(
    currentLocale(),
    stepS < 60
      ? { minute: '2-digit', second: '2-digit' }
      : stepS < 86_400
        ? { hour: '2-digit', minute: '2-digit' }
        : { day: 'numeric', month: 'short' },
  );
  return at.map((atS) => format.format(atS * 1_000));
}

function text(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  return number(Math.abs(value) < 10 ? Math.round(value * 100) / 100 : Math.round(value));
}
