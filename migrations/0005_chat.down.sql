drop table livestream_poll_votes, livestream_polls, chat_log, chat_bans, chat_moderators, chat_settings;
drop index livestream_chat_deleted_at, livestream_chat_client_id;
alter table livestream_chat drop column deleted_by, drop column deleted_at, drop column address_hash,
  drop column client_id, drop column media_time, drop column badge, drop column user_name;
