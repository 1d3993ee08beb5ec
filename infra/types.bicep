// Written by `python3 -m devkit docs` from the fields of the settings and the options of the sinks.

@export()
@description('Texts by name.')
type texts = {
  *: string
}

@export()
@sealed()
@description('A support mailbox to read.')
type mailbox = {
  @description('Its lasting name, of a-z, 0-9 and dashes. Never change it, even if the address changes: it identifies the mailbox in the ledger.')
  @minLength(1)
  name: string

  @description('Its SMTP address. A shared mailbox needs no licence.')
  @minLength(1)
  address: string

  @description('Names of sinks in `SINKS`. Each keeps its own record of every mail.')
  @minLength(1)
  sinks: string[]

  @description('Up to 8 folder ids or well-known names (`inbox`, `junkemail`). Display names do not work, and subfolders are not included.')
  @maxLength(8)
  folders: string[]?

  @description('Name of the connection (tenant) that the mailbox belongs to.')
  connection: string?

  @description('What becomes of certain mails. The first rule that matches a mail counts; the fields of a rule are below.')
  rules: rule[]?

  @description('Mails received before this moment are left alone if they are in the folders when these are read for the first time; what comes later is new, whatever its date. Without it, every mail in the folders becomes a ticket.')
  since: string?

  @description('Who becomes the requestor of tickets, if not the author of the mail; its fields are below.')
  requestor: requestor?

  @description('What people see in the mailbox once every sink has the mail; its fields are below.')
  write_back: writeBack?

  @description('Addresses with which the service desk\'s tool writes, and aliases of the mailbox. Their notifications, mails with a ticket\'s number in the subject that answer nothing, are set aside.')
  own_senders: string[]?

  @description('Limits for the mails of one correspondent, against loops; its fields are below.')
  brakes: brakes?

  @description('Larger attachments stay in the mailbox, and the ticket says so.')
  @minValue(1)
  @maxValue(150)
  attachment_mb: int?

  @description('Mails in one call to Graph. The gateway halves it when Graph times out.')
  @minValue(5)
  @maxValue(200)
  page_size: int?

  @description('Minutes without a successful poll until `MailboxSilent` is raised. Below 15, a crash alone may raise it.')
  @minValue(2)
  @maxValue(1440)
  alarm_minutes: int?

  @description('Minutes between two polls, at most, while nothing happens in the mailbox; 0: it is always polled at every run of `MAILBOX_POLL_SCHEDULE`. At most half of `alarm_minutes`, so that one failed poll raises no alarm; the default follows it.')
  @minValue(0)
  @maxValue(60)
  quiet_minutes: int?

  @description('Minutes between two polls while Microsoft Graph announces new mail (`GRAPH_NOTIFICATIONS`), growing to four times as many after hours without mail. It does not count with `quiet_minutes` 0.')
  @minValue(5)
  @maxValue(30)
  announced_minutes: int?
}

@sealed()
@description('What becomes of certain mails.')
type rule = {
  @description('Its name in this mailbox, of a-z, 0-9 and dashes. Records and events have it.')
  @minLength(1)
  name: string

  @description('Conditions that must all hold. Needed: this, `any`, or both.')
  all: object[]?

  @description('Conditions of which at least one must hold.')
  any: object[]?

  @description('The mail goes to this sink in `SINKS` instead of those of the mailbox.')
  sink: string?

  @description('EasyVista: code or GUID of the catalog entry of a new ticket.')
  catalog_entry: string?

  @description('EasyVista: urgency of a new ticket, also of a mail of high importance.')
  @minValue(1)
  @maxValue(2147483647)
  urgency: int?

  @description('EasyVista: custom columns (`e_...`) of a new ticket and their texts; they replace the sink\'s `fields` of the same names. In a text, `{...}` is a placeholder for `message_id`, `mailbox`, `address`, `sender`, `sender_name`, `subject`, `received`, `reference`.')
  custom_fields: texts?

  @description('Make a ticket of an automatic mail, too, if it belongs to no known ticket. Needs `sink`.')
  takes_automatic: bool?

  @description('Who becomes the requestor of a new ticket, whatever the mailbox says: the author (`from`), the author\'s `reply-to`, or the author of the mail that is `forwarded`. The last two need a condition on `from`, because anybody can write any Reply-To.')
  requestor: string?

  @description('Set the mail aside, for this reason; a person can read it and have it delivered.')
  set_aside: string?
}

