package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// machineEndpoint is where a virtual machine in Azure gets tokens (learn.microsoft.com,
// "How to use managed identities on an Azure VM to acquire an access token").
const machineEndpoint = "http://169.254.169.254/metadata/identity/oauth2/token"

// storageIdentity proves to the storage account who we are. Where the platform has
// identities to give (IDENTITY_ENDPOINT, as in Azure Functions), that is the managed
// one and nobody else. Elsewhere it is the machine's own, and for a command whoever is
// logged in to the Azure CLI if the machine has none. A collector never acts as a
// person: azidentity keeps to whoever answered first, for as long as it runs.
func storageIdentity(clientID string, command bool) (azcore.TokenCredential, error) {
	managed, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: ownID(clientID)})
	if os.Getenv("IDENTITY_ENDPOINT") != "" {
		return quietIdentity{managed, storageUse, "check that the identity exists and AzureWebJobsStorage__clientId is its client id"}, err
	}
	if !command {
		return unattended(managed, machineEndpoint), err
	}
	var machine azcore.TokenCredential
	if err == nil { // the Cloud Shell has none that is named by its client id
		machine = managed
	}
	return elsewhere(machine, machineEndpoint)
}

// unattended is the machine's identity and nobody else's. It is waited for longer: if
// it does not come, the collector does not start.
func unattended(machine azcore.TokenCredential, endpoint string) azcore.TokenCredential {
	return quietIdentity{
		&machineIdentity{TokenCredential: machine, endpoint: endpoint, patience: 10 * probeTime}, storageUse,
		"in Azure, assign an identity to this machine; elsewhere, set AzureWebJobsStorage to a connection string: only commands act as who is logged in to the Azure CLI",
	}
}

func elsewhere(machine azcore.TokenCredential, endpoint string) (azcore.TokenCredential, error) {
	person, err := azidentity.NewAzureCLICredential(nil)
	if err != nil {
		return nil, err
	}
	sources := []azcore.TokenCredential{person}
	if machine != nil {
		sources = []azcore.TokenCredential{&machineIdentity{TokenCredential: machine, endpoint: endpoint, patience: probeTime}, person}
	}
	chain, err := azidentity.NewChainedTokenCredential(sources, nil)
	return quietIdentity{chain, storageUse, "in Azure, assign the identity to this app or machine; elsewhere, az login as somebody with the roles Storage Table, Queue and Blob Data Contributor on the account"}, err
}

// A machineIdentity is that of an Azure virtual machine, if this is one: azidentity
// would try for minutes to reach an endpoint that is not there.
type machineIdentity struct {
	azcore.TokenCredential
	endpoint string
	patience time.Duration
	there    atomic.Bool
}

// probeTime is what azidentity gives the same endpoint in its default chain.
const probeTime = time.Second

func (m *machineIdentity) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if !m.there.Load() {
		if !m.probe(ctx) {
			return azcore.AccessToken{}, azidentity.NewCredentialUnavailableError("this is no virtual machine in Azure")
		}
		m.there.Store(true)
	}
	return m.TokenCredential.GetToken(ctx, o)
}

// probe leaves out the header that each request needs: Azure's endpoint then answers
// 400, and those that other clouds have at this address do not.
func (m *machineIdentity) probe(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, m.patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.endpoint, nil)
	if err != nil {
		return false
	}
	direct := &http.Transport{} // a proxy has another machine's identity
	defer direct.CloseIdleConnections()
	resp, err := direct.RoundTrip(req)
	if err != nil {
		return false
	}
	wire.Discard(resp)
	return resp.StatusCode == http.StatusBadRequest
}

// ownID is the identity that we have: a user-assigned one, or that of the system.
func ownID(clientID string) azidentity.ManagedIDKind {
	if clientID == "" {
		return nil
	}
	return azidentity.ClientID(clientID)
}

// updateIdentity proves to Resource Manager and to the package container who we are.
func updateIdentity(id azidentity.ManagedIDKind) (azcore.TokenCredential, error) {
	managed, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: id})
	return quietIdentity{managed, "the self-update", "deploy the template with its parameter selfUpdate set to true"}, err
}

// storageUse is what most identities are for.
const storageUse = "AzureWebJobsStorage"

// quietIdentity keeps azidentity's errors, which can hold a whole answer with a token in
// it, out of ours.
type quietIdentity struct {
	azcore.TokenCredential
	use    string
	remedy string
}

func (q quietIdentity) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := q.TokenCredential.GetToken(ctx, o)
	if err == nil || ctx.Err() != nil {
		return token, err
	}
	said := "no answer"
	if failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok && failed.RawResponse != nil {
		status := failed.RawResponse.StatusCode // its words are the endpoint's, and could be our own header
		said = fmt.Sprintf("%d %s", status, http.StatusText(status))
	}
	return token, &collect.Fault{Verdict: collect.JudgesUs, Err: fmt.Errorf("get a token for %s: %s; %s", q.use, said, q.remedy)}
}
