drop table broadcast_cmcd;
