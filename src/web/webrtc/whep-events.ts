/** Simulcast layer of a `layers` event. */
export type WhepLayer = {
  /** Media section of the layer, as layer selection names it. */
  mediaId: string;
  rid: string;
  active: boolean;
  width?: number;
  height?: number;
  /** Bits per second. */
  bitrate?: number;
};

export type WhepLayers = {
  layers: WhepLayer[];
  /** Rid of the layer that is sent, and of the one that this viewer requested. */
  current: string | undefined;
  chosen: string | undefined;
};

export const WHEP_EVENTS = ['active', 'inactive', 'layers', 'reconnect', 'end'] as const;

/** Parses the data of an event; returns an empty object for any other shape. */
export function parseData(data: unknown): Record<string, unknown> {
  if (typeof data !== 'string') return {};
  try {
    const value: unknown = JSON.parse(data);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

/**
 * Parses a `layers` event: by media section either a list of layers, or an object with the lists `layers`, `active` and
 * `inactive` (drafts of the extension differ), each layer with a `rid`, `encodingId` or `id`.
 */
export function parseLayers(data: Record<string, unknown>): WhepLayers {
  const layers: WhepLayer[] = [];
  let { current, chosen } = data;
  for (const [mediaId, section] of Object.entries(data)) {
    if (!/^\d+$/.test(mediaId)) continue;
    if (Array.isArray(section)) {
      layers.push(...section.flatMap((layer) => toLayer(mediaId, layer)));
    } else if (isRecord(section)) {
      current ??= section.current;
      chosen ??= section.chosen;
      const named = (name: string): unknown[] => (Array.isArray(section[name]) ? section[name] : []);
      const idle = named('inactive').map((layer) => (isRecord(layer) ? { ...layer, active: false } : layer));
      // Duplicates of a rid are dropped below: the first counts.
      const listed = [...named('layers'), ...named('active'), ...idle];
      layers.push(...listed.flatMap((layer) => toLayer(mediaId, layer)));
    }
  }
  return {
    // Temporal layers are separate entries with the same rid; spatial layers cannot be selected here.
    layers: layers.filter(
      ({ mediaId, rid }, index) =>
        layers.findIndex((other) => other.mediaId === mediaId && other.rid === rid) === index,
    ),
    current: typeof current === 'string' ? current : undefined,
    chosen: typeof chosen === 'string' ? chosen : undefined,
  };
}

/** Returns a unique label per layer: `720p`, or the rid where the height is unknown or not unique. */
export function layerLabels(layers: readonly WhepLayer[]): string[] {
  const names = layers.map(({ height, rid }) => (height ? `${height}p` : rid));
  return names.map((name, index) =>
    names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${layers[index]?.rid ?? index})`,
  );
}

function toLayer(mediaId: string, layer: unknown): WhepLayer[] {
  if (!isRecord(layer)) return [];
  const rid = layer.rid ?? layer.encodingId ?? layer.id;
  if (typeof rid !== 'string' || rid === '') return [];
  const number = (name: string): Record<string, number> => {
    const value = layer[name];
    return typeof value === 'number' && Number.isFinite(value) && value > 0 ? { [name]: value } : {};
  };
  return [
    {
      mediaId,
      rid,
      active: layer.active !== false,
      ...number('width'),
      ...number('height'),
      ...number('bitrate'),
    },
  ];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
