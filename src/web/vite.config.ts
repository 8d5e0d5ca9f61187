import { defineConfig } from 'vite';

/** Builds the browser pages into `.build/web`; run as `vite build src/web`. */
export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../.build/web',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: true,
    // hls.js is one large chunk by nature, and loaded only where something plays.
    chunkSizeWarningLimit: 700,
  },
});