@sealed()
@description('What people see in the mailbox once every sink has the mail.')
type writeBack = {
  @description('Mark the mail as read.')
  read: bool?

  @description('Add this category. `{ticket}` stands for the ticket\'s number.')
  category: string?

  @description('Move the mail to this folder: an id or a well-known name, other than `folders`.')
  move_to: string?
}

@sealed()
@description('Who becomes the requestor of tickets, if not the author of the mail.')
type requestor = {
  @description('Authors, such as web forms, whose `Reply-To` becomes the requestor: mail addresses, or domains such as `@forms.contoso.com` (without subdomains).')
  reply_to_from: string[]?

  @description('Authors, such as technicians, for whose forwards the author of the forwarded mail becomes the requestor: addresses or domains.')
  forwarded_by: string[]?
}

@sealed()
@description('Limits for the mails of one correspondent, against loops.')
type brakes = {
  @description('So many mails of one correspondent become tickets of one sink within an hour.')
  @minValue(1)
  @maxValue(100000)
  tickets_per_hour: int?

  @description('So many are added to tickets.')
  @minValue(1)
  @maxValue(100000)
  comments_per_hour: int?

  @description('Addresses and domains (`@example.com`) without limits, such as those of a monitoring system.')
  exempt: string[]?
}

@export()
@description('Where mails are delivered, by name.')
type sinksByName = {
  *: sink
}

@discriminator('kind')
type sink = easyvistaSink | webhookSink | storageQueueSink

@sealed()
@description('A sink of the kind easyvista.')
type easyvistaSink = {
  kind: 'easyvista'

  @description('Address of the instance without a path, such as https://contoso.easyvista.com.')
  @minLength(1)
  url: string

  @description('Number of the database, usually 50004 for production and 50005 for the sandbox.')
  @minLength(1)
  account: string

  @description('Key Vault name of the access token. Either this or `login`.')
  token: string?

  @description('Key Vault name of `user:password`.')
  login: string?

  @description('Code of the catalog entry of tickets. Either this or `catalog_guid`.')
  catalog_code: string?

  @description('GUID of the catalog entry.')
  catalog_guid: string?

  @description('Origin of tickets, by name or id.')
  origin: string?

  @description('Department of tickets.')
  @minValue(1)
  @maxValue(2147483647)
  department_id: int?

  @description('Department of tickets, by code.')
  department_code: string?

  @description('Location of tickets.')
  @minValue(1)
  @maxValue(2147483647)
  location_id: int?

  @description('Location of tickets, by code.')
  location_code: string?

  @description('Urgency of tickets.')
  @minValue(1)
  @maxValue(2147483647)
  urgency_id: int?

  @description('Urgency of mails of high importance.')
  @minValue(1)
  @maxValue(2147483647)
  high_importance_urgency_id: int?

  @description('Impact of tickets.')
  @minValue(1)
  @maxValue(2147483647)
  impact_id: int?

  @description('Severity of tickets.')
  @minValue(1)
  @maxValue(2147483647)
  severity_id: int?

  @description('Custom columns (`e_...`) and their texts. In a text, `{...}` is a placeholder for `message_id`, `mailbox`, `address`, `sender`, `sender_name`, `subject`, `received`, `reference`.')
  fields: texts?

  @description('Maximum length of a title.')
  @minValue(20)
  @maxValue(1000)
  title_length: int?

  @description('Write descriptions as `text`, or as sanitised `html`.')
  body: ('text' | 'html')?

  @description('`create_then_put` writes the description again after the creation, for instances that lose the first one.')
  body_write: ('create' | 'create_then_put')?

  @description('What to do with a mail whose author EasyVista does not know: `quarantine` it, create a ticket for the `default_recipient` (its text names the author), or `reject` it (no person has to look at it).')
  unknown_sender: ('quarantine' | 'default_recipient' | 'reject')?

  @description('Mail address of the person who gets the tickets of unknown authors.')
  default_recipient: string?

  @description('What to do with a reply to a closed ticket: `new_linked` creates a ticket with the closed one as parent, `comment` tries a comment first, `quarantine` leaves it to a person.')
  closed_reply: ('new_linked' | 'comment' | 'quarantine')?

  @description('Action type of the task that a reply becomes; it decides whether requestors see the task. Without this option replies become linked tickets.')
  @minValue(1)
  @maxValue(2147483647)
  comment_action_type_id: int?

  @description('Group of the task, by mail address.')
  comment_group_mail: string?

  @description('Group of the task, by id.')
  @minValue(1)
  @maxValue(2147483647)
  comment_group_id: int?

  @description('Mail domains whose authors may comment on every ticket. Authors can be forged, so leave this empty unless the mail system verifies them.')
  trusted_domains: string[]?

  @description('Address of a ticket for people, https, with `{ticket}` in the place of its number: answers and the console link to it.')
  ticket_url: string?

  @description('How files are sent: as `json`, or in a field of a `form`.')
  document_form: ('json' | 'form')?

  @description('Files larger than this many MiB are not sent; the text says where to get them.')
  @minValue(1)
  @maxValue(150)
  attachment_mb: int?

  @description('Seconds that one attempt may take; a run of the function ends after 160.')
  @minValue(30)
  @maxValue(500)
  time_limit: int?
}

