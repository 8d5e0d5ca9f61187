import t from 'tap';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { assertPlays, oddMedia } from '../../support/gateway/odd-source.js';
import type { FileTag } from '../../support/media/flv-file.js';
import * as odd from '../../support/media/odd-tags.js';

const REORDERED = await oddMedia({ x264Params: 'slices=2' });
const PLAIN = await oddMedia({ bFrames: 0 });

const gateway = await startGatewayProcess(t);
t.jobs = 4;

const SOURCES: Record<string, FileTag[]> = {
  'SEI and delimiters in tags of their own': odd.withSeiApart(REORDERED),
  'SPS, PPS and IDR pictures in three tags': odd.withSetsApart(REORDERED),
  'slices in tags of their own': odd.withSlicesApart(REORDERED),
  'two pictures in each tag': odd.withPairs(PLAIN),
  'start codes in place of lengths': odd.withStartCodes(REORDERED),
  'keyframe labels wrong both ways': odd.withWrongLabels(REORDERED),
  'parameter sets in band alone': odd.withSetsInBand(REORDERED),
};

for (const [title, tags] of Object.entries(SOURCES))
  t.test(`a source with ${title} plays in sync, passed through`, (t) => assertPlays(t, gateway, { tags }));
