package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"azcollector/internal/wire"
)

// check looks at settings beside each other. What is empty here may just have
// been refused by its own row, so only what was really not given is complained of.
func (s *Settings) check(src Sources) []error {
	var complaints []error
	complain := func(format string, args ...any) {
		complaints = append(complaints, fmt.Errorf(format, args...))
	}
	if !s.given("APP_TENANT_ID") {
		complain("APP_TENANT_ID: missing; set the directory (tenant) id, a GUID")
	}
	if !s.given("APP_CLIENT_ID") {
		complain("APP_CLIENT_ID: missing; set the application (client) id, a GUID")
	}
	if err := s.checkCredential(); err != nil {
		complaints = append(complaints, err)
	}
	switch {
	case s.Sink == "alertlogic":
		for _, name := range []string{"APP_AL_ACCESS_KEY_ID", "APP_AL_SECRET_KEY"} {
			if !s.given(name) {
				complain("%s: missing; SINK=alertlogic needs it", name)
			}
		}
	case s.Sink == "jsonl" && !s.given("JSONL_PATH"):
		complain("JSONL_PATH: missing; SINK=jsonl needs the path of a file, or - for stdout")
	case s.Sink == "jsonl" && s.JSONLPath == "-" && s.Host:
		complain("JSONL_PATH=-: must be the path of a file under the Functions host, which takes stdout for logs")
	}
	if s.given("CONFIG_URL") && !s.given("CONFIG_PUBLIC_KEY") {
		complain("CONFIG_PUBLIC_KEY: missing; CONFIG_URL needs the key that signs what lies there")
	}
	if s.given("UPDATE_MANIFEST_URL") && !s.given("UPDATE_PUBLIC_KEYS") {
		complain("UPDATE_PUBLIC_KEYS: missing; UPDATE_MANIFEST_URL needs the keys that sign releases")
	}
	if s.given("UPDATE_PACKAGE_IDENTITY") && !s.given("UPDATE_PACKAGE_CONTAINER") {
		complain("UPDATE_PACKAGE_CONTAINER: missing; UPDATE_PACKAGE_IDENTITY says who reads it")
	}
	complaints = append(complaints, s.checkStorage()...)
	if !s.Host {
		complaints = append(complaints, s.checkListener(src.Listens)...)
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if proxy := src.Env[name]; proxy != "" && !isProxy(proxy) {
			complain("%s=***: must be the address of a proxy, like http://proxy.example:3128; Go would ignore this one and connect directly", name)
		}
	}
	if n := len(s.WebhookAuthID); n > 0 && n < guessable {
		s.Warnings = append(s.Warnings, fmt.Sprintf("O365_WEBHOOK_AUTH_ID has fewer than %d characters: it can be guessed", guessable))
	}
	return complaints
}

// isProxy takes what net/http takes: a URL with a host, or host:port.
func isProxy(raw string) bool {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	return err == nil && u.Hostname() != "" && slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme)
}

// guessable is the length below which a random secret of letters and digits has
// fewer than about 80 bits.
const guessable = 16

func (s *Settings) checkCredential() error {
	var set []string
	for _, name := range []string{"APP_CLIENT_SECRET", "APP_CLIENT_CERTIFICATE", "APP_FEDERATED_IDENTITY"} {
		if s.given(name) {
			set = append(set, name)
		}
	}
	switch {
	case len(set) == 0:
		return errors.New("APP_CLIENT_SECRET: missing; set it, or APP_CLIENT_CERTIFICATE, or APP_FEDERATED_IDENTITY")
	case len(set) > 1:
		return fmt.Errorf("%s: set together; set exactly one of them", strings.Join(set, ", "))
	case s.given("APP_CLIENT_CERTIFICATE_PASSWORD") && set[0] != "APP_CLIENT_CERTIFICATE":
		return errors.New("APP_CLIENT_CERTIFICATE_PASSWORD: set without APP_CLIENT_CERTIFICATE; set both or neither")
	}
	return nil
}

func (s *Settings) checkStorage() []error {
	const name = "AzureWebJobsStorage"
	byIdentity := slices.DeleteFunc([]string{name + "__accountName", name + "__tableServiceUri",
		name + "__queueServiceUri", name + "__blobServiceUri"}, func(n string) bool { return !s.given(n) })
	switch {
	case s.given(name) && len(byIdentity) > 0:
		return []error{fmt.Errorf("%s: set beside %s; set a connection string or an identity's account, not both", name, byIdentity[0])}
	case len(byIdentity) > 0 && byIdentity[0] != name+"__accountName" && len(byIdentity) < 3:
		return []error{fmt.Errorf("%s__accountName: missing; set it, or all of __tableServiceUri, __queueServiceUri and __blobServiceUri", name)}
	case !s.given(name) && len(byIdentity) == 0 && s.Host:
		s.Warnings = append(s.Warnings, "AzureWebJobsStorage is not set: the state is kept in STATE_DIR, "+
			"which other instances do not see and a new one does not find")
	}
	return nil
}

func (s *Settings) checkListener(listens bool) (complaints []error) {
	cert, key := s.given("TLS_CERT"), s.given("TLS_KEY")
	switch {
	case cert && !key:
		complaints = append(complaints, errors.New("TLS_KEY: missing; TLS_CERT needs it"))
	case key && !cert:
		complaints = append(complaints, errors.New("TLS_CERT: missing; TLS_KEY needs it"))
	case listens && !cert && s.Listen != "" && !wire.Loopback(s.Listen) && !s.ListenInsecure:
		complaints = append(complaints, fmt.Errorf("LISTEN=%s: must be on loopback (like 127.0.0.1:8443) without TLS; "+
			"set TLS_CERT and TLS_KEY, or LISTEN_INSECURE=true behind a proxy that ends TLS", wire.Printable(s.Listen)))
	}
	return complaints
}
