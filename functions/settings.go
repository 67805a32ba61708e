package main

import (
	"crypto/ed25519"
	"errors"
	"net/url"
	"time"

	"github.com/sirupsen/logrus"
)

// Settings are all settings, read and checked. What each one means stands in the
// table (settings_table.go), which also makes the one in the README.
type Settings struct {
	// Host says that the Azure Functions host runs us and HostPort where it calls.
	Host     bool
	HostPort string

	TenantID                  string // GUIDs are in lower case
	ClientID                  string
	ClientSecret              Secret
	ClientSecretExpires       time.Time // zero: not said
	ClientCertificate         Secret    // the content: PEM, or the bytes of a PFX file
	ClientCertificatePassword Secret
	FederatedIdentity         string

	Cloud              string
	AuthorityHost      *url.URL // nil: by Cloud; the next two likewise
	ManagementURL      *url.URL
	ResourceManagerURL *url.URL

	ContentStreams    []string
	Watch             bool   // subscriptions are looked at, never changed
	WebhookAuthID     Secret // empty: generated
	Notifications     string
	PullSchedule      string
	WebhookBudget     time.Duration
	Lookback          time.Duration
	Concurrency       int
	RequestsPerMinute int
	MaxContentBytes   int64
	RequestTimeout    time.Duration
	PublicURL         *url.URL // nil: no webhook, pull only

	Sink              string
	AccessKeyID       Secret
	SecretKey         Secret
	APIEndpoint       string // host, host:port or URL
	Residency         string
	IngestStream      string
	MaxPayload        int
	DeflateLevel      int
	IngestEndpoint    string // empty: looked up
	AzcollectEndpoint string
	HostID            string // empty: registered
	SourceID          string
	SendClientSecret  bool
	JSONLPath         string

	SubscriptionID string
	ResourceGroup  string
	SiteName       string
	HostName       string

	Storage        Storage
	StateDir       string
	StateRetention time.Duration

	UpdaterSchedule string
	ConfigURL       Secret // may hold a signature in its query
	ConfigKeys      []ed25519.PublicKey
	UpdateManifest  Secret
	UpdateKeys      []ed25519.PublicKey
	UpdateHoldBack  time.Duration
	UpdateContainer *url.URL // nil: a newer release is only told of
	UpdateIdentity  string   // empty: Flex Consumption

	Listen         string
	WebhookPath    string
	TLSCert        string
	TLSKey         string
	ListenInsecure bool
	MaxConnections int

	LogLevel logrus.Level

	// Disabled are functions that must not run by themselves, as the Functions host
	// has it: AzureWebJobs.<function>.Disabled.
	Disabled []string

	// Warnings are worth a log line each, and no reason to stop.
	Warnings []string

	origins []origin
	// again reads all of it once more, with a synced configuration. (A function, since
	// the sources hold secrets as they are, and Settings may be printed.)
	again func(synced map[string]string, from string) (Settings, error)
}

// Storage is the storage account that the Functions host uses as well.
type Storage struct {
	ConnectionString Secret
	AccountName      string
	TableServiceURI  *url.URL // nil: made from AccountName; the next two likewise
	QueueServiceURI  *url.URL
	BlobServiceURI   *url.URL
	ClientID         string // of a user-assigned identity; empty: the system's
}

// Configured reports whether there is a storage account; otherwise the state is
// kept in StateDir.
func (s Storage) Configured() bool {
	return s.ConnectionString != "" || s.AccountName != "" ||
		s.TableServiceURI != nil || s.QueueServiceURI != nil || s.BlobServiceURI != nil
}

// Sources are where settings come from; the environment wins over the file.
type Sources struct {
	Env map[string]string
	// File is the path of a JSON file, FileRequired says that somebody asked for
	// it by name. Under the Functions host no file is read: there the
	// environment is the only place an administrator can see.
	File         string
	FileRequired bool
	// Machine is this machine's name, the default of where we run.
	Machine string
	// Listens says that LISTEN will be opened, so it must be safe to.
	Listens bool
	// Synced are settings of a verified configuration, SyncedFrom says which. They win.
	Synced     map[string]string
	SyncedFrom string
}

// LoadSettings reads and checks all settings. The error joins every complaint,
// one line each; the settings are then not fit for use, except for printing.
func LoadSettings(src Sources) (Settings, error) {
	s := Settings{HostPort: src.Env["FUNCTIONS_CUSTOMHANDLER_PORT"]}
	s.again = func(synced map[string]string, from string) (Settings, error) {
		src := src
		src.Synced, src.SyncedFrom = synced, from
		return LoadSettings(src)
	}
	s.Host = s.HostPort != ""
	s.Disabled = disabled(src.Env)

	var complaints []error
	file := map[string]string{}
	if !s.Host && src.File != "" {
		var errs []error
		file, errs = readFile(src.File, src.FileRequired)
		complaints = append(complaints, errs...)
	}
	for i := range table {
		row := &table[i]
		given, err := row.find(src.Env, file, src.File)
		if synced := src.Synced[row.name]; synced != "" {
			given, err = finding{synced, src.SyncedFrom}, nil
		}
		if err == nil {
			err = row.unresolved(given.value)
		}
		if err == nil && given.value == "" {
			given = finding{value: row.fallback(&s, src.Machine), origin: "default"}
		}
		if err == nil && given.value != "" {
			err = row.set(&s, given.value)
			if err != nil {
				err = row.complain(given.value, err)
			}
		}
		if err != nil {
			complaints = append(complaints, err)
		}
		s.origins = append(s.origins, row.describe(given))
	}
	complaints = append(complaints, s.check(src)...)
	return s, errors.Join(complaints...)
}
