"""Runs over either API: documents, queries, pages, which API is asked, and the request that starts a job."""
