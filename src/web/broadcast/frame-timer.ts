/** Worker that ticks at the interval that it is sent, ms: timers of a page in the background run once a second. */
let timer: ReturnType<typeof setInterval> | undefined;

self.addEventListener('message', ({ data }: MessageEvent<number>) => {
  clearInterval(timer);
  timer = setInterval(() => self.postMessage(undefined), data);
});
