drop table broadcast_qoe;
