export { type WhipRoutesOptions, whipRoutes } from './routes.js';
export {
  createWhipIngest,
  type IngestRequest,
  type WebrtcPublication,
  type WhipIngest,
  type WhipIngestOptions,
} from './whip-ingest.js';
