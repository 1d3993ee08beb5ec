"""Change notifications of Microsoft Graph: what is watched, what Graph posts, and the subscriptions behind it."""
