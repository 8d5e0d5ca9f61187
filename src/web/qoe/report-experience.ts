import type { QoeReporterOptions } from './qoe-reporter.js';

/** Reports what the viewer experiences, by code that is loaded after the page. @returns a function that ends it */
export function reportExperience(options: Omit<QoeReporterOptions, 'wantedAtMs'>): () => void {
  const wantedAtMs = performance.now();
  let isOpen = true;
  let close = (): void => {};
  import('./qoe-reporter.js').then(
    ({ QoeReporter }) => {
      if (!isOpen) return;
      const reporter = new QoeReporter({ ...options, wantedAtMs });
      reporter.start();
      close = () => reporter.close();
    },
    () => {},
  );
  return () => {
    isOpen = false;
    close();
  };
}
