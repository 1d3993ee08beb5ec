// The gateway's Azure resources, as a table of contents. What each part is for: docs/deploy.md.
// Written without registry modules, so that it compiles without a network. All names are known beforehand, so that a
// preview shows every resource: a module gets no name from the output of another, and says whom it waits for.
targetScope = 'subscription'

import { connectionsByName, mailbox, sinksByName } from 'types.bicep'

// --- where and who ---------------------------------------------------------------------------------------------------

@description('Name of this deployment; part of the resource group\'s name and seed of all other names.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Azure region; it must offer Flex Consumption.')
@minLength(1)
param location string

@description('Object id of whoever deploys: may write secrets into the vault, see deployerRights. Empty: nobody may.')
param deployerId string = ''

@description('What the deployer is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param deployerType string = 'User'

@description('Whether roles are assigned. With false, the outputs name the commands for whoever may assign roles.')
param assignRoles bool = true

@description('How long the deployer may write secrets: until the state key is stored, for good, or not at all.')
@allowed(['for-a-time', 'kept', 'none'])
param deployerRights string = 'for-a-time'

// --- the gateway's own settings, see docs/settings.md ----------------------------------------------------------------

// begin parameters of the settings: written by `python3 -m devkit docs`
@description('Microsoft cloud of the tenant.')
@allowed(['global', 'usgov', 'usgov-dod', 'china'])
param graphCloud string = 'global'

@description('Tenant (directory) id of the app registration, or a verified domain. Empty: that of the subscription.')
param graphTenantId string = ''

@description('Application (client) id of the app registration. Empty until the app is registered.')
param graphClientId string = ''

@description('How the app signs in.')
@allowed(['federated', 'certificate', 'secret', 'password'])
param graphCredential string = 'federated'

@description('Key Vault name of the credential.')
param graphCredentialName string = ''

@description('Further tenants, their secrets by Key Vault name only.')
param graphConnections connectionsByName = {}

@description('Booking businesses that callers may use, each by its id (the mail address of the booking page).')
param bookingsBusinesses string = ''

@description('Whether callers may write appointments and customers.')
@allowed(['off', 'on'])
param bookingsWrites string = 'off'

@description('Key Vault name of the key (32 random bytes in Base64) that signs paging cursors.')
param stateKeyName string = 'gateway-state-key'

@description('Address that links in answers begin with, such as https://gateway.contoso.example/api.')
param publicBaseUrl string = ''

@description('Whether Microsoft Graph announces new mail, so that it is read within seconds.')
@allowed(['off', 'on'])
param graphNotifications string = 'off'

@description('With GRAPH_NOTIFICATIONS: whether changes in the calendars of the businesses of BOOKINGS_BUSINESSES have these scanned at once.')
@allowed(['off', 'on'])
param graphNotificationsBookings string = 'off'

@description('Public address to which Graph posts, such as https://gateway.contoso.com/api.')
param graphNotificationsUrl string = ''

@description('Whether anybody may read the API\'s page and descriptions: docs, openapi.json, swagger.json.')
@allowed(['off', 'on'])
param apiDocs string = 'on'

@description('Whether people who have signed in with Entra ID in front of the app may use the console without a key, by the app roles *Gateway.Read* and *Gateway.Operate*.')
@allowed(['off', 'on'])
param consoleSignIn string = 'off'

@description('Whether large files leave by links to the storage account that last ten minutes. With `privateNetwork` it is always off.')
@allowed(['off', 'on'])
param fileLinks string = 'on'

@description('Hosts to which callers may let events be sent (subscriptions), such as hooks.contoso.com,*.contoso.net.')
param eventTargetHosts string = ''

@description('Those of the hosts whose names may lead to private addresses.')
param eventTargetPrivateHosts string = ''

@description('Queues and topics to which callers may let events be sent: https://NAMESPACE.servicebus.windows.net/NAME, https://TOPIC.REGION.eventgrid.azure.net, and names of queues in the app\'s storage account, which begin with events-.')
param eventTargets string = ''

@description('Hosts below which flows may be called by instant triggers, beside those of Power Automate and Logic Apps: for Logic Apps of the standard plan, such as contoso-flows.azurewebsites.net.')
param flowCallbackHosts string = ''

@description('Support mailboxes to read.')
param mailboxes mailbox[] = []

@description('Where mails are delivered.')
param sinks sinksByName = {}

@description('When the mailboxes that are due are polled.')
param mailboxPollSchedule string = '0 * * * * *'

@description('How old, in seconds, the last scan of a business may be when a caller asks for its changes.')
@minValue(10)
@maxValue(3600)
param changesRefreshSeconds int = 60

@description('How many days ahead each scan of a business reads.')
@minValue(1)
@maxValue(366)
param changesWindowDays int = 90

@description('When businesses with a change feed are scanned.')
param changesSchedule string = '15 */5 * * * *'

@description('How many calls to Graph each instance of the app makes at the same time.')
@minValue(1)
@maxValue(64)
param graphConcurrency int = 4
// end parameters of the settings

@description('Blob in the container config that holds mailboxes and sinks. Empty: the two parameters do.')
param mailSettingsBlob string = ''

// --- sign-in of callers, beside their keys ---------------------------------------------------------------------------

@description('Application id of the app registration whose tokens callers bring. Empty: a key is enough.')
param signInClientId string = ''

@description('Tenant of these tokens. Empty: that of the subscription.')
param signInTenantId string = ''

@description('Application ids of the callers. Empty: the app registration itself.')
param signInCallers string[] = []

@description('Whether every call needs such a token. With false, sign-in is for people who use the console.')
param signInRequired bool = true

@description('Names of Service Bus namespaces in the same resource group to which the gateway may send events (EVENT_TARGETS names their queues and topics).')
param serviceBusNamespaces string[] = []

@description('Names of Event Grid topics in the same resource group to which the gateway may send events.')
param eventGridTopics string[] = []

// --- size ------------------------------------------------------------------------------------------------------------

@description('Version of Python.')
@allowed(['3.13', '3.14'])
param pythonVersion string = '3.13'

@description('Memory of an instance in MB. 512 is scarce: with many mails the host takes 222, the worker 278.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances at the same time.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances for HTTP that are kept warm. 0: the first call after a pause waits some seconds.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

@description('The same for each of the two functions that read and deliver mail, such as mail that Graph announces.')
@minValue(0)
@maxValue(20)
param alwaysReadyMailInstances int = 0

@description('HTTP calls that one instance answers at the same time; the platform\'s own choice for Python is one.')
@minValue(1)
@maxValue(100)
param httpConcurrency int = 16

@description('Copies of the state: LRS in one data centre, ZRS in three zones, GZRS in a second region as well.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_LRS'

// --- watch -----------------------------------------------------------------------------------------------------------

@description('Address that alerts are mailed to. Empty: alerts show in the portal only.')
param alertEmail string = ''

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Most gigabytes of logs in a day. What comes after them is dropped until the next day; an alert says so.')
@minValue(1)
@maxValue(1000)
param logDailyCapGb int = 1

@description('Whose reads and deletions are logged: off, blobs (mails and their files), or queues and tables as well.')
@allowed(['off', 'blobs', 'all'])
param storageAudit string = 'blobs'

@description('Telemetry by OpenTelemetry, for which the package holds what requirements-telemetry.txt names.')
@allowed(['off', 'on'])
param openTelemetry string = 'off'

// --- network and recovery --------------------------------------------------------------------------------------------

@description('Close storage and vault to the internet; the gateway reaches them through a virtual network.')
param privateNetwork bool = false

@description('Addresses of the virtual network; used with privateNetwork, like the two below.')
param networkAddresses string = '10.42.0.0/24'

@description('Addresses of the app\'s subnet, at least a /27.')
param appAddresses string = '10.42.0.0/26'

@description('Addresses of the private endpoints\' subnet, at least a /28.')
param endpointAddresses string = '10.42.0.64/26'

@description('Bring back the vault of a removed deployment of the same name instead of making one.')
param recoverVault bool = false

var token = toLower(uniqueString(subscription().id, environmentName, location))
var names = {
  identity: 'id-${token}'
  workspace: 'log-${token}'
  component: 'appi-${token}'
  storage: 'st${token}'
  vault: 'kv-${token}'
  network: 'vnet-${token}'
  plan: 'plan-${token}'
  app: 'func-${token}'
}
var tags = { 'azd-env-name': environmentName }
var polls = 'mailbox-polls'
var deliveries = 'mail-deliveries'
var events = 'event-deliveries'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

// Who the gateway is: opens storage, vault and telemetry, and signs in as the app registration without a secret.
module identity 'modules/identity.bicep' = {
  scope: group
  params: { name: names.identity, location: location, tags: tags }
}

// Logs, traces and requests.
module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: names.workspace
    componentName: names.component
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyCapGb: logDailyCapGb
  }
}

// The app's package, the platform's state, the mail ledger and its queues, settings that are in a blob.
module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: names.storage
    location: location
    tags: tags
    sku: storageSku
    isPrivate: privateNetwork
    workspaceId: monitoring.outputs.workspaceId
    audit: storageAudit
    containers: ['app-package', 'mails', 'exports', 'changes', 'config']
    exportsContainer: 'exports'
    queues: [polls, '${polls}-poison', deliveries, '${deliveries}-poison', events, '${events}-poison']
    tables: ['mails', 'threads', 'changes', 'idempotency', 'holds', 'subscriptions', 'graphsubscriptions', 'triggers']
  }
}

