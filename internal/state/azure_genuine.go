package state

import (
	"errors"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Proxies, portals and gateways before a storage account answer as well, and some of
// what they say looks like an answer of the account: a page under 200, an empty list, a
// 404. Believed, it would be state that is gone. So success counts only with the
// services' own mark, and absence only with their own code.

// requestID is in every answer of the services ("Common REST API response headers").
const requestID = "X-Ms-Request-Id"

var errNotGenuine = errors.New("the answer is not one of Azure Storage: something before the account answered")

// genuine takes no success without the mark. The error leaves open what happened, as
// any other that is no answer does.
type genuine struct{}

func (genuine) Do(r *policy.Request) (*http.Response, error) {
	resp, err := r.Next()
	if err == nil && resp.StatusCode/100 == 2 && resp.Header.Get(requestID) == "" {
		_ = resp.Body.Close() // what it says is nothing to us
		return nil, errNotGenuine
	}
	return resp, err
}

// isNoRow reports whether Table Storage itself says that there is no such row, or not
// even its table.
func isNoRow(a answer) bool {
	return a.status == http.StatusNotFound && (a.code == codeNoRow || a.code == codeNoEntity || a.code == codeTableNotFound)
}
