package state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// AzureOptions say which storage account to use, and as whom: either by
// ConnectionString (also "UseDevelopmentStorage=true") or by service addresses
// and a Credential.
type AzureOptions struct {
	ConnectionString            string
	TableURL, BlobURL, QueueURL string
	Credential                  azcore.TokenCredential
	// HTTP carries every request; nil is wire.Client.
	HTTP *http.Client
	// Timeout shortens how long one request for rows or messages may take; 0: 45 s.
	Timeout time.Duration
}

// Azure is the [collect.Store] in a storage account: rows in Table Storage (a
// kind is a table), payloads in a blob container, and messages that wake workers
// in a queue. Tables, container and queue are made when the first write misses
// them, so that opening costs nothing.
type Azure struct {
	// Retry is how often a request is tried whose outcome is not known.
	Retry collect.Retry

	tables *aztables.ServiceClient
	blobs  *azblob.Client
	queue  *azqueue.QueueClient
	http   *http.Client
}

var _ collect.Store = (*Azure)(nil)

// How long one request may take. Table Storage itself gives a query up after
// 30 s ("Setting timeouts for Table service operations"); a payload may be large.
const (
	tableTimeout = 45 * time.Second
	blobTimeout  = 5 * time.Minute
)

// OpenAzure makes the clients; it sends nothing. Its errors begin with the name
// of the setting.
func OpenAzure(o AzureOptions) (*Azure, error) {
	where, err := o.account()
	if err != nil {
		return nil, err
	}
	client := o.HTTP
	if client == nil {
		client = wire.Client(wire.Options{})
	}
	a := &Azure{
		// A storage server that restarts or moves a partition is back within seconds;
		// longer outages are for the ledger and the trigger.
		Retry: collect.Retry{Attempts: 4, First: 200 * time.Millisecond, Most: 2 * time.Second, Patience: 10 * time.Second},
		http:  client,
	}
	if err := a.connect(where, o, client); err != nil {
		return nil, fmt.Errorf("AzureWebJobsStorage: %w", err)
	}
	return a, nil
}

func (o AzureOptions) account() (account, error) {
	if o.ConnectionString != "" {
		where, err := parseConnection(o.ConnectionString)
		if err != nil {
			return account{}, fmt.Errorf("AzureWebJobsStorage: %w", err)
		}
		for s, address := range where.urls {
			if address == "" {
				return account{}, fmt.Errorf("AzureWebJobsStorage: must hold AccountName or %s endpoint", service(s))
			}
		}
		return where, nil
	}
	if o.Credential == nil {
		return account{}, errors.New("AzureWebJobsStorage: must be a connection string, or AzureWebJobsStorage__accountName be set with an identity")
	}
	var where account
	for s, address := range [...]string{tables: o.TableURL, blobs: o.BlobURL, queues: o.QueueURL} {
		if err := where.setURL(service(s), address); err != nil {
			return account{}, fmt.Errorf("AzureWebJobsStorage__%sServiceUri: %w", service(s), err)
		}
	}
	return where, nil
}

func (a *Azure) connect(where account, o AzureOptions, client *http.Client) (err error) {
	credential, quick := o.Credential, tableTimeout
	if o.Timeout > 0 {
		quick = min(quick, o.Timeout)
	}
	options := func(timeout time.Duration) policy.ClientOptions {
		return policy.ClientOptions{
			Transport: unfollowed{client},
			Retry:     policy.RetryOptions{MaxRetries: -1, TryTimeout: timeout}, // collect.Retry does it
			Telemetry: policy.TelemetryOptions{Disabled: true},

			PerCallPolicies: []policy.Policy{genuine{}},
		}
	}
	tableOptions := &aztables.ClientOptions{ClientOptions: options(quick)}
	tableOptions.PerCallPolicies = append(tableOptions.PerCallPolicies, noEcho{})
	blobOptions := &azblob.ClientOptions{ClientOptions: options(blobTimeout)}
	queueOptions := &azqueue.ClientOptions{ClientOptions: options(quick)}
	tableURL, blobURL, queueURL := where.urls[tables], where.urls[blobs]+"/", where.urls[queues]+"/"+queueName

	switch {
	case where.signature != "":
		query := "?" + where.signature
		a.tables, err = aztables.NewServiceClientWithNoCredential(tableURL+"/"+query, tableOptions)
		if err == nil {
			a.blobs, err = azblob.NewClientWithNoCredential(blobURL+query, blobOptions)
		}
		if err == nil {
			a.queue, err = azqueue.NewQueueClientWithNoCredential(queueURL+query, queueOptions)
		}
	case where.key != "":
		err = a.connectWithKey(where, tableURL, blobURL, queueURL, tableOptions, blobOptions, queueOptions)
	default:
		identity := identity{credential}
		a.tables, err = aztables.NewServiceClient(tableURL, identity, tableOptions)
		if err == nil {
			a.blobs, err = azblob.NewClient(blobURL, identity, blobOptions)
		}
		if err == nil {
			a.queue, err = azqueue.NewQueueClient(queueURL, identity, queueOptions)
		}
	}
	return err
}

func (a *Azure) connectWithKey(where account, tableURL, blobURL, queueURL string,
	tableOptions *aztables.ClientOptions, blobOptions *azblob.ClientOptions, queueOptions *azqueue.ClientOptions,
) error {
	tableKey, err := aztables.NewSharedKeyCredential(where.name, where.key)
	if err != nil {
		return errors.New("AccountKey is not base64; copy it from the account's access keys")
	}
	blobKey, err := azblob.NewSharedKeyCredential(where.name, where.key)
	if err != nil {
		return err
	}
	queueKey, err := azqueue.NewSharedKeyCredential(where.name, where.key)
	if err != nil {
		return err
	}
	if a.tables, err = aztables.NewServiceClientWithSharedKey(tableURL, tableKey, tableOptions); err != nil {
		return err
	}
	if a.blobs, err = azblob.NewClientWithSharedKeyCredential(blobURL, blobKey, blobOptions); err != nil {
		return err
	}
	a.queue, err = azqueue.NewQueueClientWithSharedKeyCredential(queueURL, queueKey, queueOptions)
	return err
}

// unfollowed sends by what is under a client. The client itself rewinds a body on a 307
// before it asks whether to follow, though nobody does, and the SDK's body has one place
// to be read from: what is still being sent would begin anew.
type unfollowed struct{ client *http.Client }

func (u unfollowed) Do(r *http.Request) (*http.Response, error) {
	if u.client.Transport == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return u.client.Transport.RoundTrip(r)
}

// noEcho asks Table Storage not to send back the row that was inserted.
type noEcho struct{}

func (noEcho) Do(r *policy.Request) (*http.Response, error) {
	if r.Raw().Method == http.MethodPost {
		r.Raw().Header.Set("Prefer", "return-no-content")
	}
	return r.Next()
}

// Close lets go of idle connections; requests under way are their callers'.
func (a *Azure) Close() error {
	a.http.CloseIdleConnections()
	return nil
}

// again calls f until it ends in something definite. Only a temporary fault is
// tried again: ErrExists and its like are answers.
func (a *Azure) again(ctx context.Context, f func(context.Context) error) error {
	var definite error
	err := a.Retry.Do(ctx, func(ctx context.Context) error {
		definite = nil
		err := f(ctx)
		if isUnknown(err) {
			return err
		}
		definite = err
		return nil
	})
	if err != nil {
		return err
	}
	return definite
}
