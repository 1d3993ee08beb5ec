"""What the state of support mailboxes and of the gateway looks like in its answers."""

from devkit.connector.mail_shapes import MAILBOX_NAME
from devkit.connector.shapes import Shape, counts_by_name, flag, list_of, moment, ref, text, thing, whole

_FORCE_NAME = "VersionInForce"
_IN_FORCE = ("current", "lastGood", "nothing")

LEVEL = text("Level", "How bad it is.", choices=("ok", "warning", "critical"), name="IssueLevel")

ISSUE = thing(
    {
        "code": text("Issue", "What is wrong, as a stable code; of an alarm its name."),
        "level": text("Issue Level", "How bad it is.", choices=("warning", "critical"), name="LevelOfIssue"),
        "about": text("Issue Subject", "Which mailbox, sink, connection, setting, timer or queue it is about."),
        "message": text("Issue Message", "What is wrong, as a sentence."),
        "remedy": text("Remedy", "What mends it."),
        "sinceDateTime": moment("Issue Since", "Since when, in UTC, if that is known.", null=True),
    },
    name="Issue",
)

DEFINITIONS: dict[str, Shape] = {
    "SupportMailbox": thing(
        {
            "name": MAILBOX_NAME,
            "address": text("Address", "Mail address of the mailbox."),
            "folders": list_of({"type": "string"}, "Folders", "The folders that are read."),
            "sinks": list_of({"type": "string"}, "Sinks", "Names of the sinks that its mails go to."),
            "level": LEVEL,
            "lastSuccessDateTime": moment("Last Success", "When it was last read without an error.", null=True),
            "lagSeconds": whole("Lag in Seconds", "The time since then.", null=True),
            "alarmMinutes": whole("Alarm Minutes", "After how many minutes without a success an alarm is raised."),
            "nextPollDateTime": moment("Next Poll", "When the timer polls it next, about.", null=True),
            "backlog": whole("Backlog", "How many mails are not closed yet."),
            "oldestWaitingSeconds": whole("Oldest Waiting", "For how long the oldest mail waits.", null=True),
            "quarantined": whole("Quarantined", "How many deliveries wait for a person."),
            "automatic": whole("Automatic", "How many of them are automatic mails, for which nothing need be done."),
            "setAsideByRule": whole("Set Aside by Rules", "How many of them a rule has set aside."),
            "onlyThanks": whole("Only Thanks", "How many of them only say thanks on a closed ticket."),
            "loopSuspected": whole("Loop Suspected", "How many of them are beyond the limits for one correspondent."),
            "isPaused": flag("Paused", "Whether it rests after a failure."),
            "received": whole("Received", "How many mails were read since the beginning."),
            "delivered": whole("Delivered", "How many mails were delivered since the beginning."),
            "skipped": whole("Skipped", "How many mails were not taken: copies, and what came before the cutover."),
            "copies": whole("Copies", "How many of the skipped mails are copies."),
            "gone": whole("Gone", "How many mails vanished before they were read whole."),
            "resyncs": whole("Resyncs", "How often the folder had to be read from its beginning."),
            "foundBySweep": whole("Found by Sweep", "How many mails only the hourly sweep found."),
            "announcements": thing(
                {
                    "isProven": flag("Announced", "Whether Microsoft Graph is proven to announce new mail."),
                    "subscribedUntilDateTime": moment("Subscribed Until", "Until when it is to announce new mail."),
                    "lastAnnouncedDateTime": moment(
                        "Last Announced", "When it has last announced what a poll found.", null=True
                    ),
                    "lagSeconds": whole("Announcement Lag", "How many seconds after the mail that was.", null=True),
                },
                description="How Microsoft Graph announces new mail, with GRAPH_NOTIFICATIONS.",
                name="Announcements",
                visibility="advanced",
            ),
            "lastError": thing(
                {
                    "code": text("Error Code", "What went wrong last, as a code."),
                    "message": text("Error Message", "What went wrong last, as a sentence."),
                    "dateTime": moment("Error Time", "When it went wrong, in UTC.", null=True),
                },
                name="LastError",
            ),
        },
        in_view="name address folders lastSuccessDateTime lagSeconds backlog quarantined automatic isPaused "
        "received delivered",
    ),
    "GatewayStatus": thing(
        {
            "asOfDateTime": moment("As Of", "When this was read, in UTC."),
            "version": text("Version", "The version of the gateway."),
            "verdict": thing(
                {
                    "level": LEVEL,
                    "sentence": text("Verdict", "One sentence about the gateway as a whole."),
                    "issues": list_of(ISSUE, "Issues", "What is wrong, the worst first."),
                },
                name="Verdict",
                description="Whether it is well.",
                in_view="level sentence",
                visibility="advanced",
            ),
            "alarms": list_of(
                thing(
                    {
                        "event": text("Alarm", "Name of the alarm."),
                        "about": text("Alarm Subject", "Which mailbox, sink or connection it is about."),
                        "sinceDateTime": moment("Alarm Since", "Since when it is raised, in UTC."),
                        "since": text("Open Since", "Since when a sink's circuit is open, or a queue stalled."),
                        "cause": text("Alarm Cause", "Why a circuit is open, or nothing is announced: a stable code."),
                        "subscribedUntil": moment("Subscription Ended", "Until when new mail was to be announced."),
                        "lastAnnounced": moment("Announced Before", "When new mail was last announced."),
                        "message": text("Alarm Message", "Why a sink's circuit is open, as a sentence."),
                        "waiting": whole("Mails Waiting", "How many mails wait for a sink whose circuit is open."),
                        "fault": text("Schedule Fault", "What is wrong with a timer's schedule."),
                        "isRefused": flag("Refused", "Whether the platform does not start the timer."),
                        "lastRun": moment("Last Run", "When a timer has run last.", null=True),
                        "isExpired": flag("Expired", "Whether a secret has expired."),
                        "lastSuccess": moment("Last Success Before", "When a silent mailbox was last read."),
                        "lastError": text("Last Mailbox Error", "What a silent mailbox failed with.", null=True),
                        "mails": whole("Mails in Quarantine", "How many deliveries wait for a person."),
                        "usual": whole("Usual Mails", "How many mails are set aside on an average day."),
                        "causes": counts_by_name("Causes", "How many deliveries wait, by their cause."),
                        "expiresOn": moment("Secret Expires", "When a secret expires."),
                        "messages": whole("Messages in Queue", "How many messages lie in a queue."),
                        "unreadable": list_of(
                            text("Unreadable Message", "Id, time and reason."), "Unreadable Messages", "The first 20."
                        ),
                        "paused": whole("Paused Event Subscriptions", "How many event subscriptions are paused."),
                        "subscriptions": list_of(
                            text("Paused Event Subscription", "Its id."), "Paused Subscriptions", "The first 20."
                        ),
                        "keys": list_of(text("Waiting Mail", "Key of a mail."), "Waiting Mails", "The first 20."),
                        "inForce": text(
                            "Settings in Force", "Which settings are in force.", choices=_IN_FORCE, name=_FORCE_NAME
                        ),
                        "faults": list_of(text("Fault", "Setting and sentence."), "Faults", "The first 20 faults."),
                        "blobs": list_of(text("Blob", "Container and name."), "Blobs", "Where the settings are."),
                    },
                    name="Alarm",
                    in_view="event about sinceDateTime message",
                ),
                "Alarms",
                "What is wrong now.",
            ),
            "mailboxes": list_of(ref("SupportMailbox"), "Mailboxes", "The support mailboxes with their state."),
            "sinks": list_of(
                thing(
                    {
                        "name": text("Sink Name", "Name of the sink."),
                        "kind": text("Sink Kind", "What kind of sink it is."),
                        "circuit": text("Circuit", "Whether mails go through.", choices=("open", "closed")),
                        "why": thing(
                            {
                                "since": text("Waiting Since", "Since when every mail waits."),
                                "cause": text("Waiting Cause", "Why every mail waits, as a stable code."),
                                "message": text("Waiting Because", "Why every mail waits, as a sentence."),
                            },
                            name="WaitingReason",
                            visibility="advanced",
                        ),
                    },
                    name="SinkState",
                ),
                "Sinks",
                "Where mails go.",
            ),
            "credentials": list_of(
                thing(
                    {
                        "connection": text("Tenant Connection", "Name of the connection."),
                        "expiresOn": moment("Expires", "When its stored credential expires."),
                    },
                    name="CredentialExpiry",
                ),
                "Credentials",
                "When stored credentials expire.",
            ),
            "waitingMessages": thing(
                {
                    "polls": whole("Waiting Polls", "How many polls wait in the queue."),
                    "deliveries": whole("Waiting Deliveries", "How many deliveries wait in the queue."),
                },
                name="WaitingMessages",
                in_view="polls deliveries",
                visibility="advanced",
            ),
            "poisonMessages": whole("Poison Messages", "How many messages the platform gave up."),
            "eventSubscriptions": list_of(
                thing(
                    {
                        "connection": text("Subscribed Connection", "Name of the connection."),
                        "subscriptions": whole("Event Subscriptions", "How many event subscriptions it has."),
                        "paused": whole("Subscriptions in Pause", "How many of them are paused, and not by hand."),
                    },
                    name="EventSubscriptionCount",
                ),
                "Event Subscriptions by Connection",
                "The event subscriptions of each connection that has some.",
                visibility="advanced",
            ),
            "graphSubscriptions": list_of(
                thing(
                    {
                        "mailbox": text("Watched Mailbox", "Name of the mailbox."),
                        "folder": text("Watched Folder", "The folder whose new mail is announced."),
                        "isThere": flag("Subscribed", "Whether Microsoft Graph has confirmed it."),
                        "endDateTime": moment("Subscription End", "When it ends unless it is renewed.", null=True),
                        "renewedDateTime": moment("Subscription Renewed", "When it was renewed last.", null=True),
                        "lastError": thing(
                            {
                                "code": text("Subscription Error", "Why it could not be made or renewed, as a code."),
                                "message": text("Subscription Message", "Why not, as a sentence."),
                                "nextTryDateTime": moment("Next Try", "When it is tried again."),
                            },
                            name="SubscriptionError",
                            visibility="advanced",
                        ),
                    },
                    name="GraphSubscription",
                ),
                "Graph Subscriptions",
                "With which Microsoft Graph announces new mail, where GRAPH_NOTIFICATIONS is on.",
            ),
            "mailSettings": thing(
                {
                    "inForce": text(
                        "Version in Force", "Which version is in force.", choices=_IN_FORCE, name=_FORCE_NAME
                    ),
                    "blobs": list_of(
                        thing(
                            {
                                "setting": text("Setting in Blob", "Name of the setting."),
                                "blob": text("Blob of Setting", "Container and name of the blob."),
                            },
                            name="SettingBlob",
                        ),
                        "Settings in Blobs",
                        "Which settings are in which blobs.",
                    ),
                    "faults": list_of(
                        thing(
                            {
                                "setting": text("Wrong Setting", "Which part of which setting is wrong."),
                                "message": text("What To Do", "What to do about it."),
                            },
                            name="SettingFault",
                        ),
                        "Faults of Settings",
                        "Why the version in the blobs is refused; empty if it is not.",
                    ),
                    "takenDateTime": moment("Taken Over", "When this instance took the version over."),
                    "wrongSinceDateTime": moment("Wrong Since", "Since when the blobs are refused or unreadable."),
                    "message": text("Settings Message", "What is wrong, as a sentence."),
                },
                description="The state of MAILBOXES and SINKS as this instance knows it, where a blob holds them.",
                name="MailSettings",
                visibility="advanced",
            ),
        }
    ),
}