// Credentials (none with a federated one) and the key that signs cursors.
module vault 'modules/vault.bicep' = {
  scope: group
  params: {
    name: names.vault
    location: location
    tags: tags
    isPrivate: privateNetwork
    isRecovered: recoverVault
    workspaceId: monitoring.outputs.workspaceId
  }
}

// Virtual network, private endpoints and their names.
module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: {
    name: names.network
    location: location
    tags: tags
    addresses: networkAddresses
    appAddresses: appAddresses
    endpointAddresses: endpointAddresses
    storageId: storage.outputs.id
    vaultId: vault.outputs.id
  }
}

// Every role that anybody gets.
module roles 'modules/roles.bicep' = {
  scope: group
  params: {
    storageName: names.storage
    vaultName: names.vault
    componentName: names.component
    gatewayPrincipalId: identity.outputs.principalId
    deployerId: deployerRights == 'none' ? '' : deployerId
    deployerType: deployerType
    serviceBusNamespaces: serviceBusNamespaces
    eventGridTopics: eventGridTopics
    isAssigned: assignRoles
  }
  dependsOn: [storage, vault, monitoring]
}

// The gateway itself. It waits for its roles: a start without them looks like a broken app.
module gateway 'modules/gateway.bicep' = {
  scope: group
  params: {
    planName: names.plan
    name: names.app
    location: location
    tags: union(tags, { 'azd-service-name': 'gateway' })
    identityName: names.identity
    storageName: names.storage
    packageContainer: 'app-package'
    componentName: names.component
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    alwaysReadyMailInstances: alwaysReadyMailInstances
    httpConcurrency: httpConcurrency
    openTelemetry: openTelemetry
    signInClientId: signInClientId
    signInTenantId: empty(signInTenantId) ? subscription().tenantId : signInTenantId
    signInCallers: signInCallers
    signInRequired: signInRequired
    consoleSignIn: consoleSignIn
    settings: {
      // begin settings: written by `python3 -m devkit docs`
      KEY_VAULT_URL: vault.outputs.uri
      GRAPH_CLOUD: graphCloud
      GRAPH_TENANT_ID: empty(graphTenantId) ? subscription().tenantId : graphTenantId
      GRAPH_CLIENT_ID: graphClientId
      GRAPH_CREDENTIAL: graphCredential
      GRAPH_CREDENTIAL_NAME: graphCredentialName
      IDENTITY_CLIENT_ID: identity.outputs.clientId
      IDENTITY_SOURCE: 'managed-identity'
      GRAPH_CONNECTIONS: string(graphConnections)
      BOOKINGS_BUSINESSES: bookingsBusinesses
      BOOKINGS_WRITES: bookingsWrites
      STATE_KEY_NAME: stateKeyName
      PUBLIC_BASE_URL: publicBaseUrl
      GRAPH_NOTIFICATIONS: graphNotifications
      GRAPH_NOTIFICATIONS_BOOKINGS: graphNotificationsBookings
      GRAPH_NOTIFICATIONS_URL: graphNotificationsUrl
      API_DOCS: apiDocs
      CONSOLE_SIGN_IN: consoleSignIn
      FILE_LINKS: privateNetwork ? 'off' : fileLinks
      EVENT_TARGET_HOSTS: eventTargetHosts
      EVENT_TARGET_PRIVATE_HOSTS: eventTargetPrivateHosts
      EVENT_TARGETS: eventTargets
      FLOW_CALLBACK_HOSTS: flowCallbackHosts
      MAILBOXES: empty(mailSettingsBlob) ? string(mailboxes) : 'blob:config/${mailSettingsBlob}'
      SINKS: empty(mailSettingsBlob) ? string(sinks) : 'blob:config/${mailSettingsBlob}'
      MAILBOX_POLL_SCHEDULE: mailboxPollSchedule
      CHANGES_REFRESH_SECONDS: string(changesRefreshSeconds)
      CHANGES_WINDOW_DAYS: string(changesWindowDays)
      CHANGES_SCHEDULE: changesSchedule
      GRAPH_CONCURRENCY: string(graphConcurrency)
      // end settings
    }
  }
  dependsOn: [roles]
}

