-- Views of a livestream by time, for the analytics of one broadcast.
create index livestream_viewers_joined_at on livestream_viewers (stream_id, joined_at);
drop index livestream_viewers_stream_id;
