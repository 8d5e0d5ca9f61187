import type { ComponentChildren } from 'preact';

/** Table that scrolls sideways where it does not fit. @param name said by screen readers */
export function ScrolledTable({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="table" tabIndex={0} aria-label={name}>
      <table>{children}</table>
    </section>
  );
}
