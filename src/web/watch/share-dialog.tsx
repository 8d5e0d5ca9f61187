import { useRef } from 'preact/hooks';
import { CopyField } from '../forms/copy-field.js';
import { mediaTexts } from '../texts/media.js';

/** Button and dialog with the address of a stream, and the code with which other pages embed it. */
export function ShareDialog({ streamId, title }: { streamId: string; title: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = encodeURIComponent(streamId);
  const address = new URL(`/watch/${id}`, location.origin).href;
  const share = async (): Promise<void> => {
    try {
      await navigator.share({ title, url: address });
    } catch {
      // The user chose nothing.
    }
  };
  return (
    <>
      <button type="button" onClick={() => dialog.current?.showModal()}>
        {mediaTexts.share}
      </button>
      <dialog ref={dialog} class="card share" aria-label={mediaTexts.share}>
        <h2>{mediaTexts.share}</h2>
        <CopyField label={mediaTexts.link} value={address} />
        <CopyField
          label={mediaTexts.embedCode}
          value={embedCode(new URL(`/embed/${id}`, location.origin).href)}
        />
        <div class="actions">
          {'share' in navigator && (
            <button type="button" onClick={() => void share()}>
              {mediaTexts.sendTo}
            </button>
          )}
          <button type="button" onClick={() => dialog.current?.close()}>
            {mediaTexts.close}
          </button>
        </div>
      </dialog>
    </>
  );
}

/** @param address encoded: without quotation marks */
export function embedCode(address: string): string {
  return (
    `<iframe src="${address}" width="640" height="360" style="border:0" ` +
    'allow="autoplay; fullscreen; picture-in-picture" allowfullscreen></iframe>'
  );
}
