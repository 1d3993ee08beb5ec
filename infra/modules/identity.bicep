// The user-assigned identity: it outlives the app, and only such an identity can be a federated credential.
import { texts } from '../types.bicep'

param name string
param location string
param tags texts

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
