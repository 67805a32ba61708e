package microsoft

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"azcollector/internal/wire"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Credentials say who we are to Entra: an application, and exactly one proof.
type Credentials struct {
	ClientID     string // APP_CLIENT_ID
	ClientSecret string // APP_CLIENT_SECRET
	// Certificate is the content of APP_CLIENT_CERTIFICATE: PEM or PFX, plain or
	// in base64. CertificatePassword opens the PFX.
	Certificate         []byte
	CertificatePassword string
	// FederatedIdentity is the client id of a user-assigned managed identity
	// whose token stands in for a secret (APP_FEDERATED_IDENTITY).
	FederatedIdentity string
}

// setting names the one proof that is given; none and several are errors.
func (c Credentials) setting() (string, error) {
	var given []string
	if c.ClientSecret != "" {
		given = append(given, "APP_CLIENT_SECRET")
	}
	if len(c.Certificate) > 0 {
		given = append(given, "APP_CLIENT_CERTIFICATE")
	}
	if c.FederatedIdentity != "" {
		given = append(given, "APP_FEDERATED_IDENTITY")
	}
	switch {
	case c.ClientID == "":
		return "", errors.New("APP_CLIENT_ID is missing: set the application (client) id of the app registration")
	case len(given) == 0:
		return "", errors.New("set one of APP_CLIENT_SECRET, APP_CLIENT_CERTIFICATE, APP_FEDERATED_IDENTITY")
	case len(given) > 1:
		return "", fmt.Errorf("%s are all set: keep one of them", strings.Join(given, ", "))
	}
	return given[0], nil
}

// maker makes a new credential for a tenant; its tokens come from Entra, since
// every credential has a cache of its own.
type maker func(tenant string) (azcore.TokenCredential, error)

func newMaker(c Cloud, creds Credentials, setting string, client *http.Client) (maker, error) {
	options := clientOptions(c, &guard{authority: c.Authority, client: client})
	bare := !c.ownAuthority()
	switch setting {
	case "APP_CLIENT_SECRET":
		return func(tenant string) (azcore.TokenCredential, error) {
			return azidentity.NewClientSecretCredential(tenant, creds.ClientID, creds.ClientSecret,
				&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: bare})
		}, nil
	case "APP_CLIENT_CERTIFICATE":
		certs, key, err := parseCertificate(creds.Certificate, creds.CertificatePassword)
		if err != nil {
			return nil, err
		}
		return func(tenant string) (azcore.TokenCredential, error) {
			return azidentity.NewClientCertificateCredential(tenant, creds.ClientID, certs, key,
				&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: bare})
		}, nil
	}
	assert, err := assertion(c, creds.FederatedIdentity, client)
	if err != nil {
		return nil, err
	}
	return func(tenant string) (azcore.TokenCredential, error) {
		return azidentity.NewClientAssertionCredential(tenant, creds.ClientID, assert,
			&azidentity.ClientAssertionCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: bare})
	}, nil
}

// assertion asks the platform for the managed identity's token. The platform's
// endpoint is on the machine or link-local, so no proxy may see the request.
func assertion(c Cloud, identity string, client *http.Client) (func(context.Context) (string, error), error) {
	managed, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ClientOptions: clientOptions(c, wire.Direct(client)),
		ID:            azidentity.ClientID(identity),
	})
	if err != nil {
		return nil, fmt.Errorf("use APP_FEDERATED_IDENTITY: %w", err)
	}
	return func(ctx context.Context) (string, error) {
		token, err := managed.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.exchangeScope()}})
		if err != nil {
			err = judgeIdentity(err)
			note(ctx, err)
		}
		return token.Token, err
	}, nil
}

// clientOptions switch the SDK's own retries off: one place retries, and it is
// not here. Bodies hold secrets and are never logged.
func clientOptions(c Cloud, transport policy.Transporter) azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: c.Authority.String()},
		Logging:   policy.LogOptions{IncludeBody: false},
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{Disabled: true},
		Transport: transport,
	}
}
