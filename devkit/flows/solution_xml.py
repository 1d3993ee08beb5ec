"""Write the XML files of a solution in the form that the platform exports.

Read off exports in public repositories: microsoft/iom-provider-shopify (a solution with a connector),
microsoft/coe-starter-kit and microsoft/contoso-real-estate-power-platform (flows, connection references, variables).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from devkit.flows.names import OPTION_PREFIX, PREFIX, PUBLISHER, PUBLISHER_TITLE, Identity
from devkit.flows.sources import Setting

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_ENGLISH = "1033"
_PLATFORM = "9.2.24000.0"  # a version of Dataverse that knows all this
_FLOW, _CONNECTOR = "29", "372"
_EMPTY_SECTIONS = (
    "FieldSecurityProfiles", "Templates", "EntityMaps", "EntityRelationships", "OrganizationSettings", "optionsets",
    "CustomControls", "EntityDataProviders",
)  # fmt: skip
_ADDRESS_FIELDS = (
    "City", "County", "Country", "Fax", "FreightTermsCode", "ImportSequenceNumber", "Latitude", "Line1", "Line2",
    "Line3", "Longitude", "Name", "PostalCode", "PostOfficeBox", "PrimaryContactName", "ShippingMethodCode",
    "StateOrProvince", "Telephone1", "Telephone2", "Telephone3", "TimeZoneRuleVersionNumber", "UPSZone", "UTCOffset",
    "UTCConversionTimeZoneCode",
)  # fmt: skip
# Category 5 is a cloud flow, owned by the organisation's user who imports it. States stand below.
_WORKFLOW = {
    "Type": "1", "Subprocess": "0", "Category": "5", "Mode": "0", "Scope": "4", "OnDemand": "0",
    "TriggerOnCreate": "0", "TriggerOnDelete": "0", "AsyncAutodelete": "0", "SyncWorkflowLogOnFailure": "0",
    "StateCode": "", "StatusCode": "", "RunAs": "1", "IsTransacted": "1", "IntroducedVersion": "",
    "IsCustomizable": "1", "BusinessProcessType": "0",
    "IsCustomProcessingStepAllowedForOtherPublishers": "1", "ModernFlowType": "0", "PrimaryEntity": "none",
}  # fmt: skip
_OFF = {"StateCode": "0", "StatusCode": "1"}
_ON = {"StateCode": "1", "StatusCode": "2"}
_VARIABLE_TEXT, _VARIABLE_PICKED, _VARIABLE_SECRET = "100000000", "100000004", "100000005"
_APIS = "/providers/microsoft.powerapps/apis"  # in small letters here, as exports have it
_KEY_VAULT = "0"


@dataclass(frozen=True)
class PackedFlow:
    """A flow in a solution."""

    id: str
    title: str
    description: str
    file: str  # such as /Workflows/Name-GUID.json


@dataclass(frozen=True)
class PackedConnector:
    """A connector in a solution."""

    identity: Identity
    description: str
    colour: str
    has_icon: bool


@dataclass(frozen=True)
class Reference:
    """A connection reference: its logical name, the connector's title and resource id."""

    logical_name: str
    title: str
    connector_id: str
    custom_connector: str | None = None  # the id of a connector of ours


def write_content_types(extensions: Iterable[str]) -> bytes:
    """Return [Content_Types].xml for files with these extensions."""
    root = ET.Element("Types", xmlns="http://schemas.openxmlformats.org/package/2006/content-types")
    for extension in extensions:
        ET.SubElement(root, "Default", Extension=extension, ContentType="application/octet-stream")
    return _write(root)


