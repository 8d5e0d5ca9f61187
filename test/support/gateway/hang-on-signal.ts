// Loaded by Node before a program (`--import`): SIGUSR2 makes its main thread loop for ever.
process.on('SIGUSR2', function hangOnSignal() {
  for (;;) Math.sqrt(2);
});
