"""What is known about every mail: ledger, claims, stored copies."""