@sealed()
@description('A sink of the kind webhook.')
type webhookSink = {
  kind: 'webhook'

  @description('Address of the receiver, https. Either this or `url_secret`.')
  url: string?

  @description('Key Vault name of the address, if the address itself is a credential (Logic Apps).')
  url_secret: string?

  @description('`power-automate` sends the event as application/json, which flows can read directly.')
  preset: ('generic' | 'power-automate')?

  @description('Key Vault names of the signing keys (`whsec_...`): two while the key changes. Needed with preset `generic`.')
  signing_keys: string[]?

  @description('`html` adds sanitised HTML to the text.')
  body: ('text' | 'html')?

  @description('The event contains attachments up to this many KiB in total, and links to the others.')
  @minValue(0)
  @maxValue(4096)
  inline_kib: int?

  @description('JSON pointer to the ticket\'s number in the answer, such as `/ticket`.')
  ticket_pointer: string?

  @description('Address of a ticket for people, https, with `{ticket}` in the place of its number: answers and the console link to it.')
  ticket_url: string?

  @description('JSON pointer to the ticket\'s https address in the answer, such as `/url`. It comes before `ticket_url`.')
  ticket_url_pointer: string?

  @description('Seconds to wait for the answer.')
  @minValue(5)
  @maxValue(120)
  timeout: int?
}

@sealed()
@description('A sink of the kind storage-queue.')
type storageQueueSink = {
  kind: 'storage-queue'

  @description('Name of the queue in the gateway\'s storage account.')
  @minLength(1)
  queue: string

  @description('Days after which an unread message expires; without it, never.')
  @minValue(1)
  @maxValue(3650)
  ttl_days: int?

  @description('`html` adds sanitised HTML to the text.')
  body: ('text' | 'html')?
}

@export()
@description('Further tenants, by name.')
type connectionsByName = {
  *: connection
}

@sealed()
@description('How the app signs in to one tenant.')
type connection = {
  @description('As `GRAPH_CLOUD`.')
  cloud: ('global' | 'usgov' | 'usgov-dod' | 'china')?

  @description('As `GRAPH_TENANT_ID`.')
  @minLength(1)
  tenant_id: string

  @description('As `GRAPH_CLIENT_ID`.')
  @minLength(1)
  client_id: string

  @description('As `GRAPH_CREDENTIAL`.')
  credential: ('federated' | 'certificate' | 'secret' | 'password')?

  @description('As `GRAPH_CREDENTIAL_NAME`.')
  credential_name: string?

  @description('As `IDENTITY_CLIENT_ID`, which is used if this field is missing.')
  identity_client_id: string?

  @description('As `BOOKINGS_BUSINESSES`. Without it, no business is allowed.')
  bookings_businesses: string?

  @description('As `BOOKINGS_WRITES`.')
  bookings_writes: ('off' | 'on')?
}
