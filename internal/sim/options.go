package sim

import (
	cryptorand "crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"log"
	"os"
	"time"
)

// Options of a [World]. Every field has a usable zero value.
type Options struct {
	// Seed decides everything random but keys; 0: drawn. [World.Seed] tells it.
	Seed uint64
	// Calm: no faults, no splits, no lost, doubled or reordered notifications
	// until somebody asks for them.
	Calm bool
	// Dir is where certificates go; "": a temporary one, removed by Close.
	Dir string
	// Port is the first of the services' consecutive ports; 0: any free ones.
	Port int
	// Now is the world's clock, which everything dated stands on but certificates;
	// nil: time.Now. A [Clock] can be moved.
	Now func() time.Time
	// Logf hears the seed; nil: a line on standard error.
	Logf func(format string, args ...any)

	Tenant, ClientID, ClientSecret string         // GUIDs and a secret; "": made up
	ClientKey                      *rsa.PublicKey // judges certificate assertions; nil: their signature is not looked at
	TokenLife                      time.Duration  // of Entra's tokens; 0: 1 h
	Roles                          []string       // in Entra's tokens, see SetRoles; nil: ActivityFeed.Read and ReadDlp

	// AuthID is what the collector is told to use for its webhook.
	AuthID string
	// ContentTypes that exist; nil: the four Audit types and DLP.All.
	ContentTypes []string
	// PageSize of content lists; 0: 3, so that there are pages. The real one is not documented.
	PageSize int
	// Skew is how far the management API's clock is ahead of Now; see [World.SetSkew].
	Skew time.Duration
	// StartPause is the rule that a type is started at most once in this time, by
	// Now (15 minutes at the real service: [REF] note of 2025-08-01 on starting);
	// 0: not enforced.
	StartPause time.Duration
	// Push says how notifications are sent.
	Push PushOptions
	// TrustPEM holds further roots that the pusher trusts.
	TrustPEM []byte

	Subscription, ResourceGroup, SiteName string // of the site that Manager knows; "": made up
	IdentityID                            string // client id of its managed identity; "": made up

	AccessKeyID, SecretKey, Account string // Alert Logic; "": made up
	HostID, SourceID                string // go into Settings if set
	MaxPayload                      int    // of ingest; 0: the contract's
	ALTokenLife                     time.Duration
	RegistrationMode                RegistrationMode
	ExtraAnswer                     map[string]any // see AlertLogicOptions
	// OnMessage hears of each message that ingest accepted, after the book.
	OnMessage func(Message)

	// KeepPosts lets ingest take every POST unread; see [World.KeptPosts].
	KeepPosts bool
	// Latency is how long tokens, contents and posts wait for their answer.
	Latency time.Duration
}

func (o *Options) fill() {
	if o.Seed == 0 {
		var b [8]byte
		_, _ = cryptorand.Read(b[:]) // does not fail (Go 1.24)
		o.Seed = binary.LittleEndian.Uint64(b[:]) >> 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logf == nil {
		o.Logf = log.New(os.Stderr, "", 0).Printf
	}
	for _, text := range []struct {
		field *string
		value string
	}{
		{&o.Tenant, "3b1d5a4e-77aa-4c52-9d0e-0f61c2a8b901"},
		{&o.ClientID, "a86f2f3c-1c43-4a5e-8b59-5f0c9a7d2e10"},
		{&o.ClientSecret, "simulated~client.secret"},
		{&o.AuthID, "simulated-webhook-auth-id"},
		{&o.Subscription, "7d1c0a5e-2f64-4b8a-9c33-51e0d2b6a4f8"},
		{&o.ResourceGroup, "collectors"},
		{&o.SiteName, "simulated-collector"},
		{&o.IdentityID, "c4b9e7d2-6a10-4f3b-8e5d-90a1b2c3d4e5"},
		{&o.AccessKeyID, "simulatedaccesskey"},
		{&o.SecretKey, "simulated/secret+key"},
		{&o.Account, "134249236"},
	} {
		if *text.field == "" {
			*text.field = text.value
		}
	}
	if o.ContentTypes == nil {
		o.ContentTypes = []string{"Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All"}
	}
	if o.Roles == nil {
		o.Roles = []string{"ActivityFeed.Read", "ActivityFeed.ReadDlp"}
	}
	if o.PageSize == 0 {
		o.PageSize = 3
	}
	if o.TokenLife == 0 {
		o.TokenLife = time.Hour
	}
	o.Push.fill(o.Calm)
}
