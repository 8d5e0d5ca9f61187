import { initialOf } from './initial.js';
import './cards.css';

const TONES = 5;

/** First letter of a name in a circle, whose colour follows from the name. */
export function Avatar({ name }: { name: string }) {
  return (
    <span class={`avatar tone-${toneOf(name)}`} aria-hidden="true">
      {initialOf(name)}
    </span>
  );
}

function toneOf(name: string): number {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 10_007;
  return 1 + (sum % TONES);
}
