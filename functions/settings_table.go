package main

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"hash/fnv"
	"net/url"
	"time"

	"github.com/sirupsen/logrus"

	"azcollector/internal/dsse"
	"azcollector/internal/wire"
)

// table is every setting there is, in the order of the README. Rows further
// down may take their default from rows further up.
var table = []setting{
	{name: "APP_TENANT_ID", older: []string{"O365_TENANT_ID"}, says: "required",
		differ:  "the tenant that it names is the one that is collected",
		meaning: "home tenant (GUID); also the PublisherIdentifier",
		set:     into(func(s *Settings) *string { return &s.TenantID }, guid)},
	{name: "APP_CLIENT_ID", older: []string{connectionStringPrefix + "APP_CLIENT_ID"}, says: "required",
		meaning: "client id of the app registration (GUID)",
		set:     into(func(s *Settings) *string { return &s.ClientID }, guid)},
	{name: "APP_CLIENT_SECRET", secret: true, says: "one of these three",
		meaning: "its client secret",
		set:     into(func(s *Settings) *Secret { return &s.ClientSecret }, secret)},
	{name: "APP_CLIENT_SECRET_EXPIRES", says: "looked up, where the directory permits it",
		meaning: "the day it ends, like 2027-05-31, so that you are told a month before",
		set:     into(func(s *Settings) *time.Time { return &s.ClientSecretExpires }, day)},
	{name: "APP_CLIENT_CERTIFICATE", secret: true, says: "one of these three",
		meaning: "its certificate and key: PEM, or PFX in base64, or the path of a file with either",
		set:     into(func(s *Settings) *Secret { return &s.ClientCertificate }, certificate)},
	{name: "APP_FEDERATED_IDENTITY", says: "one of these three",
		meaning: "no secret at all: client id (GUID) of a user-assigned managed identity that is a federated credential of the app",
		set:     into(func(s *Settings) *string { return &s.FederatedIdentity }, guid)},
	{name: "APP_CLIENT_CERTIFICATE_PASSWORD", secret: true,
		meaning: "password of the PFX file",
		set:     into(func(s *Settings) *Secret { return &s.ClientCertificatePassword }, secret)},

	{name: "AZURE_CLOUD", fixed: "public",
		meaning: "`public`, `gcc`, `gcchigh`, `dod` or `china`: sets every Microsoft host below",
		set:     into(func(s *Settings) *string { return &s.Cloud }, oneOf("public", "gcc", "gcchigh", "dod", "china"))},
	{name: "AZURE_AUTHORITY_HOST", url: true, says: "by cloud",
		meaning: "where tokens come from (https, on loopback too)",
		set:     into(func(s *Settings) **url.URL { return &s.AuthorityHost }, wire.ParseBase)},
	{name: "O365_MANAGEMENT_URL", url: true, says: "by cloud",
		meaning: "the Office 365 Management Activity API",
		set:     into(func(s *Settings) **url.URL { return &s.ManagementURL }, wire.ParseBase)},
	{name: "AZURE_RESOURCE_MANAGER_URL", url: true, says: "by cloud", later: true,
		meaning: "Azure Resource Manager",
		set:     into(func(s *Settings) **url.URL { return &s.ResourceManagerURL }, wire.ParseBase)},

	{name: "O365_CONTENT_STREAMS", synced: true, fixed: `["Audit.AzureActiveDirectory","Audit.Exchange","Audit.SharePoint","Audit.General"]`,
		says: "the four Audit types", meaning: "JSON array of the content types to collect; there is also `DLP.All`",
		set: into(func(s *Settings) *[]string { return &s.ContentStreams }, contentStreams)},
	{name: "O365_SUBSCRIPTIONS", fixed: "manage",
		meaning: "`manage`: start the subscriptions and keep them ours; `watch`: only look at them, beside the collector that has them",
		set:     into(func(s *Settings) *bool { return &s.Watch }, subscriptions)},
	{name: "O365_WEBHOOK_AUTH_ID", secret: true, says: "generated at first start, kept in the state",
		meaning: "the shared secret that Microsoft sends back with each notification: at most 128 printable ASCII characters, no spaces",
		set:     into(func(s *Settings) *Secret { return &s.WebhookAuthID }, authID)},
	{name: "O365_NOTIFICATIONS", synced: true, fixed: "fetch",
		meaning: "`fetch`: collect what a notification announces; `wake`: let it only start a pull at once",
		set:     into(func(s *Settings) *string { return &s.Notifications }, oneOf("fetch", "wake"))},
	{name: "PULL_SCHEDULE", fixed: "0 * * * * *", says: "`0 * * * * *` (every minute)",
		meaning: "NCRONTAB of the `pull` function; under the Functions host it must be set",
		set:     into(func(s *Settings) *string { return &s.PullSchedule }, schedule)},
	{name: "O365_WEBHOOK_BUDGET", synced: true, fixed: "4s",
		meaning: "how long one notification may be collected before it is answered",
		set:     into(func(s *Settings) *time.Duration { return &s.WebhookBudget }, span(0, time.Minute))},
	{name: "O365_LOOKBACK", synced: true, fixed: "24h",
		meaning: "how far back the first pull lists, at most 168h (Microsoft lists no more)",
		set:     into(func(s *Settings) *time.Duration { return &s.Lookback }, span(0, 168*time.Hour))},
	{name: "O365_CONCURRENCY", synced: true, fixed: "16",
		meaning: "contents collected at the same time, per process",
		set:     into(func(s *Settings) *int { return &s.Concurrency }, whole(1, 1024))},
	{name: "O365_REQUESTS_PER_MINUTE", synced: true, fixed: "2000",
		meaning: "requests to the API per tenant, divided by the processes that share the storage account",
		set:     into(func(s *Settings) *int { return &s.RequestsPerMinute }, whole(1, 1_000_000))},
	{name: "O365_MAX_CONTENT_BYTES", synced: true, fixed: "268435456",
		meaning: "the largest content taken, in bytes after decompression",
		set:     into(func(s *Settings) *int64 { return &s.MaxContentBytes }, whole[int64](1, 1<<40))},

	{name: "SINK", fixed: "alertlogic",
		meaning: "where records go: `alertlogic` or `jsonl`",
		set:     into(func(s *Settings) *string { return &s.Sink }, oneOf("alertlogic", "jsonl"))},
	{name: "APP_AL_ACCESS_KEY_ID", secret: true, older: []string{"CUSTOMCONNSTR_APP_CI_ACCESS_KEY_ID"}, says: "required for `alertlogic`",
		meaning: "Alert Logic access key id",
		set:     into(func(s *Settings) *Secret { return &s.AccessKeyID }, secret)},
	{name: "APP_AL_SECRET_KEY", secret: true, older: []string{"CUSTOMCONNSTR_APP_CI_SECRET_KEY"}, says: "required for `alertlogic`",
		meaning: "Alert Logic secret key",
		set:     into(func(s *Settings) *Secret { return &s.SecretKey }, secret)},
	{name: "APP_AL_API_ENDPOINT", older: []string{connectionStringPrefix + "APP_AL_API_ENDPOINT"}, url: true, fixed: "api.global-services.global.alertlogic.com",
		meaning: "Alert Logic API: host, host:port or URL",
		set:     into(func(s *Settings) *string { return &s.APIEndpoint }, endpoint)},
	{name: "APP_AL_RESIDENCY", older: []string{connectionStringPrefix + "APP_AL_RESIDENCY"}, fixed: "default",
		meaning: "Alert Logic data residency",
		set:     into(func(s *Settings) *string { return &s.Residency }, matching(`^[A-Za-z0-9_-]{1,64}$`, "letters, digits, - or _"))},
	{name: "APP_AL_INGEST_STREAM", fixed: "logmsgs",
		meaning: "`logmsgs`, or `aicspmsgs` as collectors before 2021 sent",
		set:     into(func(s *Settings) *string { return &s.IngestStream }, oneOf("logmsgs", "aicspmsgs"))},
	{name: "APP_AL_MAX_PAYLOAD", synced: true, fixed: "700000",
		meaning: "the largest compressed batch, in bytes (1,000 to 10,000,000)",
		set:     into(func(s *Settings) *int { return &s.MaxPayload }, whole(1_000, 10_000_000))},
	{name: "DEFLATE_LEVEL", synced: true, fixed: "6",
		meaning: "compression of batches, 1 (fast) to 9 (small)",
		set:     into(func(s *Settings) *int { return &s.DeflateLevel }, whole(1, 9))},
	{name: "APP_INGEST_ENDPOINT", url: true, says: "looked up",
		meaning: "Alert Logic ingest: host, host:port or URL",
		set:     into(func(s *Settings) *string { return &s.IngestEndpoint }, endpoint)},
	{name: "APP_AZCOLLECT_ENDPOINT", url: true, says: "looked up",
		meaning: "Alert Logic azcollect: host, host:port or URL",
		set:     into(func(s *Settings) *string { return &s.AzcollectEndpoint }, endpoint)},
	{name: "COLLECTOR_HOST_ID", older: []string{"O365_HOST_ID"}, says: "registered, kept in the state",
		meaning: "host id given out by Alert Logic",
		set:     into(func(s *Settings) *string { return &s.HostID }, text)},
	{name: "COLLECTOR_SOURCE_ID", older: []string{"O365_COLLECTOR_ID"}, says: "registered, kept in the state",
		meaning: "source id given out by Alert Logic",
		set:     into(func(s *Settings) *string { return &s.SourceID }, text)},
	{name: "APP_AL_SEND_CLIENT_SECRET", fixed: "false",
		meaning: "send the app's client secret to Alert Logic when registering, as earlier collectors do",
		set:     into(func(s *Settings) *bool { return &s.SendClientSecret }, yesNo)},
	{name: "JSONL_PATH", says: "required for `jsonl`",
		meaning: "file that records are appended to, or `-` for stdout (refused under the Functions host)",
		set:     into(func(s *Settings) *string { return &s.JSONLPath }, text)},

	{name: "APP_SUBSCRIPTION_ID", usual: selfHosted, says: "`self-hosted`",
		meaning: "Azure subscription it runs in; used when registering",
		set:     into(func(s *Settings) *string { return &s.SubscriptionID }, text)},
	{name: "APP_RESOURCE_GROUP", usual: selfHosted, says: "`self-hosted`",
		meaning: "resource group it runs in",
		set:     into(func(s *Settings) *string { return &s.ResourceGroup }, text)},
	{name: "WEBSITE_SITE_NAME", usual: machineName, says: "host name",
		meaning: "name of the function app (set by Azure)",
		set:     into(func(s *Settings) *string { return &s.SiteName }, text)},
	{name: "WEBSITE_HOSTNAME", usual: machineName, says: "host name",
		meaning: "host name of the function app (set by Azure)",
		set:     into(func(s *Settings) *string { return &s.HostName }, text)},
	{name: "PUBLIC_URL", url: true, says: "`https://$WEBSITE_HOSTNAME`",
		usual: func(s *Settings, _ string) string {
			if s.HostName == "" {
				return ""
			}
			return "https://" + s.HostName
		},
		meaning: "base of the webhook's address; `none`: no webhook, pull only",
		set:     into(func(s *Settings) **url.URL { return &s.PublicURL }, publicURL)},

	{name: "AzureWebJobsStorage", secret: true,
		meaning: "storage account by connection string, also `UseDevelopmentStorage=true`",
		set:     into(func(s *Settings) *Secret { return &s.Storage.ConnectionString }, connectionString)},
	{name: "AzureWebJobsStorage__accountName",
		meaning: "storage account by identity: the managed one in Azure; for single commands elsewhere, who is logged in to the Azure CLI",
		set: into(func(s *Settings) *string { return &s.Storage.AccountName },
			matching(`^[a-z0-9]{3,24}$`, "3 to 24 lower-case letters and digits"))},
	{name: "AzureWebJobsStorage__tableServiceUri", url: true, says: "by account name",
		meaning: "its table service",
		set:     into(func(s *Settings) **url.URL { return &s.Storage.TableServiceURI }, wire.ParseBase)},
	{name: "AzureWebJobsStorage__queueServiceUri", url: true, says: "by account name",
		meaning: "its queue service",
		set:     into(func(s *Settings) **url.URL { return &s.Storage.QueueServiceURI }, wire.ParseBase)},
	{name: "AzureWebJobsStorage__blobServiceUri", url: true, says: "by account name",
		meaning: "its blob service",
		set:     into(func(s *Settings) **url.URL { return &s.Storage.BlobServiceURI }, wire.ParseBase)},
	{name: "AzureWebJobsStorage__clientId", says: "the system-assigned identity",
		meaning: "client id of a user-assigned identity; no other one is used in Azure",
		set:     into(func(s *Settings) *string { return &s.Storage.ClientID }, guid)},
	{name: "STATE_DIR", fixed: "./state",
		meaning: "embedded store, where no storage account is set",
		set:     into(func(s *Settings) *string { return &s.StateDir }, text)},
	{name: "STATE_RETENTION", fixed: "35d",
		meaning: "how long finished rows are kept, at least 8d (contents can be offered again for 7)",
		set:     into(func(s *Settings) *time.Duration { return &s.StateRetention }, span(192*time.Hour, 400*24*time.Hour))},

	{name: "UPDATER_SCHEDULE", usual: updaterSchedule, says: "a random minute twice a day",
		meaning: "NCRONTAB of the `updater` function; under the Functions host it must be set",
		set:     into(func(s *Settings) *string { return &s.UpdaterSchedule }, schedule)},
	{name: "CONFIG_URL", secret: true, says: "off",
		meaning: "https address of a signed configuration that is synced from there (docs/configuration.md)",
		set:     into(func(s *Settings) *Secret { return &s.ConfigURL }, secretAddress)},
	{name: "CONFIG_PUBLIC_KEY", says: "required for `CONFIG_URL`",
		meaning: "Ed25519 key that signs it, in base64; several with commas",
		set:     into(func(s *Settings) *[]ed25519.PublicKey { return &s.ConfigKeys }, dsse.ParseKeys)},
	{name: "UPDATE_MANIFEST_URL", secret: true, later: true, says: "off",
		meaning: "where releases are announced",
		set:     into(func(s *Settings) *Secret { return &s.UpdateManifest }, secretAddress)},
	{name: "UPDATE_PUBLIC_KEYS", later: true,
		meaning: "Ed25519 keys that sign them, in base64, with commas",
		set:     into(func(s *Settings) *[]ed25519.PublicKey { return &s.UpdateKeys }, dsse.ParseKeys)},

	{name: "LISTEN", fixed: ":8443",
		meaning: "address of the self-hosted listener",
		set:     into(func(s *Settings) *string { return &s.Listen }, listenAddress)},
	{name: "WEBHOOK_PATH", fixed: hostWebhookPath,
		meaning: "path of the webhook when self-hosted",
		set:     into(func(s *Settings) *string { return &s.WebhookPath }, webhookPath)},
	{name: "TLS_CERT",
		meaning: "PEM file of the listener's certificate chain; read again when it changes",
		set:     into(func(s *Settings) *string { return &s.TLSCert }, text)},
	{name: "TLS_KEY",
		meaning: "PEM file of its key",
		set:     into(func(s *Settings) *string { return &s.TLSKey }, text)},
	{name: "LISTEN_INSECURE", fixed: "false",
		meaning: "`true` allows plain http beyond loopback, behind a proxy that ends TLS",
		set:     into(func(s *Settings) *bool { return &s.ListenInsecure }, yesNo)},
	{name: "MAX_CONNECTIONS", fixed: "512",
		meaning: "connections open at the same time; further ones wait",
		set:     into(func(s *Settings) *int { return &s.MaxConnections }, whole(1, 65_536))},
	{name: "LOG_LEVEL", synced: true, fixed: "info",
		meaning: "`error`, `warning`, `info`, `debug` or `trace`",
		set:     into(func(s *Settings) *logrus.Level { return &s.LogLevel }, logLevel)},
}

// updaterSchedule is twice a day at a minute that differs from one collector to the
// next, so that not all of them ask at once.
func updaterSchedule(s *Settings, machine string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.TenantID + s.SiteName + machine)) // it cannot fail
	minute := h.Sum32() % (12 * 60)
	return fmt.Sprintf("0 %d %d,%d * * *", minute%60, minute/60, minute/60+12)
}

// Azure says where it runs an app; elsewhere these are as good as any.
func selfHosted(*Settings, string) string            { return "self-hosted" }
func machineName(_ *Settings, machine string) string { return cmp.Or(machine, "unknown") }
