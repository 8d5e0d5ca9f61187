create index livestream_viewers_stream_id on livestream_viewers (stream_id);
drop index livestream_viewers_joined_at;
