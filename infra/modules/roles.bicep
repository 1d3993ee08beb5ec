// Every role assignment of the deployment. Nothing else grants anything. Where the deployer may not assign roles, none
// is made, and the commands say what whoever may has to run.
param storageName string
param vaultName string
param componentName string
param gatewayPrincipalId string
param deployerId string
param deployerType string

@description('Names of the Service Bus namespaces to which events may be sent; in this resource group.')
param serviceBusNamespaces string[]

@description('Names of the Event Grid topics to which events may be sent; in this resource group.')
param eventGridTopics string[]

@description('false: the commands only.')
param isAssigned bool

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
var roleIds = {
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6'
  'Key Vault Secrets Officer': 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb'
  'Azure Service Bus Data Sender': '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
  'EventGrid Data Sender': 'd5a91429-5739-47e2-a06b-3470a27159e7'
}

// The platform's leases, keys and timers need Owner on blobs; queues and tables the gateway's triggers and ledger.
var onStorage = ['Storage Blob Data Owner', 'Storage Queue Data Contributor', 'Storage Table Data Contributor']
var onComponent = ['Monitoring Metrics Publisher']
var onVault = ['Key Vault Secrets User']
var onNamespace = 'Azure Service Bus Data Sender'
var onTopic = 'EventGrid Data Sender'
var byDeployer = 'Key Vault Secrets Officer'
var create = 'az role assignment create --assignee-principal-type'
var gatewayWith = '${create} ServicePrincipal --assignee-object-id ${gatewayPrincipalId} --role'
var deployerWith = '${create} ${deployerType} --assignee-object-id ${deployerId} --role'

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource namespaces 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = [
  for name in serviceBusNamespaces: {
    name: name
  }
]

resource topics 'Microsoft.EventGrid/topics@2025-02-15' existing = [
  for name in eventGridTopics: {
    name: name
  }
]

resource storageRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in onStorage: if (isAssigned) {
    name: guid(storage.id, gatewayPrincipalId, roleIds[role])
    scope: storage
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds[role])
      principalId: gatewayPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource componentRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in onComponent: if (isAssigned) {
    name: guid(component.id, gatewayPrincipalId, roleIds[role])
    scope: component
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds[role])
      principalId: gatewayPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource vaultRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in onVault: if (isAssigned) {
    name: guid(vault.id, gatewayPrincipalId, roleIds[role])
    scope: vault
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds[role])
      principalId: gatewayPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource namespaceRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in serviceBusNamespaces: if (isAssigned) {
    name: guid(namespaces[index].id, gatewayPrincipalId, roleIds[onNamespace])
    scope: namespaces[index]
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds[onNamespace])
      principalId: gatewayPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource topicRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in eventGridTopics: if (isAssigned) {
    name: guid(topics[index].id, gatewayPrincipalId, roleIds[onTopic])
    scope: topics[index]
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds[onTopic])
      principalId: gatewayPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource deployerRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (isAssigned && !empty(deployerId)) {
  name: guid(vault.id, deployerId, roleIds[byDeployer])
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds[byDeployer])
    principalId: deployerId
    principalType: deployerType
  }
}

var storageCommands = [for role in onStorage: '${gatewayWith} "${role}" --scope ${storage.id}']
var componentCommands = [for role in onComponent: '${gatewayWith} "${role}" --scope ${component.id}']
var vaultCommands = [for role in onVault: '${gatewayWith} "${role}" --scope ${vault.id}']
var namespaceCommands = [
  for (name, index) in serviceBusNamespaces: '${gatewayWith} "${onNamespace}" --scope ${namespaces[index].id}'
]
var topicCommands = [
  for (name, index) in eventGridTopics: '${gatewayWith} "${onTopic}" --scope ${topics[index].id}'
]
var deployerCommands = empty(deployerId) ? [] : ['${deployerWith} "${byDeployer}" --scope ${vault.id}']

output commands string[] = concat(storageCommands, componentCommands, vaultCommands, namespaceCommands, topicCommands)
output deployerCommands string[] = deployerCommands
output deployerRoleId string = isAssigned && !empty(deployerId) ? deployerRole.id : ''
