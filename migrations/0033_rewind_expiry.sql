-- Parts of rewind windows that are too old are looked for every few seconds, among recordings that are kept for years. The table has a
-- row per recording: the index is built in less than a second, while writes wait.
create index recordings_rewind_ended_at on recordings (ended_at) where purpose = 'rewind' and state in ('ready', 'failed');
