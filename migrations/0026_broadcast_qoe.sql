-- Quality of experience: what the players of a broadcast reported, summed up by delivery. Nothing in it tells viewers apart.

create table broadcast_qoe (
  broadcast_id uuid not null references broadcasts (id) on delete cascade,
  delivery text not null check (delivery in ('webrtc', 'hls')),
  plays bigint not null default 0,
  played_ms bigint not null default 0,
  rebuffers bigint not null default 0,
  rebuffer_ms bigint not null default 0,
  switches bigint not null default 0,
  failures bigint not null default 0,
  -- Falls from WebRTC to HLS, by reason.
  falls jsonb not null default '{}',
  -- Histograms: one count per bucket of the gateway.
  startup_counts bigint[] not null,
  latency_counts bigint[] not null,
  primary key (broadcast_id, delivery)
);
