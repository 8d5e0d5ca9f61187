import { chatTexts } from '../texts/chat.js';
import { QUICK_REACTIONS } from './emoji.js';
import type { RecentReaction } from './reaction-counts.js';

type ReactionBarProps = {
  recent: readonly RecentReaction[];
  /** Undefined where the viewer cannot react. */
  onReact: ((reaction: string) => void) | undefined;
};

/** Reactions of the last seconds, and buttons for the usual ones. */
export function ReactionBar({ recent, onReact }: ReactionBarProps) {
  const others = recent.filter(({ reaction }) => !(QUICK_REACTIONS as readonly string[]).includes(reaction));
  const countOf = (reaction: string): number => recent.find((one) => one.reaction === reaction)?.count ?? 0;
  const shown = onReact ? [...QUICK_REACTIONS] : QUICK_REACTIONS.filter((one) => countOf(one) > 0);
  if (shown.length + others.length === 0) return null;
  return (
    <fieldset class="reactions" aria-label={chatTexts.reactions}>
      {[...shown, ...others.map(({ reaction }) => reaction)].map((reaction) => {
        const count = countOf(reaction);
        return (
          <button
            key={reaction}
            type="button"
            class={count > 0 ? 'recent' : undefined}
            disabled={!onReact}
            aria-label={chatTexts.react(reaction, count)}
            onClick={() => onReact?.(reaction)}
          >
            <span aria-hidden="true">{reaction}</span>
            {count > 0 && <span class="count">{count}</span>}
          </button>
        );
      })}
    </fieldset>
  );
}
