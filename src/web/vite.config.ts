import { defineConfig } from 'vite';

/** Builds the pages into `.build/web`: `vite build src/web`. */
export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../.build/web',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: true,
    // hls.js is a single large chunk, loaded only when HLS plays.
    chunkSizeWarningLimit: 700,
  },
});
