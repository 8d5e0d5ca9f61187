import axe from 'axe-core';
import type { Page } from 'playwright-core';

type Violation = { id: string; impact: string; help: string; nodes: { target: string[]; html: string }[] };

/** Returns what axe-core finds serious or critical on a page, one line for each element. */
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  // The type has no `window`, which the expression runs in.
  const run = `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)`;
  const violations = (await page.evaluate(run)) as Violation[];
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) =>
      nodes.map(({ target, html }) => `${id}: ${help}: ${target.join(' ')}: ${html.slice(0, 160)}`),
    );
}
