import { HeadendError } from '../../../src/platform/index.js';
import type {
  Layer,
  MatroskaOutput,
  Peer,
  PeerEnd,
  PoolStats,
  PublishingPeer,
  PublishOptions,
  ReceiveRtpOptions,
  ReceiveSlateOptions,
  RtpInput,
  RtpOutput,
  SendMatroskaOptions,
  SendRtpOptions,
  SlateInput,
  ViewerEvent,
  ViewingPeer,
  ViewOffer,
  ViewOptions,
  WebrtcPool,
} from '../../../src/webrtc/index.js';
import { LOCAL } from '../clients/webrtc-offer.js';

let ids = 0;

class FakePeer implements Peer {
  readonly id = `peer-${++ids}`;
  readonly local = LOCAL;
  readonly connected: Promise<void>;
  readonly closed: Promise<PeerEnd>;
  /** Completes ICE and DTLS. */
  connect: () => void = () => {};
  /** Ends the peer; the first reason counts. */
  end: (reason: PeerEnd) => void = () => {};
  ended: PeerEnd | undefined;

  constructor() {
    this.connected = new Promise((resolve) => {
      this.connect = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.end = (reason) => {
        this.ended ??= reason;
        resolve(reason);
      };
    });
  }

  close(): void {
    this.end('closed');
  }
}

export class FakePublishingPeer extends FakePeer implements PublishingPeer {
  readonly options: PublishOptions;
  source: Parameters<PublishingPeer['onSource']>[0] = () => {};
  media: Parameters<PublishingPeer['onMedia']>[0] = () => {};
  faults: Parameters<PublishingPeer['onFaults']>[0] = () => {};
  counters: Parameters<PublishingPeer['onCounters']>[0] = () => {};
  pictureChanged: Parameters<PublishingPeer['onPicture']>[0] = () => {};

  constructor(options: PublishOptions) {
    super();
    this.options = options;
  }

  onSource(listener: typeof this.source): void {
    this.source = listener;
  }

  onMedia(listener: typeof this.media): void {
    this.media = listener;
  }

  onCounters(listener: typeof this.counters): void {
    this.counters = listener;
  }

  onPicture(listener: typeof this.pictureChanged): void {
    this.pictureChanged = listener;
  }

  onFaults(listener: typeof this.faults): void {
    this.faults = listener;
  }
}

export class FakeViewingPeer extends FakePeer implements ViewingPeer {
  readonly options: ViewOptions;
  readonly selected: (string | undefined)[] = [];
  /** Emits an event to the listener. */
  event: (event: ViewerEvent) => void = () => {};

  constructor(options: ViewOptions) {
    super();
    this.options = options;
  }

  selectLayer(rid: string | undefined): void {
    this.selected.push(rid);
  }

  onEvent(listener: (event: ViewerEvent) => void): void {
    this.event = listener;
  }

  layers(...layers: Layer[]): void {
    this.event({ type: 'layers', layers, current: layers[0]?.rid, chosen: undefined });
  }
}

/** SFU without media: records calls, and tests trigger its events. */
export class FakeWebrtcPool implements WebrtcPool {
  readonly publishers: FakePublishingPeer[] = [];
  readonly viewers: FakeViewingPeer[] = [];
  /** Media source changes of viewer groups, in order. */
  readonly mediaSources: [viewerGroupId: string, mediaSourceId: string | undefined][] = [];
  readonly closedViewerGroups: [viewerGroupId: string, reason: string][] = [];
  readonly inputs: (ReceiveRtpOptions & { open: boolean; close(): void })[] = [];
  /** Slates, with the number of pictures written. */
  readonly slates: (ReceiveSlateOptions & { pictures: number; open: boolean })[] = [];
  readonly outputs: (SendRtpOptions & { open: boolean })[] = [];
  readonly matroskaOutputs: (SendMatroskaOptions & { open: boolean })[] = [];
  /** Makes every call fail as without a worker. */
  broken = false;
  /** Awaited before a peer is returned. */
  beforePeer: () => Promise<void> = async () => {};

  async start(): Promise<void> {}
  async close(): Promise<void> {}

  async publish(options: PublishOptions): Promise<PublishingPeer> {
    await this.beforePeer();
    this.#check();
    const peer = new FakePublishingPeer(options);
    this.publishers.push(peer);
    return peer;
  }

  async view(options: ViewOptions): Promise<ViewingPeer> {
    await this.beforePeer();
    this.#check();
    const peer = new FakeViewingPeer(options);
    this.viewers.push(peer);
    return peer;
  }

  async offerView(): Promise<ViewOffer> {
    this.#check();
    return { local: LOCAL, accept: (options) => this.view(options), close: () => {} };
  }

  async receiveRtp(options: ReceiveRtpOptions): Promise<RtpInput> {
    this.#check();
    let resolveClosed = (): void => {};
    const closed = new Promise<void>((resolve) => {
      resolveClosed = resolve;
    });
    const close = (): void => {
      input.open = false;
      resolveClosed();
    };
    const input = { ...options, open: true, close };
    this.inputs.push(input);
    return {
      ...(options.video ? { videoPort: 40_000 + this.inputs.length * 4 } : {}),
      ...(options.audio ? { audioPort: 40_002 + this.inputs.length * 4 } : {}),
      ...(options.video ? { pictures: { beginStream() {}, writePicture: () => true } } : {}),
      closed,
      close,
    };
  }

  async receiveSlate(options: ReceiveSlateOptions): Promise<SlateInput> {
    this.#check();
    let resolveClosed = (): void => {};
    const closed = new Promise<void>((resolve) => {
      resolveClosed = resolve;
    });
    const slate = { ...options, pictures: 0, open: true };
    this.slates.push(slate);
    return {
      pictures: {
        beginStream() {},
        writePicture() {
          slate.pictures++;
          return true;
        },
      },
      closed,
      close() {
        slate.open = false;
        resolveClosed();
      },
    };
  }

  async sendRtp(options: SendRtpOptions): Promise<RtpOutput> {
    this.#check();
    const output = { ...options, open: true };
    this.outputs.push(output);
    return {
      close: () => {
        output.open = false;
      },
    };
  }

  async sendMatroska(options: SendMatroskaOptions): Promise<MatroskaOutput> {
    this.#check();
    const output = { ...options, open: true };
    this.matroskaOutputs.push(output);
    return {
      path: `/tmp/${this.matroskaOutputs.length}.sock`,
      close: () => {
        output.open = false;
      },
    };
  }

  forgetMedia(): void {}

  setMediaSource(viewerGroupId: string, mediaSourceId: string | undefined): void {
    this.mediaSources.push([viewerGroupId, mediaSourceId]);
  }

  /** Current media source of a viewer group. */
  mediaSourceOf(viewerGroupId: string): string | undefined {
    return this.mediaSources.findLast(([id]) => id === viewerGroupId)?.[1];
  }

  closeViewerGroup(viewerGroupId: string, reason: string): void {
    this.closedViewerGroups.push([viewerGroupId, reason]);
    for (const viewer of this.viewers)
      if (viewer.options.viewerGroupId === viewerGroupId) viewer.end('channel-closed');
  }

  async stats(): Promise<PoolStats> {
    return { workers: [] };
  }

  #check(): void {
    if (this.broken) throw new HeadendError('webrtc_unavailable', 'no worker is available');
  }
}
