import { useEffect, useState } from 'preact/hooks';
import type { ApiResult, Stream } from '../api/api-client.js';
import { callApi } from '../api/api-client.js';
import type { BroadcastState } from '../broadcast/broadcast-state.js';
import { isOnAir } from '../broadcast/broadcast-state.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { useKeptFocus } from '../forms/focus.js';
import { useAction } from '../forms/use-action.js';
import { studioTexts } from '../texts/studio.js';
import { type OnAir, onAirOf } from './on-air.js';

export type Way = 'obs' | 'browser';

type GoLiveProps = {
  stream: Stream;
  way: Way;
  csrfToken: string | null;
  /** State of the broadcast of this tab. */
  browser: BroadcastState | undefined;
  /** Id of the form that begins the broadcast of this tab. */
  formId: string;
  onStopSending: () => void;
  onChange: () => void;
};

/** One state and one button, by which a livestream is tested, goes live and ends, whatever publishes it. */
export function GoLive(props: GoLiveProps) {
  const { stream, way, csrfToken, browser, formId, onStopSending, onChange } = props;
  const action = useAction();
  const params = { streamId: stream.id };
  // The tick is shown at once, until the poll tells the stored value.
  const [wanted, setWanted] = useState<boolean>();
  useEffect(() => setWanted(undefined), [stream.testing]);
  const testing = wanted ?? stream.testing;
  const onAir = onAirOf({ ...stream, testing }, browser?.name);
  const isSending = browser !== undefined && isOnAir(browser);
  const focusKeeper = useKeptFocus<HTMLElement>();

  const act = async <T,>(call: Promise<ApiResult<T>>): Promise<T | undefined> => {
    const answer = await action.run(call);
    onChange();
    return answer;
  };
  const setTesting = async (isTesting: boolean): Promise<void> => {
    const call = callApi('PATCH /api/livestream/:streamId', {
      ...{ params, body: { testing: isTesting }, csrfToken },
    });
    if (!(await act(call))) setWanted(undefined);
  };
  const end = (): void => {
    onStopSending();
    void act(callApi('POST /api/livestream/:streamId/end', { params, body: {}, csrfToken }));
  };

  return (
    <section {...focusKeeper} class={`go-live ${onAir}`} aria-label={studioTexts.onAir}>
      <p role="status" aria-live="polite">
        {sentenceOf(onAir, way, testing)}
      </p>
      {onAir === 'off' && (
        <label class="tick">
          <input
            type="checkbox"
            checked={testing}
            disabled={action.isBusy}
            onChange={(event) => {
              setWanted(event.currentTarget.checked);
              void setTesting(event.currentTarget.checked);
            }}
          />
          {studioTexts.testFirst}
        </label>
      )}
      <div class="actions">
        {onAir === 'off' && way === 'browser' && (
          <button
            key="begin"
            type="submit"
            form={formId}
            class="primary"
            disabled={isSending || action.isBusy}
          >
            {testing ? studioTexts.startTest : studioTexts.goLive}
          </button>
        )}
        {onAir === 'away' && way === 'browser' && !isSending && (
          <button key="again" type="submit" form={formId} disabled={action.isBusy}>
            {studioTexts.sendAgain}
          </button>
        )}
        {onAir !== 'off' && onAir !== 'over' && testing && (
          <button
            key="public"
            type="button"
            class="primary"
            disabled={action.isBusy || onAir === 'ending'}
            onClick={() => void setTesting(false)}
          >
            {studioTexts.goLive}
          </button>
        )}
        {(onAir === 'live' || onAir === 'starting' || onAir === 'away') && !testing && (
          <ConfirmButton question={studioTexts.endQuestion} onConfirm={end}>
            {studioTexts.end}
          </ConfirmButton>
        )}
        {isSending && (
          <button key="stop" type="button" onClick={onStopSending}>
            {studioTexts.stopSending}
          </button>
        )}
      </div>
      <ErrorText>{action.error}</ErrorText>
    </section>
  );
}

function sentenceOf(onAir: OnAir, way: Way, testing: boolean): string {
  switch (onAir) {
    case 'off':
      if (way === 'browser') return testing ? studioTexts.offNextIsTest : studioTexts.off;
      return testing ? studioTexts.offObsTest : studioTexts.offObs;
    case 'starting':
      return testing ? studioTexts.testStarting : studioTexts.starting;
    case 'testing':
      return studioTexts.testing;
    case 'live':
      return studioTexts.live;
    case 'away':
      return testing ? studioTexts.testAway : studioTexts.away;
    case 'ending':
      return studioTexts.ending;
    case 'over':
      return studioTexts.over;
  }
}
