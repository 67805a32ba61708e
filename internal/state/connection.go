package state

import (
	"errors"
	"fmt"
	"strings"

	"azcollector/internal/wire"
)

// account is where a storage account is and how to prove who we are: by key, by
// a shared access signature, or (with neither) by the caller's credential.
type account struct {
	name, key string
	signature string // a query string, without "?": a secret
	urls      [3]string
}

// service indexes account.urls.
type service int

const (
	tables service = iota
	blobs
	queues
)

func (s service) String() string { return [...]string{"table", "blob", "queue"}[s] }

// developmentStorage is what UseDevelopmentStorage=true stands for: the account,
// key and ports that every Azurite has ("Use the Azurite emulator" on
// learn.microsoft.com, section "Well-known storage account and key").
const developmentStorage = "AccountName=devstoreaccount1;" +
	"AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;" +
	"BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;" +
	"QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;" +
	"TableEndpoint=http://127.0.0.1:10002/devstoreaccount1"

// parseConnection reads a storage connection string, for all three services
// alike. Its errors quote nothing of it: any part may be the key, misplaced.
func parseConnection(s string) (account, error) {
	settings := map[string]string{}
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return account{}, errors.New(`is no connection string; write it like "AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net"`)
		}
		settings[strings.ToLower(name)] = value
	}
	if strings.EqualFold(settings["usedevelopmentstorage"], "true") {
		return parseConnection(developmentStorage)
	}
	a := account{
		name:      settings["accountname"],
		key:       settings["accountkey"],
		signature: strings.TrimPrefix(settings["sharedaccesssignature"], "?"),
	}
	switch {
	case a.signature != "":
		a.key = ""
	case a.name == "" || a.key == "":
		return account{}, errors.New("must hold AccountName and AccountKey, or SharedAccessSignature")
	}
	scheme := or(settings["defaultendpointsprotocol"], "https")
	suffix := or(settings["endpointsuffix"], "core.windows.net")
	for s := range a.urls {
		name := service(s).String()
		address := settings[name+"endpoint"]
		if address == "" && a.name == "" {
			continue // a signature for other services only; complained of by those who need this one
		}
		if err := a.setURL(service(s), or(address, fmt.Sprintf("%s://%s.%s.%s", scheme, a.name, name, suffix))); err != nil {
			return account{}, err
		}
	}
	return a, nil
}

func (a *account) setURL(s service, address string) error {
	u, err := wire.ParseBase(address)
	if err != nil {
		return fmt.Errorf("%s endpoint %w", s, err)
	}
	a.urls[s] = u.String()
	return nil
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
