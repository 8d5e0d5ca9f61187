import { useEffect, useState } from 'preact/hooks';
import type { ApiResult, Stream } from '../api/api-client.js';
import { callApi } from '../api/api-client.js';
import type { BroadcastState } from '../broadcast/broadcast-state.js';
import { isOnAir } from '../broadcast/broadcast-state.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
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
    <section class={`go-live ${onAir}`} aria-label="On air">
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
          Test first: only you can watch until you press “Go live”
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
            {testing ? 'Start the test' : 'Go live'}
          </button>
        )}
        {onAir === 'away' && way === 'browser' && !isSending && (
          <button key="again" type="submit" form={formId} disabled={action.isBusy}>
            Send again
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
            Go live
          </button>
        )}
        {(onAir === 'live' || onAir === 'starting' || onAir === 'away') && !testing && (
          <ConfirmButton
            question="End this livestream for everybody? Its stream keys end with it."
            onConfirm={end}
          >
            End
          </ConfirmButton>
        )}
        {isSending && (
          <button key="stop" type="button" onClick={onStopSending}>
            Stop sending
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
      if (way === 'browser')
        return testing ? 'You are not live. The next broadcast is a private test.' : 'You are not live.';
      return testing
        ? 'You are not live. Press “Start Streaming” in OBS to begin the private test.'
        : 'You are not live. Press “Start Streaming” in OBS to go live.';
    case 'starting':
      return testing ? 'The private test is starting…' : 'The broadcast is starting…';
    case 'testing':
      return 'Private test: nobody else can watch. Look at the picture and at what the doctor finds, then go live without reconnecting.';
    case 'live':
      return 'You are live: viewers can watch.';
    case 'away':
      return testing
        ? 'Nothing is sent at the moment: the test goes on when you send again.'
        : 'Nothing is sent at the moment: viewers wait until you send again.';
    case 'ending':
      return 'The broadcast is ending…';
    case 'over':
      return 'This livestream has ended for good: create another one on the dashboard.';
  }
}
