// Preload (`node --import`): SIGUSR2 makes the main thread loop forever.
process.on('SIGUSR2', function hangOnSignal() {
  for (;;) Math.sqrt(2);
});
