"""The sink for Azure Storage Queues."""
