"""Azure Storage: account, tables, blobs, queues, idempotency keys."""
