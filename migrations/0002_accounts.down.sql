drop table follows, invitations, access_tokens, account_sessions, accounts;
