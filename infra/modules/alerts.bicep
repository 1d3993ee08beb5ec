// Alerts on the events of shared/events.py, which docs/operations.md explains, and one for the case that nobody speaks.
import { texts } from '../types.bicep'

param componentName string
param workspaceName string
param location string
param tags texts

@description('Empty: nobody is mailed.')
param email string

@description('Without mailboxes no timer has to be heard.')
param hasMailboxes bool

// severity: 1 error (mails or callers suffer now), 2 warning (they will)
var alarms = [
  { event: 'MailboxSilent', severity: 1, text: 'A mailbox has not been read for longer than its alarm_minutes.' }
  { event: 'QuarantineGrew', severity: 2, text: 'More mails wait for a person.' }
  { event: 'LoopSuspected', severity: 2, text: 'Mails of one correspondent are beyond the limits of an hour.' }
  { event: 'SecretExpiresSoon', severity: 2, text: 'A secret or certificate ends soon, or has ended.' }
  { event: 'CircuitOpen', severity: 1, text: 'A sink refuses the gateway; its mails wait.' }
  { event: 'ScheduleRefused', severity: 1, text: 'A schedule is wrong or not set, so its timer does not run.' }
  { event: 'TimerSilent', severity: 1, text: 'A timer has missed its runs: nothing is polled, scanned or watched.' }
  { event: 'SettingsRefused', severity: 1, text: 'Mailboxes and sinks in a blob are wrong, or it cannot be read.' }
  { event: 'NotificationsSilent', severity: 2, text: 'Microsoft Graph does not announce new mail as it should.' }
  { event: 'MailboxRemoved', severity: 2, text: 'Mails wait in a mailbox that the settings no longer have.' }
  { event: 'PoisonMessage', severity: 2, text: 'A queue message failed five times.' }
  { event: 'QueueStalled', severity: 2, text: 'A trigger takes no messages; the timer does its work.' }
  { event: 'PoisonLeft', severity: 2, text: 'Messages lie in a poison queue, and nobody takes them.' }
  { event: 'SubscriptionPaused', severity: 2, text: 'Events of an event subscription are not sent any more.' }
]

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' existing = {
  name: workspaceName
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'gateway-people'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'gateway'
    enabled: true
    emailReceivers: [{ name: 'people', emailAddress: email, useCommonAlertSchema: true }]
  }
}

// The window is longer than the interval because rows arrive some minutes late; muting keeps that from telling twice.
// Nothing is resolved by itself: that the gateway tells an alarm once does not mean that it is over.
resource alarm 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for each in alarms: {
    name: 'gateway-${each.event}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Gateway: ${each.event}'
      description: '${each.text} What to do: docs/operations.md, Events.'
      severity: each.severity
      enabled: true
      scopes: [component.id]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: false
      muteActionsDuration: 'PT1H'
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: 'traces | where message startswith "${each.event} "'
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: empty(email) ? [] : [people.id] }
    }
  }
]

// The other alarms are told by the gateway itself; this one is for a gateway that does not run.
resource silence 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = if (hasMailboxes) {
  name: 'gateway-silence'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Gateway: silence'
    description: 'The timer that watches mailboxes has not run well for an hour. Ask /api/health/ready.'
    severity: 1
    enabled: true
    scopes: [component.id]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT1H'
    autoMitigate: true
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: 'requests | where name == "watch_mailboxes" and success == true'
          timeAggregation: 'Count'
          operator: 'LessThan'
          threshold: 1
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: empty(email) ? [] : [people.id] }
  }
}

// When the cap of the day is reached, the alarms above see nothing until the next day: so this one is about the cap.
resource cap 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = {
  name: 'gateway-log-cap'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Gateway: log cap'
    description: 'The cap of the day is reached, and no other alert fires: docs/operations.md, The log reached its cap.'
    severity: 1
    enabled: true
    scopes: [workspace.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: false
    muteActionsDuration: 'PT6H'
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: '_LogOperation | where Category =~ "Ingestion" | where Detail contains "OverQuota"'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: empty(email) ? [] : [people.id] }
  }
}
