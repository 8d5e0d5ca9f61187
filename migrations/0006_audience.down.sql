drop table livestream_viewer_minutes, audience_heartbeat;
alter table livestream_viewers drop column protocol;
