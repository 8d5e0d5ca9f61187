import type { HTMLAttributes } from 'preact';

declare module 'preact' {
  namespace JSX {
    interface IntrinsicElements {
      'headend-player': HTMLAttributes<HTMLElement> & { src: string; muted?: boolean; autoplay?: boolean };
    }
  }
}