// Who is told, and of what.
module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    componentName: names.component
    workspaceName: names.workspace
    location: location
    tags: tags
    email: alertEmail
    hasMailboxes: !empty(mailboxes) || !empty(mailSettingsBlob)
  }
  dependsOn: [monitoring]
}

@description('The resource group of everything.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app.')
output GATEWAY_NAME string = names.app

@description('Address of the gateway\'s routes.')
output GATEWAY_URL string = '${gateway.outputs.uri}/api'

@description('Object id of the gateway\'s identity: the subject of the federated credential.')
output GATEWAY_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('Client id of the gateway\'s identity; not the app registration\'s.')
output GATEWAY_IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('Name of the vault.')
output KEY_VAULT_NAME string = names.vault

@description('Name in the vault of the key that signs cursors.')
output STATE_KEY_NAME string = stateKeyName

@description('Name of the storage account.')
output STORAGE_ACCOUNT_NAME string = names.storage

@description('Whether this deployment assigned the roles.')
output ROLES_ASSIGNED bool = assignRoles

@description('The commands that assign the gateway its roles.')
output ROLE_COMMANDS string[] = roles.outputs.commands

@description('The command that lets the deployer write secrets.')
output DEPLOYER_ROLE_COMMANDS string[] = roles.outputs.deployerCommands

@description('The role assignment that ends once the state key is stored; empty where none does.')
output DEPLOYER_ROLE_ID string = deployerRights == 'kept' ? '' : roles.outputs.deployerRoleId
