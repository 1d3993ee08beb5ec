"""Reports on mails and mailboxes: lists, trigger items, alarms."""
