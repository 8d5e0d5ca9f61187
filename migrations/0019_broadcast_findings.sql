-- Findings of the ingest health: what was wrong with the media of a broadcast, one row per code.

create table broadcast_findings (
  broadcast_id uuid not null references broadcasts (id) on delete cascade,
  code text not null,
  severity text not null check (severity in ('info', 'warning', 'error')),
  -- As they were shown last.
  message text not null,
  cure text not null,
  -- Begin and end of the last occurrence; without an end it was present when the broadcast ended, or still is.
  since timestamptz not null,
  until timestamptz,
  occurrences integer not null check (occurrences >= 1),
  primary key (broadcast_id, code)
);
