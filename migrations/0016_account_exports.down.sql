create index livestream_chat_user_id on livestream_chat (user_id);
drop index livestream_chat_author;
drop table account_exports;
