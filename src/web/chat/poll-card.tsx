import { useEffect, useState } from 'preact/hooks';
import type { ChatPoll } from '../../api/contract.js';
import { serverClock } from '../api/server-clock.js';
import { durationText } from '../forms/format.js';
import { chatTexts } from '../texts/chat.js';
import '../forms/forms.css';

type PollCardProps = {
  poll: ChatPoll;
  /** Undefined for viewers who are not signed in. Resolves when the vote is stored. */
  vote: ((option: number) => Promise<void>) | undefined;
  /** Undefined for those who are no moderators. */
  close: (() => void) | undefined;
  onDismiss: () => void;
};

/** Poll above the chat: votes, results, time that is left. */
export function PollCard({ poll, vote, close, onDismiss }: PollCardProps) {
  const [chosen, setChosen] = useState(() => storedVote(poll.id));
  const [, setTick] = useState(0);
  const isOpen = poll.closedAt === null;
  useEffect(() => {
    setChosen(storedVote(poll.id));
    if (!isOpen) return undefined;
    const timer = setInterval(() => setTick((count) => count + 1), 1_000);
    return () => clearInterval(timer);
  }, [poll.id, isOpen]);

  const choose = async (option: number): Promise<void> => {
    try {
      await vote?.(option);
    } catch {
      return; // The chat shows the reason.
    }
    storeVote(poll.id, option);
    setChosen(option);
  };
  const mayVote = isOpen && vote !== undefined && chosen === undefined;
  const leftS = Math.max(0, (Date.parse(poll.closesAt) - serverClock.now()) / 1_000);
  const most = Math.max(...poll.options.map(({ votes }) => votes));
  return (
    <section class="poll" aria-label={chatTexts.poll}>
      <header>
        <h2>{poll.question}</h2>
        {isOpen ? (
          <span class="faint">{durationText(leftS)}</span>
        ) : (
          <button type="button" onClick={onDismiss}>
            {chatTexts.close}
          </button>
        )}
      </header>
      <ul>
        {poll.options.map(({ text, votes }, option) => {
          const share = poll.votes === 0 ? 0 : votes / poll.votes;
          const percent = `${Math.round(share * 100)} %`;
          const isLeading = !isOpen && votes === most && votes > 0;
          return (
            <li
              key={`${option} ${text}`}
              class={isLeading ? 'leading' : undefined}
              style={{ '--share': share }}
            >
              {mayVote ? (
                <button type="button" onClick={() => void choose(option)}>
                  {text}
                </button>
              ) : (
                <span>
                  {text}
                  {chosen === option && ' ✓'}
                </span>
              )}
              <span class="share">
                {percent}
                <span class="unseen">, {chatTexts.votes(votes)}</span>
              </span>
            </li>
          );
        })}
      </ul>
      <footer>
        <span class="faint">
          {chatTexts.votes(poll.votes)}
          {isOpen && !vote && ` · ${chatTexts.signInToVote}`}
          {!isOpen && ` · ${chatTexts.pollClosed}`}
        </span>
        {isOpen && close && (
          <button type="button" onClick={close}>
            {chatTexts.closePoll}
          </button>
        )}
      </footer>
    </section>
  );
}

/** The server keeps who voted, and tells nobody: the tab remembers what it chose. */
function storedVote(pollId: string): number | undefined {
  try {
    const stored = sessionStorage.getItem(`vote ${pollId}`);
    return stored === null ? undefined : Number(stored);
  } catch {
    return undefined; // `sessionStorage` is forbidden
  }
}

function storeVote(pollId: string, option: number): void {
  try {
    sessionStorage.setItem(`vote ${pollId}`, String(option));
  } catch {
    // Storage is forbidden: the server refuses a second vote.
  }
}
