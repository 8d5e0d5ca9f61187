drop table livestream_polls, chat_log, chat_bans, chat_moderators, chat_settings;
alter table livestream_chat drop column deleted_by, drop column deleted_at, drop column media_time, drop column user_name;
