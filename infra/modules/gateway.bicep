// Plan and function app: Flex Consumption, everything by identity.
import { texts } from '../types.bicep'

param planName string
param name string
param location string
param tags texts
param identityName string
param storageName string
param packageContainer string
param componentName string

@description('Subnet of the app; empty: no virtual network.')
param subnetId string
param pythonVersion string
param instanceMemoryMB int
param maximumInstanceCount int
param alwaysReadyInstances int
param alwaysReadyMailInstances int
param httpConcurrency int

@description('on: OpenTelemetry, by the worker and by the platform.')
param openTelemetry string

@description('Application id whose tokens callers bring beside the key; empty: the key alone.')
param signInClientId string

@description('Tenant that issues these tokens.')
param signInTenantId string

@description('Application ids of the callers; empty: the app registration itself.')
param signInCallers string[]

@description('Whether every call needs a token.')
param signInRequired bool

@description('CONSOLE_SIGN_IN: people sign in to the app registration itself.')
param consoleSignIn string

@description('The settings of shared/settings/catalogue.py.')
param settings texts

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

var platformSettings = {
  // The platform's welcome page takes 150 KB and no key.
  AzureWebJobsDisableHomepage: 'true'
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
  APPLICATIONINSIGHTS_CONNECTION_STRING: component.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
  // One thread for each HTTP call and eight more, so that a full instance still answers its health probe.
  PYTHON_THREADPOOL_THREAD_COUNT: string(httpConcurrency + 8)
  // Calls beyond these threads wait in the host: what waits in the worker counts as running.
  AzureFunctionsJobHost__extensions__http__maxConcurrentRequests: string(httpConcurrency + 8)
  // No route takes more than 64 KiB. Beyond a MiB the host ends a request before any code of the app runs.
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1048576'
  // The C library makes up to eight memory pools for each core: with two, a tenth less is held after 300 mails.
  MALLOC_ARENA_MAX: '2'
}
var telemetrySettings = {
  AzureFunctionsJobHost__telemetryMode: 'OpenTelemetry'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME: 'gateway' // else the exporter's own lines are exported, for ever
  // They record whole addresses, secret ones, too.
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,requests,urllib,urllib3'
}

// Queue and timer functions have instances of their own each: those for HTTP do not help them.
var mailFunctions = [
  { name: 'function:poll_mailbox', instanceCount: alwaysReadyMailInstances }
  { name: 'function:deliver_mail', instanceCount: alwaysReadyMailInstances }
]
var httpAlwaysReady = alwaysReadyInstances == 0 ? [] : [{ name: 'http', instanceCount: alwaysReadyInstances }]
var mailAlwaysReady = alwaysReadyMailInstances == 0 ? [] : mailFunctions

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { tier: 'FlexConsumption', name: 'FC1' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: concat(httpAlwaysReady, mailAlwaysReady)
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
    }
  }
}

// The platform's settings and ours. Flex refuses the old ones (FUNCTIONS_WORKER_RUNTIME and its like): none is set.
resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(settings, platformSettings, openTelemetry == 'on' ? telemetrySettings : {})
}

// People who sign in to use the console come as the app registration itself.
var comesItself = empty(signInCallers) || consoleSignIn == 'on'
var allowedCallers = comesItself ? union([signInClientId], signInCallers) : signInCallers

// Sign-in in front of the app. If it is required, a call without a token of the tenant is answered 401 before any code
// of ours runs; health is left out, because probes have none. If not, it only says who has signed in, for the console.
resource signIn 'Microsoft.Web/sites/config@2025-03-01' = if (!empty(signInClientId)) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: signInRequired
      unauthenticatedClientAction: signInRequired ? 'Return401' : 'AllowAnonymous'
      excludedPaths: ['/api/health']
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: signInClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${signInTenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [signInClientId, 'api://${signInClientId}']
          defaultAuthorizationPolicy: { allowedApplications: allowedCallers }
        }
      }
    }
    login: { tokenStore: { enabled: false } }
  }
  dependsOn: [appSettings]
}

// Deployment goes by Entra ID: user name and password of the deployment site are off.
resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

output uri string = 'https://${app.properties.defaultHostName}'