def write_solution(
    name: str,
    title: str,
    description: str,
    version: str,
    components: Iterable[dict[str, str]],
    *,
    is_managed: bool = False,
) -> bytes:
    """Return solution.xml: a solution of ours with these root components.

    For what our solutions hold, managed and unmanaged differ by one number, which is also all that public converters
    change (docs.powerdevbox.com/unmanaged); forms of tables and canvas apps would differ in more.
    """
    root = _root(version=_PLATFORM, SolutionPackageVersion="9.2", languagecode=_ENGLISH, generatedBy="CrmLive")
    manifest = ET.SubElement(root, "SolutionManifest")
    _text(manifest, "UniqueName", name)
    _localized(manifest, "LocalizedNames", "LocalizedName", title)
    _localized(manifest, "Descriptions", "Description", description)
    _text(manifest, "Version", version)
    _text(manifest, "Managed", "1" if is_managed else "0")
    _add_publisher(manifest)
    listed = ET.SubElement(manifest, "RootComponents")
    for component in components:
        ET.SubElement(listed, "RootComponent", {**component, "behavior": "0"})
    ET.SubElement(manifest, "MissingDependencies")
    return _write(root)


def name_components(flows: Iterable[PackedFlow] = (), connector: Identity | None = None) -> list[dict[str, str]]:
    """Return the root components of a solution, in the order of exports.

    Environment variables are none in any real export, though each has a folder in the zip (0 of 23 solutions of
    pnp/powerplatform-samples, 0 of 8 variables in ContosoRealEstateCore).
    """
    named = [{"type": _FLOW, "id": f"{{{guid}}}"} for guid in sorted(flow.id for flow in flows)]
    if connector is not None:
        named.append({"type": _CONNECTOR, "id": f"{{{connector.id}}}", "schemaName": connector.logical_name})
    return named


def write_customizations(
    version: str,
    flows: Iterable[PackedFlow] = (),
    references: Iterable[Reference] = (),
    connector: PackedConnector | None = None,
    *,
    are_on: bool = False,
) -> bytes:
    """Return customizations.xml.

    `are_on`: the flows are written as exports write those that run, or else as turned off.
    """
    root = ET.Element("ImportExportXml", {"xmlns:xsi": _XSI})
    ET.SubElement(root, "Entities")
    ET.SubElement(root, "Roles")
    workflows = ET.SubElement(root, "Workflows")
    for flow in flows:
        _add_workflow(workflows, flow, _WORKFLOW | (_ON if are_on else _OFF) | {"IntroducedVersion": version})
    for section in _EMPTY_SECTIONS:
        ET.SubElement(root, section)
    if connector is not None:
        _add_connector(ET.SubElement(root, "Connectors"), connector)
    if listed := list(references):
        place = ET.SubElement(root, "connectionreferences")
        for reference in listed:
            _add_reference(place, reference)
    _text(ET.SubElement(root, "Languages"), "Language", _ENGLISH)
    return _write(root)


def write_variable(setting: Setting, version: str) -> bytes:
    """Return environmentvariabledefinition.xml: without a value where the import shall ask for one.

    What has a data source names the connector and its parameter, so that the import lists the values; a list of a
    SharePoint site names the variable of its site as well. The file must hold its root element and nothing else: with
    an XML declaration the import fails and names no cause.
    """
    root = ET.Element("environmentvariabledefinition", schemaname=setting.schema_name)
    source = setting.data_source
    if source is not None:
        _text(root, "apiid", f"{_APIS}/{source.connector}")
    if not setting.is_asked:
        _text(root, "defaultvalue", str(setting.default))
    for tag, text in (("description", setting.description), ("displayname", setting.title)):
        place = ET.SubElement(root, tag, default=text)
        ET.SubElement(place, "label", description=text, languagecode=_ENGLISH)
    _text(root, "introducedversion", version)
    _text(root, "iscustomizable", "1")
    _text(root, "isrequired", "0")  # as in all real exports; the import asks for each that has no value
    if source is not None:
        _text(root, "parameterkey", source.parameter)
        if source.within is not None:
            _text(ET.SubElement(root, "parentdefinitionid"), "schemaname", source.within)
    _text(root, "secretstore", _KEY_VAULT)
    _text(root, "type", _name_type(setting))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode").encode()


