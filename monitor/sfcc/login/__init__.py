"""Logging in: ways to prove who one is, tokens shared by threads, one login for each client and scope."""
