import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import './cards.css';

type CardSectionProps = {
  title: string;
  /** Nothing is shown without any. */
  count: number;
  children: ComponentChildren;
};

/** Heading with a list of cards. */
export function CardSection({ title, count, children }: CardSectionProps) {
  const id = useId();
  if (count === 0) return null;
  return (
    <section aria-labelledby={id}>
      <div class="section-head">
        <h2 id={id}>{title}</h2>
      </div>
      <ul class="streams">{children}</ul>
    </section>
  );
}
