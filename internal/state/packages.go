package state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// Packages is the container of our own in which verified packages are kept, each as
// <SHA-256 of its bytes>.zip. The template makes it, in an account without keys: it is
// reached as the managed identity only. On Flex Consumption the platform keeps the
// package that it runs in the same container.
type Packages struct {
	// Retry is how often a request is tried whose outcome is not known.
	Retry collect.Retry

	place place
	limit int
	blobs *azblob.Client
	keys  *azblob.Client // for user delegation keys alone
}

// PackagesOptions say where packages are kept, and as whom.
type PackagesOptions struct {
	Container  *url.URL // UPDATE_PACKAGE_CONTAINER
	Credential azcore.TokenCredential
	// HTTP carries every request; nil is wire.Client.
	HTTP *http.Client
	// Limit is the most bytes a package may have; 0: 32 MiB.
	Limit int
}

// maxPackage is what internal/release takes for a package as well.
const maxPackage = 32 << 20

// OpenPackages makes the clients; it sends nothing.
func OpenPackages(o PackagesOptions) (*Packages, error) {
	where, err := findContainer(o.Container)
	if err == nil && o.Credential == nil {
		err = errors.New("is reached as a managed identity, and there is none")
	}
	if err != nil {
		return nil, fmt.Errorf("UPDATE_PACKAGE_CONTAINER: %w", err)
	}
	if o.HTTP == nil {
		o.HTTP = wire.Client(wire.Options{})
	}
	if o.Limit == 0 {
		o.Limit = maxPackage
	}
	p := &Packages{
		// As for rows: what takes longer, the updater's next run goes on with.
		Retry: collect.Retry{Attempts: 4, First: 200 * time.Millisecond, Most: 2 * time.Second, Patience: 10 * time.Second},
		place: where,
		limit: o.Limit,
	}
	options := azblob.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: o.HTTP,
		Retry:     policy.RetryOptions{MaxRetries: -1, TryTimeout: blobTimeout}, // collect.Retry does it
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}}
	options.PerCallPolicies = []policy.Policy{sentOnce{}}
	identity := storageOnly{identity{o.Credential}}
	if p.blobs, err = azblob.NewClient(where.service, identity, &options); err != nil {
		return nil, fmt.Errorf("UPDATE_PACKAGE_CONTAINER: %w", err)
	}
	options.PerCallPolicies = []policy.Policy{sentOnce{}, sentTo(where.service)}
	if p.keys, err = azblob.NewClient("https://"+where.account+".invalid/", identity, &options); err != nil {
		return nil, fmt.Errorf("UPDATE_PACKAGE_CONTAINER: %w", err)
	}
	return p, nil
}

// A place is the address of a container, taken apart.
type place struct {
	service   string // the account's blob service, with a slash at its end
	account   string // its name, as signatures hold it
	container string
}

// The rules of "Storage account overview" and "Naming and referencing containers, blobs,
// and metadata" for names; the second one's limit of 63 is checked by itself.
var (
	accountName   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerName = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9]){2,}$`)
)

// findContainer takes the account's name from the host, or from the path of an
// emulator ("Connect to Azurite": http://<local-machine-address>:<port>/<account-name>).
func findContainer(u *url.URL) (place, error) {
	switch {
	case u == nil:
		return place{}, errors.New("is missing; deploy the template with selfUpdate")
	case u.Scheme != "https" || u.Host == "":
		return place{}, errors.New("must begin with https://: storage takes an identity's token over TLS only")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return place{}, errors.New("must not hold user info, a query or a fragment")
	}
	where := place{service: "https://" + u.Host + "/", container: strings.Trim(u.Path, "/")}
	where.account, _, _ = strings.Cut(strings.ToLower(u.Hostname()), ".")
	if wire.Loopback(u.Host) {
		where.account, where.container, _ = strings.Cut(where.container, "/")
		where.service += where.account + "/"
	}
	if !accountName.MatchString(where.account) || !containerName.MatchString(where.container) || len(where.container) > 63 {
		return place{}, errors.New("must name one container, like https://<account>.blob.core.windows.net/package")
	}
	return where, nil
}

// storageOnly asks for tokens for storage, whatever the SDK wants: it would take the
// resource from the challenge in a 401, and send that one's token there.
type storageOnly struct{ azcore.TokenCredential }

// storageScope is that of every cloud ("Authorize access to blobs using Microsoft Entra ID").
const storageScope = "https://storage.azure.com/.default"

func (s storageOnly) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	o.Scopes = []string{storageScope}
	return s.TokenCredential.GetToken(ctx, o)
}

// sentOnce keeps a body from being rewound: net/http does that on a 307, though nobody
// follows it, while it may still be sending the same body.
type sentOnce struct{}

func (sentOnce) Do(r *policy.Request) (*http.Response, error) {
	r.Raw().GetBody = nil
	return r.Next()
}

// sentTo is the real address of a client that was made for another: when the SDK signs,
// it takes the account's name from the client's host, which an emulator has in its path.
type sentTo string

func (s sentTo) Do(r *policy.Request) (*http.Response, error) {
	real, err := url.Parse(string(s))
	if err != nil {
		return nil, err
	}
	raw := r.Raw()
	real.RawQuery = raw.URL.RawQuery
	raw.URL, raw.Host = real, real.Host
	return r.Next()
}
