drop index livestream_viewers_left_at;
drop table livestream_viewer_minutes, audience_heartbeat;
alter table livestream_viewers drop column protocol, drop column viewer_id;
