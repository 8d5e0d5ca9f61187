-- Common Media Client Data (CTA-5004) that players sent with their requests for HLS and DASH, summed up by broadcast.
-- Nothing in it tells viewers apart.

create table broadcast_cmcd (
  broadcast_id uuid primary key references broadcasts (id) on delete cascade,
  -- Different session ids.
  sessions bigint not null default 0,
  requests bigint not null default 0,
  -- Requests before which the buffer was empty.
  starvations bigint not null default 0,
  -- Requests at a start, after seeking or with an empty buffer.
  urgent bigint not null default 0,
  -- Histograms: one count per bucket of the gateway.
  buffer_counts bigint[] not null,
  throughput_counts bigint[] not null
);
