drop table channels, stream_key_uses, stream_keys;
