"""Stand-ins of Azure Service Bus and Event Grid, as far as senders over HTTPS see them.

Microsoft's emulators of both are container images, which no package registry of this repository's has; these hold to
the documented contract instead. Public sources: Service Bus REST, "Send Message" (statuses) and "Message headers and
properties"; Event Grid, "Publish events to custom topics" and "CloudEvents schema" (content types, limits, statuses);
Entra roles and resources from "Authenticate an application to access Service Bus entities" and "Authenticate publishing
clients". Texts of errors follow public reports. Not known, so the client is promised the least: what Event Grid answers
a sender without the role (here 403), and the bodies of throttling.
"""
