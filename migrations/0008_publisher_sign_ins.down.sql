drop index stream_key_uses_used_at;
drop table publisher_sign_ins;
