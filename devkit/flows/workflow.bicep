// Deploys one of the workflows beside this file, turned off: look at it, then turn it on.
//   az deployment group create --resource-group GROUP --parameters daily-agenda.bicepparam

@description('What the Azure portal shows of a connection of the resource group.')
type connection = {
  connectionId: string
  connectionName: string
  id: string
}

@description('Name of the logic app.')
param name string

@description('Where it runs.')
param location string = resourceGroup().location

@description('A workflow file, read with loadJsonContent: its definition and what it takes as parameters.')
param workflow { definition: object, parameters: object }

@description('The connections that it uses, by key: connectionId, connectionName and id of each.')
param connections { *: connection }

@description('What there is to choose, by name: { value: … } of each.')
@secure()
param settings { *: { value: string } }

@description('A host key of the gateway, for the workflow that calls it without the connector; others leave it empty.')
@secure()
param gatewayKey string = ''

resource app 'Microsoft.Logic/workflows@2019-05-01' = {
  name: name
  location: location
  properties: {
    state: 'Disabled'
    definition: workflow.definition
    parameters: union(
      settings,
      empty(gatewayKey) ? {} : { GatewayKey: { value: gatewayKey } },
      { '$connections': { value: connections } }
    )
  }
}

output id string = app.id
