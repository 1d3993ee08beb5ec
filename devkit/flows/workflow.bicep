// Deploys one of the workflows beside this file, turned off: look at it, then turn it on.
//   az deployment group create --resource-group GROUP --parameters daily-agenda.bicepparam

@description('Name of the logic app.')
param name string

@description('Where it runs.')
param location string = resourceGroup().location

@description('A workflow file, read with loadJsonContent: its definition and what it takes as parameters.')
param workflow object

@description('The connections that it uses, by key: connectionId, connectionName and id of each.')
param connections object

@description('What there is to choose, by name. A value that must stay secret is best read from Key Vault with getSecret.')
@secure()
param settings object

resource app 'Microsoft.Logic/workflows@2019-05-01' = {
  name: name
  location: location
  properties: {
    state: 'Disabled'
    definition: workflow.definition
    parameters: union(toObject(items(settings), each => each.key, each => { value: each.value }), {
      '$connections': {
        value: connections
      }
    })
  }
}

output id string = app.id
