drop table broadcast_join_failures;
