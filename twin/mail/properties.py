"""Names of the properties of messages, folders and attachments, as the metadata of Graph v1.0 have them."""

DEFAULT = (
    "createdDateTime", "lastModifiedDateTime", "changeKey", "categories", "receivedDateTime", "sentDateTime",
    "hasAttachments", "internetMessageId", "subject", "bodyPreview", "importance", "parentFolderId", "conversationId",
    "conversationIndex", "isDeliveryReceiptRequested", "isReadReceiptRequested", "isRead", "isDraft", "webLink",
    "inferenceClassification", "body", "sender", "from", "toRecipients", "ccRecipients", "bccRecipients", "replyTo",
    "flag",
)  # fmt: skip
"""What a message shows without $select."""

ON_DEMAND = ("internetMessageHeaders", "uniqueBody")
"""What must be named in $select."""

MESSAGE = frozenset({"id", *DEFAULT, *ON_DEMAND})
WITHHELD = frozenset({"body", "bodyPreview", "uniqueBody"})
"""What Mail.ReadBasic.All does not show."""

NAVIGATION = frozenset({"attachments", "extensions", "singlevalueextendedproperties", "multivalueextendedproperties"})
FOLDER = frozenset(
    {"id", "childFolderCount", "displayName", "isHidden", "parentFolderId", "totalItemCount", "unreadItemCount"}
)
ATTACHMENT = frozenset({"id", "contentType", "isInline", "lastModifiedDateTime", "name", "size"})
FILE = frozenset({"contentBytes", "contentId", "contentLocation"})
"""What file attachments have besides; a $select of the base type cannot name them."""

CHANGEABLE = frozenset({"isRead", "categories", "flag", "importance", "inferenceClassification"})
DRAFT_ONLY = frozenset(
    {"subject", "body", "toRecipients", "ccRecipients", "bccRecipients", "replyTo", "from", "sender"}
)
