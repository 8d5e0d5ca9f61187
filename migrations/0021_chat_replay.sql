-- Chat beside recordings: messages by what their authors were watching.
create index livestream_chat_media_time on livestream_chat (stream_id, (coalesce(media_time, created_at)), id)
  where deleted_at is null;
