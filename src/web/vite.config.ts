import { defineConfig } from 'vite';

/** Builds the pages into `.build/web`: `vite build src/web`. */
export default defineConfig({
  experimental: {
    // Scripts name their files relative to themselves, as other sites load them too.
    renderBuiltUrl: (_file, { hostType }) => (hostType === 'js' ? { relative: true } : undefined),
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../.build/web',
    // A browser without module preloading loads the same files a little later.
    modulePreload: { polyfill: false },
    emptyOutDir: true,
    target: 'es2022',
    // Written, but not named in each file: names would be 2 % of what the watch page loads first.
    sourcemap: 'hidden',
    rolldownOptions: {
      // `player` is the script that other sites load, by an address that stays.
      input: {
        index: `${import.meta.dirname}/index.html`,
        embed: `${import.meta.dirname}/embed.html`,
        player: `${import.meta.dirname}/element/headend-player.tsx`,
      },
      output: {
        // Translations are told from other chunks by their name, as pages load them in one language.
        chunkFileNames: ({ facadeModuleId }) => {
          const [, language] = /\/texts\/([a-z]{2})\/[^/]+$/.exec(facadeModuleId ?? '') ?? [];
          return `assets/${language ? `texts-${language}-` : ''}[name]-[hash].js`;
        },
        entryFileNames: ({ name }) => (name === 'player' ? 'player.js' : 'assets/[name]-[hash].js'),
      },
    },
    // hls.js is a single large chunk, loaded only when HLS plays.
    chunkSizeWarningLimit: 700,
  },
});
