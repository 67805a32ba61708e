package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"azcollector/internal/alertlogic"
	"azcollector/internal/collect"
	"azcollector/internal/microsoft"
	"azcollector/internal/sink"
	"azcollector/internal/state"
)

// openStore opens the storage account, or the embedded store without one; for a
// command, see [storageIdentity].
func openStore(s Settings, client *http.Client, command bool) (collect.Store, error) {
	if !s.Storage.Configured() {
		return state.OpenEmbedded(s.StateDir)
	}
	o := state.AzureOptions{ConnectionString: string(s.Storage.ConnectionString), HTTP: client, Timeout: s.RequestTimeout}
	if o.ConnectionString == "" {
		o.TableURL = serviceURL(s, s.Storage.TableServiceURI, "table")
		o.BlobURL = serviceURL(s, s.Storage.BlobServiceURI, "blob")
		o.QueueURL = serviceURL(s, s.Storage.QueueServiceURI, "queue")
		var err error
		if o.Credential, err = storageIdentity(s.Storage.ClientID, command); err != nil {
			return nil, fmt.Errorf("use an identity for AzureWebJobsStorage: %w", err)
		}
	}
	return state.OpenAzure(o)
}

// storageSuffix by cloud: learn.microsoft.com, "Compare Azure Government and
// global Azure" and "Azure China endpoints".
var storageSuffix = map[string]string{
	"public": "core.windows.net", "gcc": "core.windows.net",
	"gcchigh": "core.usgovcloudapi.net", "dod": "core.usgovcloudapi.net",
	"china": "core.chinacloudapi.cn",
}

func serviceURL(s Settings, given *url.URL, service string) string {
	switch {
	case given != nil:
		return given.String()
	case s.Storage.AccountName == "":
		return ""
	}
	return "https://" + s.Storage.AccountName + "." + service + "." + storageSuffix[s.Cloud]
}

// cloudOf is the cloud with the settings' single overrides.
func cloudOf(s Settings) (microsoft.Cloud, error) {
	cloud, ok := microsoft.LookupCloud(s.Cloud)
	if !ok {
		return cloud, fmt.Errorf("AZURE_CLOUD: no cloud %q", s.Cloud)
	}
	for _, override := range []struct {
		set *url.URL
		of  **url.URL
	}{
		{s.AuthorityHost, &cloud.Authority},
		{s.ManagementURL, &cloud.Management},
		{s.ResourceManagerURL, &cloud.ResourceManager},
	} {
		if override.set != nil {
			*override.of = override.set
		}
	}
	return cloud, nil
}

func credentialsOf(s Settings) microsoft.Credentials {
	return microsoft.Credentials{
		ClientID:            s.ClientID,
		ClientSecret:        string(s.ClientSecret),
		Certificate:         []byte(s.ClientCertificate),
		CertificatePassword: string(s.ClientCertificatePassword),
		FederatedIdentity:   s.FederatedIdentity,
	}
}

func newFeed(s Settings, client *http.Client, throttled func()) (*microsoft.Tokens, *microsoft.Feed, error) {
	cloud, err := cloudOf(s)
	if err != nil {
		return nil, nil, err
	}
	tokens, err := microsoft.NewTokens(cloud, credentialsOf(s), client)
	if err != nil {
		return nil, nil, err
	}
	return tokens, microsoft.NewFeed(microsoft.FeedOptions{
		Cloud: cloud, Tokens: tokens, Tenants: []string{s.TenantID}, Publisher: s.TenantID, HTTP: client,
		MaxContentBytes: s.MaxContentBytes, IdleTimeout: s.RequestTimeout, RequestsPerMinute: s.RequestsPerMinute, Throttled: throttled,
	}), nil
}

func (h *house) openSink() (collect.Sink, error) {
	s := h.settings
	if s.Sink == "jsonl" {
		return sink.OpenJSONL(s.JSONLPath)
	}
	bases := map[string]*url.URL{s.APIEndpoint: nil, s.IngestEndpoint: nil, s.AzcollectEndpoint: nil}
	for raw := range bases {
		if raw == "" {
			continue
		}
		base, err := alertlogic.ParseEndpoint(raw)
		if err != nil {
			return nil, fmt.Errorf("read the Alert Logic address %q: %w", raw, err)
		}
		bases[raw] = base
	}
	h.alert = alertlogic.NewClient(alertlogic.Options{
		AccessKeyID: string(s.AccessKeyID), SecretKey: string(s.SecretKey), Residency: s.Residency, HTTP: h.http,
		API: bases[s.APIEndpoint], Ingest: bases[s.IngestEndpoint], Azcollect: bases[s.AzcollectEndpoint],
	})
	h.registrar = &registrar{settings: s, store: h.store, sole: h.sole, client: h.alert, turn: make(chan struct{}, 1)}
	return alertlogic.NewIngest(h.alert, alertlogic.IngestOptions{
		Stream: s.IngestStream, MaxPayload: s.MaxPayload, DeflateLevel: s.DeflateLevel,
		Hostname: s.HostName, Identity: h.registrar.identity,
	})
}

// webhookAddress is where Microsoft calls us; "": nowhere.
func webhookAddress(s Settings) string {
	if s.PublicURL == nil {
		return ""
	}
	path := s.WebhookPath
	if s.Host {
		path = hostWebhookPath
	}
	return strings.TrimSuffix(s.PublicURL.String(), "/") + path
}

// hostPort is an Alert Logic address as a firewall knows it.
func hostPort(endpoint string) string {
	base, err := alertlogic.ParseEndpoint(endpoint)
	if err != nil {
		return ""
	}
	if base.Port() == "" {
		return base.Host + ":443"
	}
	return base.Host
}

// storageHosts are those of the storage account, if there is one by name or
// address; a connection string names its own.
func storageHosts(s Settings) (hosts []string) {
	for service, given := range map[string]*url.URL{
		"table": s.Storage.TableServiceURI, "queue": s.Storage.QueueServiceURI, "blob": s.Storage.BlobServiceURI,
	} {
		if u, err := url.Parse(serviceURL(s, given, service)); err == nil && u.Host != "" {
			hosts = append(hosts, hostPort(u.String()))
		}
	}
	return hosts
}

// updateHosts are those that updates come from, and who is asked to make them. Where a
// package lies is said in the manifest; mostly it is the same host.
func updateHosts(s Settings) (hosts []string) {
	for _, address := range []Secret{s.ConfigURL, s.UpdateManifest} {
		if u, err := url.Parse(string(address)); err == nil && u.Host != "" {
			hosts = append(hosts, hostPort(u.Scheme+"://"+u.Host))
		}
	}
	if s.UpdateContainer != nil {
		hosts = append(hosts, hostPort(s.UpdateContainer.Scheme+"://"+s.UpdateContainer.Host))
		if cloud, err := cloudOf(s); err == nil {
			hosts = append(hosts, hostPort(cloud.ResourceManager.String()))
		}
	}
	return hosts
}
