"""Is it well? Gathers what mailboxes, sinks, timers, settings and services show, and judges it by the one catalogue.

The status shows all of it, `health/ready` the verdict. Everything is read when somebody asks: an alarm is in the
verdict as soon as its state is there, also while the timer that raises alarms does not run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from composition.connections import Services
from composition.mail import find_refused_settings
from composition.subscriptions import survey_subscriptions
from doctor.readiness import find_troubles
from inbound_mail.reports.alarm import Alarm
from inbound_mail.reports.alarms import Raised, Survey, find_active
from inbound_mail.reports.mailboxes import describe_mailbox
from inbound_mail.reports.overview import MailboxOverview
from shared.issues import Issue, judge
from shared.json_text import Json
from shared.wording import count_of


@dataclass(frozen=True)
class Overall:
    """Everything at one moment. `subscriptions`: event subscriptions by connection, of those that have some."""

    now: datetime
    survey: Survey
    raised: Raised
    alarms: Sequence[Alarm]
    troubles: Sequence[Issue]
    subscriptions: Sequence[Json]

    @property
    def issues(self) -> list[Issue]:
        """What is wrong."""
        return [*(alarm.as_issue(self._raised_at(alarm)) for alarm in self.alarms), *self.troubles]

    def judge(self, issues: Sequence[Issue] | None = None) -> Json:
        """Return the verdict: the level, one sentence, and the issues. `issues`: if they are not those of `issues`."""
        found = self.issues if issues is None else issues
        return judge(found, self.now, if_well=_describe_good_state(self.survey.overviews))

    def describe_alarms(self) -> list[Json]:
        """Return the alarms as answers show them."""
        return [alarm.describe(self._raised_at(alarm)) for alarm in self.alarms]

    def describe_mailboxes(self) -> list[Json]:
        """Return the mailboxes as answers show them."""
        return [describe_mailbox(one, self.survey.levels[one.name], self.now) for one in self.survey.overviews]

    def _raised_at(self, alarm: Alarm) -> datetime | None:
        row = self.raised.alarms.get(alarm.row_key)
        return row.since if row else None


def examine_state(services: Services, now: datetime) -> Overall:
    """Read everything: two requests to the storage account for each mailbox, and some for all of them together."""
    mail = services.mail
    survey, raised = mail.watch.survey(services.expiring, now), mail.watch.read_raised()
    subscriptions, paused = survey_subscriptions(services)
    others = [*find_refused_settings(mail.settings_state), *paused]
    alarms = find_active(survey, others, raised, are_all_known=mail.is_in_force)
    troubles = [*survey.troubles, *find_troubles(services, now)]
    return Overall(now, survey, raised, alarms, troubles, subscriptions)


def _describe_good_state(overviews: Sequence[MailboxOverview]) -> str:
    """Return the sentence for a gateway with which nothing is wrong."""
    number = len(overviews)
    if not number:
        return "Nothing is wrong. The settings name no mailbox."
    unread = sum(1 for one in overviews if one.last_success is None)
    if unread and number == 1:
        return "Nothing is wrong. The mailbox waits for its first poll."
    if unread:
        return f"Nothing is wrong. Of {count_of(number, 'mailbox', 'mailboxes')}, {unread} had no poll yet."
    waiting = sum(len(one.workload.waiting) for one in overviews)
    are_read = "The mailbox is read" if number == 1 else f"All {count_of(number, 'mailbox', 'mailboxes')} are read"
    return f"{are_read}, {f'{count_of(waiting, "mail")} on the way' if waiting else 'no mail waits'}."
