drop table broadcast_findings;
