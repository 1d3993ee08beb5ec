// The private variant: the app in a subnet, storage and vault behind private endpoints, names in private zones.
import { texts } from '../types.bicep'

param name string
param location string
param tags texts
param addresses string
param appAddresses string
param endpointAddresses string
param storageId string
param vaultId string

var storageSuffix = environment().suffixes.storage
var vaultZone = replace(environment().suffixes.keyvaultDns, '.vault.', 'privatelink.vaultcore.')
var endpoints = [
  { door: 'blob', target: storageId, zone: 'privatelink.blob.${storageSuffix}' }
  { door: 'queue', target: storageId, zone: 'privatelink.queue.${storageSuffix}' }
  { door: 'table', target: storageId, zone: 'privatelink.table.${storageSuffix}' }
  { door: 'vault', target: vaultId, zone: vaultZone }
]

resource guard 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: '${name}-guard'
  location: location
  tags: tags
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addresses] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: appAddresses
          networkSecurityGroup: { id: guard.id }
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointAddresses
          networkSecurityGroup: { id: guard.id }
        }
      }
    ]
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for each in endpoints: {
    name: each.zone
    location: 'global'
    tags: tags
  }
]

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (each, i) in endpoints: {
    parent: zone[i]
    name: 'gateway'
    location: 'global'
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: network.id }
    }
  }
]

resource endpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for each in endpoints: {
    name: '${name}-${each.door}'
    location: location
    tags: tags
    properties: {
      subnet: { id: network.properties.subnets[1].id }
      privateLinkServiceConnections: [
        { name: each.door, properties: { privateLinkServiceId: each.target, groupIds: [each.door] } }
      ]
    }
  }
]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (each, i) in endpoints: {
    parent: endpoint[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [{ name: each.door, properties: { privateDnsZoneId: zone[i].id } }]
    }
  }
]

output appSubnetId string = network.properties.subnets[0].id
