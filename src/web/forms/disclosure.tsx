import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

/** Part of a page that is rendered while it is opened. */
export function Disclosure({ summary, children }: { summary: string; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {open && children}
    </details>
  );
}
