package state

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	blobservice "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"azcollector/internal/wire"
)

const (
	// loanSkew is how much earlier a loan begins than now, since no two clocks agree: what
	// "Grant limited access to Azure Storage resources using shared access signatures"
	// advises in its best practices.
	loanSkew = 15 * time.Minute
	// maxLoan keeps the whole validity, skew included, within the seven days that a user
	// delegation key may have ("Get User Delegation Key", Expiry).
	maxLoan = 7*24*time.Hour - loanSkew
)

// Address is where a package is, without a signature; "" if sha is none.
func (p *Packages) Address(sha string) string {
	name, err := nameOf(sha)
	if err != nil {
		return ""
	}
	return p.place.service + p.place.container + "/" + name
}

// Holds tells the hash of the package that an address names, with or without a
// signature, if it is one in this container. Whether it is there is not looked at.
func (p *Packages) Holds(address string) (sha string, ok bool) {
	u, err := wire.ParseAddress(address)
	if err != nil || u.Fragment != "" {
		return "", false
	}
	sha = strings.TrimSuffix(u.Path[strings.LastIndexByte(u.Path, '/')+1:], ".zip")
	own, err := url.Parse(p.Address(sha))
	if err != nil || !wire.SameOrigin(own, u) || own.Path != u.EscapedPath() {
		return "", false
	}
	return sha, true
}

// Lend is the address of a package with a signature for d from now, which whoever has
// it may read that one blob with, over https, and do nothing else. It is a secret. That
// the package is there is not looked at.
func (p *Packages) Lend(ctx context.Context, sha string, d time.Duration) (string, error) {
	name, err := nameOf(sha)
	if err != nil {
		return "", fmt.Errorf("lend a package: %w", err)
	}
	if d <= 0 || d > maxLoan {
		return "", fmt.Errorf("lend package %s: the time is %v, must be above 0 and at most %v", name, d, maxLoan)
	}
	now := time.Now().UTC().Truncate(time.Second) // both services write whole seconds
	begin, end := now.Add(-loanSkew), now.Add(d)
	key, err := p.delegate(ctx, begin, end)
	if err != nil {
		return "", err
	}
	query, err := sign(key, sas.BlobSignatureValues{
		Protocol:      sas.ProtocolHTTPS,
		StartTime:     begin,
		ExpiryTime:    end,
		Permissions:   (&sas.BlobPermissions{Read: true}).String(),
		ContainerName: p.place.container,
		BlobName:      name,
	})
	if err != nil {
		return "", fmt.Errorf("lend package %s: %w", name, err)
	}
	return p.Address(sha) + "?" + query, nil
}

// delegate asks for a key with which to sign in the identity's name.
func (p *Packages) delegate(ctx context.Context, begin, end time.Time) (key *sas.UserDelegationCredential, err error) {
	from, until := begin.Format(sas.TimeFormat), end.Format(sas.TimeFormat)
	err = p.Retry.Do(ctx, func(ctx context.Context) (err error) {
		key, err = p.keys.ServiceClient().GetUserDelegationCredential(ctx, blobservice.KeyInfo{Start: &from, Expiry: &until}, nil)
		return judgePackages("ask for a user delegation key", keyAsker, err)
	})
	return key, err
}

// sign guards against the SDK, which takes it that no field of the key is missing.
func sign(key *sas.UserDelegationCredential, values sas.BlobSignatureValues) (query string, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the user delegation key that came for UPDATE_PACKAGE_CONTAINER is not whole")
		}
	}()
	signed, err := values.SignWithUserDelegation(key)
	return signed.Encode(), err
}