def _name_type(setting: Setting) -> str:
    if setting.data_source is not None:
        return _VARIABLE_PICKED
    return _VARIABLE_SECRET if setting.is_secret else _VARIABLE_TEXT


def name_connector_files(connector: Identity, *, has_icon: bool = True) -> Mapping[str, str]:
    """Return the files of a connector by the element of customizations.xml that names each."""
    named = {
        "openapidefinition": f"Connector/{connector.logical_name}_openapidefinition.json",
        "connectionparameters": f"Connector/{connector.logical_name}_connectionparameters.json",
        "policytemplateinstances": f"Connector/{connector.logical_name}_policytemplateinstances.json",
        "iconblob": f"Connector/{connector.logical_name}_iconblob.Png",
    }
    return named if has_icon else {tag: file for tag, file in named.items() if tag != "iconblob"}


def _add_workflow(place: ET.Element, flow: PackedFlow, values: Mapping[str, str]) -> None:
    workflow = ET.SubElement(
        place, "Workflow", WorkflowId=f"{{{flow.id}}}", Name=flow.title, Description=flow.description
    )
    _text(workflow, "JsonFileName", flow.file)
    for tag, value in values.items():
        _text(workflow, tag, value)
    _localized(workflow, "LocalizedNames", "LocalizedName", flow.title)
    _localized(workflow, "Descriptions", "Description", flow.description)


def _add_connector(place: ET.Element, packed: PackedConnector) -> None:
    identity = packed.identity
    connector = ET.SubElement(place, "Connector")
    _text(connector, "connectorid", identity.id)
    _text(connector, "description", packed.description)
    _text(connector, "displayname", identity.title)
    _text(connector, "iconbrandcolor", packed.colour)
    _text(connector, "name", identity.logical_name)
    _text(connector, "connectortype", "1")
    for tag, file in name_connector_files(identity, has_icon=packed.has_icon).items():
        _text(connector, tag, f"/{file}")


def _add_reference(place: ET.Element, reference: Reference) -> None:
    element = ET.SubElement(place, "connectionreference", connectionreferencelogicalname=reference.logical_name)
    _text(element, "connectionreferencedisplayname", reference.title)
    _text(element, "connectorid", reference.connector_id)
    if reference.custom_connector is not None:
        _text(ET.SubElement(element, "customconnectorid"), "connectorid", reference.custom_connector)
    for tag, value in (("iscustomizable", "1"), ("promptingbehavior", "0"), ("statecode", "0"), ("statuscode", "1")):
        _text(element, tag, value)


def _add_publisher(manifest: ET.Element) -> None:
    publisher = ET.SubElement(manifest, "Publisher")
    _text(publisher, "UniqueName", PUBLISHER)
    _localized(publisher, "LocalizedNames", "LocalizedName", PUBLISHER_TITLE)
    ET.SubElement(publisher, "Descriptions")
    for tag in ("EMailAddress", "SupportingWebsiteUrl"):
        _nil(publisher, tag)
    _text(publisher, "CustomizationPrefix", PREFIX)
    _text(publisher, "CustomizationOptionValuePrefix", str(OPTION_PREFIX))
    addresses = ET.SubElement(publisher, "Addresses")
    for number in ("1", "2"):
        address = ET.SubElement(addresses, "Address")
        _text(address, "AddressNumber", number)
        for tag in ("AddressTypeCode", *_ADDRESS_FIELDS):
            _nil(address, tag)


def _root(**attributes: str) -> ET.Element:
    ET.register_namespace("xsi", _XSI)
    return ET.Element("ImportExportXml", attributes)


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text


def _nil(parent: ET.Element, tag: str) -> None:
    ET.SubElement(parent, tag, {f"{{{_XSI}}}nil": "true"})


def _localized(parent: ET.Element, group: str, tag: str, text: str) -> None:
    ET.SubElement(ET.SubElement(parent, group), tag, description=text, languagecode=_ENGLISH)


def _write(root: ET.Element) -> bytes:
    ET.indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode").encode() + b"\n"
