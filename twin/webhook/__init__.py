"""Apis that take deliveries: a receiver of signed webhooks, and a Logic Apps workflow behind its trigger's address.

Public sources: the Standard Webhooks specification 1.0.0 (headers, signature, meaning of statuses); Microsoft's pages
on the Request trigger of Logic Apps (address, 202 without a Response action, schema validation, content types).
"""
