"""The resource types we use: the one API version for each, the class that knows its properties, and what must be set.

Versions: https://learn.microsoft.com/azure/templates/. A version is raised here and in the files at the same time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The compiler that CI runs, and that has said of these files what the rules hold.
COMPILER = "0.49.2"


@dataclass(frozen=True)
class Resource:
    """What we hold a resource type to. `model` None: no management library describes it."""

    version: str
    model: str | None = None
    required: Mapping[str, Any] = field(default_factory=dict)


_STORAGE, _WEB, _NETWORK = "azure.mgmt.storage.models", "azure.mgmt.web.models", "azure.mgmt.network.models"
_MONITOR, _DNS = "azure.mgmt.monitor.models", "azure.mgmt.privatedns.models"

RESOURCES: Mapping[str, Resource] = {
    "Microsoft.Authorization/roleAssignments": Resource(
        "2022-04-01", "azure.mgmt.authorization.v2022_04_01.models:RoleAssignmentCreateParameters"
    ),
    "Microsoft.EventGrid/topics": Resource("2025-02-15"),  # named only
    "Microsoft.Insights/actionGroups": Resource("2023-01-01", f"{_MONITOR}:ActionGroupResource"),
    "Microsoft.Insights/components": Resource(
        "2020-02-02",
        "azure.mgmt.applicationinsights.v2020_02_02.models:ApplicationInsightsComponent",
        {"properties.DisableLocalAuth": True},
    ),
    "Microsoft.Insights/diagnosticSettings": Resource("2021-05-01-preview"),
    "Microsoft.Insights/scheduledQueryRules": Resource("2026-03-01", f"{_MONITOR}:ScheduledQueryRuleResource"),
    "Microsoft.KeyVault/vaults": Resource(
        "2025-05-01",
        "azure.mgmt.keyvault.models:VaultCreateOrUpdateParameters",
        {
            "properties.enablePurgeProtection": True,
            "properties.enableRbacAuthorization": True,
            "properties.enableSoftDelete": True,
        },
    ),
    "Microsoft.ManagedIdentity/userAssignedIdentities": Resource(
        "2024-11-30", "azure.mgmt.msi.v2024_11_30.models:Identity"
    ),
    "Microsoft.Network/networkSecurityGroups": Resource("2025-05-01", f"{_NETWORK}:NetworkSecurityGroup"),
    "Microsoft.Network/privateDnsZones": Resource("2024-06-01", f"{_DNS}:PrivateZone"),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": Resource("2024-06-01", f"{_DNS}:VirtualNetworkLink"),
    "Microsoft.Network/privateEndpoints": Resource("2025-05-01", f"{_NETWORK}:PrivateEndpoint"),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": Resource(
        "2025-05-01", f"{_NETWORK}:PrivateDnsZoneGroup"
    ),
    "Microsoft.Network/virtualNetworks": Resource("2025-05-01", f"{_NETWORK}:VirtualNetwork"),
    "Microsoft.OperationalInsights/workspaces": Resource("2025-07-01", "azure.mgmt.loganalytics.models:Workspace"),
    "Microsoft.Resources/resourceGroups": Resource("2025-04-01"),
    "Microsoft.ServiceBus/namespaces": Resource("2024-01-01"),  # named only
    "Microsoft.Storage/storageAccounts": Resource(
        "2025-06-01",
        f"{_STORAGE}:StorageAccountCreateParameters",
        {
            "properties.allowBlobPublicAccess": False,
            "properties.allowCrossTenantReplication": False,
            "properties.allowSharedKeyAccess": False,
            "properties.minimumTlsVersion": "TLS1_2",
            "properties.supportsHttpsTrafficOnly": True,
        },
    ),
    "Microsoft.Storage/storageAccounts/blobServices": Resource("2025-06-01", f"{_STORAGE}:BlobServiceProperties"),
    "Microsoft.Storage/storageAccounts/blobServices/containers": Resource(
        "2025-06-01", f"{_STORAGE}:BlobContainer", {"properties.publicAccess": "None"}
    ),
    "Microsoft.Storage/storageAccounts/managementPolicies": Resource("2025-06-01", f"{_STORAGE}:ManagementPolicy"),
    "Microsoft.Storage/storageAccounts/queueServices": Resource("2025-06-01", f"{_STORAGE}:QueueServiceProperties"),
    "Microsoft.Storage/storageAccounts/queueServices/queues": Resource("2025-06-01", f"{_STORAGE}:StorageQueue"),
    "Microsoft.Storage/storageAccounts/tableServices": Resource("2025-06-01", f"{_STORAGE}:TableServiceProperties"),
    "Microsoft.Storage/storageAccounts/tableServices/tables": Resource("2025-06-01", f"{_STORAGE}:Table"),
    "Microsoft.Web/serverfarms": Resource("2025-03-01", f"{_WEB}:AppServicePlan", {"properties.reserved": True}),
    "Microsoft.Web/sites": Resource(
        "2025-03-01",
        f"{_WEB}:Site",
        {
            "properties.httpsOnly": True,
            "properties.siteConfig.minTlsVersion": "1.2",
            "properties.siteConfig.scmMinTlsVersion": "1.2",
            "properties.siteConfig.ftpsState": "Disabled",
        },
    ),
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": Resource(
        "2025-03-01", f"{_WEB}:CsmPublishingCredentialsPoliciesEntity", {"properties.allow": False}
    ),
    "Microsoft.Web/sites/config/authsettingsV2": Resource("2025-03-01", f"{_WEB}:SiteAuthSettingsV2"),
    "Microsoft.Web/sites/config": Resource("2025-03-01", f"{_WEB}:StringDictionary"),
}

# The types whose properties depend on the name: the compiler checks them only if it stands there.
OPEN_VALUES = ("Microsoft.Web/sites/basicPublishingCredentialsPolicies", "Microsoft.Web/sites/config")

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES: Mapping[str, str] = {
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Azure Service Bus Data Sender": "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
    "EventGrid Data Sender": "d5a91429-5739-47e2-a06b-3470a27159e7",
}

# https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan ("deprecated properties and settings")
REFUSED_SETTINGS = (
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "TZ",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_TIME_ZONE",
)
